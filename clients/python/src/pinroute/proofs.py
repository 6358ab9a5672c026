"""Proofs: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), and the keys that verify them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, TypedDict, cast

from .errors import ProofInvalid
from .types import Channel, KeySet

KEPT = 300.0
"""Seconds that a key set is used, as its `Cache-Control` says. So a key that was withdrawn is soon not believed."""
BETWEEN_REFETCHES = 10.0
"""Seconds between fetches for unknown keys, or forged proofs would make this site ask Pinroute once each."""

ANY = cast(str, object())
"""What `verify_proof` expects unless told. None is something else: from an empty session, it fits no proof."""


class ProofClaims(TypedDict):
    """What a proof says."""

    iss: str
    """The address of the Pinroute that signed it."""
    aud: str
    """The project's id."""
    sub: str
    """The number, E.164."""
    vid: str
    """The verification's id."""
    channel: Channel
    iat: int
    exp: int
    jti: str


class Keys:
    """The public keys, as they were last fetched."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._fetched: float | None = None
        self._refetched: float | None = None

    def must_be_fetched_for(self, kid: str) -> bool:
        """Whether the set is too old, or may have got this key since. Notes the latter, so fetch if it says so."""
        now = time.monotonic()
        if self._fetched is None or now - self._fetched >= KEPT:
            return True
        if kid in self._keys or (self._refetched is not None and now - self._refetched < BETWEEN_REFETCHES):
            return False
        self._refetched = now
        return True

    def take(self, fetched: KeySet) -> None:
        keys = [key for key in fetched["keys"] if (key["kty"], key["crv"]) == ("OKP", "Ed25519")]
        self._keys = {key["kid"]: _decoded(key["x"]) for key in keys}
        self._fetched = time.monotonic()

    def get(self, kid: str) -> bytes | None:
        return self._keys.get(kid)


class Proof:
    """A proof that is read, but not yet believed."""

    def __init__(self, token: str) -> None:
        try:
            head, body, signature = token.split(".")
            header: dict[str, Any] = json.loads(_decoded(head))
            # One algorithm, whatever the token asks for; an extension that must be understood (`crit`) is not.
            if header["alg"] != "EdDSA" or "crit" in header:
                raise ProofInvalid("not signed with Ed25519")
            self.kid = str(header["kid"])
            self._claims: dict[str, Any] = dict(json.loads(_decoded(body)))
            self._signed = f"{head}.{body}".encode()
            self._signature = _decoded(signature)
        except (ValueError, KeyError, TypeError) as error:
            raise ProofInvalid("not a JWT") from error

    def verified(
        self, keys: Keys, *, issuer: str, audience: str, phone_number: str, verification_id: str
    ) -> ProofClaims:
        key = keys.get(self.kid)
        if key is None:
            raise ProofInvalid("signed with an unknown key")
        if not _signed_by(key, self._signature, self._signed):
            raise ProofInvalid("the signature does not fit")
        expected = {"iss": issuer, "aud": audience, "sub": phone_number, "vid": verification_id}
        for claim, value in expected.items():
            if value is not ANY and (value is None or self._claims.get(claim) != value):
                raise ProofInvalid(f"`{claim}` is another")
        expires = self._claims.get("exp")
        if not isinstance(expires, (int, float)) or time.time() >= expires:
            raise ProofInvalid("expired")
        return cast(ProofClaims, self._claims)


def _signed_by(key: bytes, signature: bytes, signed: bytes) -> bool:
    # Here, because only sites that verify proofs need the package.
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ImportError("verify_proof needs the extra: pip install 'pinroute[proofs]'") from error
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
