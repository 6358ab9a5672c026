"""The calls of Pinroute. The key stays on the server."""

import os
import time
from uuid import uuid4

import httpx
import jwt

URL = os.environ.get("PINROUTE_URL", "http://127.0.0.1:8080")
PROJECT_ID = os.environ["PINROUTE_PROJECT_ID"]
client = httpx.Client(
    base_url=URL, headers={"Authorization": f"Bearer {os.environ['PINROUTE_API_KEY']}"}, timeout=15
)
keys = jwt.PyJWKClient(f"{URL}/.well-known/jwks.json")


class Fault(Exception):
    """An answer that is not a 2xx: Pinroute's code, and the seconds of Retry-After."""

    def __init__(self, code: str, retry_after: int | None = None):
        super().__init__(code)
        self.code, self.retry_after = code, retry_after


def call(path: str, body: dict) -> dict:
    """Repeats once after a 503 or a broken connection, with the same Idempotency-Key, so that nothing is sent twice."""
    idempotency_key = str(uuid4())
    try:
        return attempt(path, body, idempotency_key)
    except Fault as fault:
        if fault.code != "service_unavailable":
            raise
        time.sleep(min(fault.retry_after or 0, 5))
        return attempt(path, body, idempotency_key)


def attempt(path: str, body: dict, idempotency_key: str) -> dict:
    try:
        answer = client.post(path, json=body, headers={"Idempotency-Key": idempotency_key})
        fields = answer.json()
    except (httpx.TransportError, ValueError):
        raise Fault("service_unavailable", 1) from None
    if answer.is_success:
        return fields
    after = answer.headers.get("retry-after")
    raise Fault(fields.get("code"), int(after) if after else None)


def proven_number(proof: str, verification: str, number: str) -> str:
    """The number that the proof is for, if it is this visitor's verification."""
    key = keys.get_signing_key_from_jwt(proof)
    claims = jwt.decode(proof, key, algorithms=["EdDSA"], issuer=URL, audience=PROJECT_ID)
    if (claims["vid"], claims["sub"]) != (verification, number):
        raise ValueError("a proof of another verification")
    return claims["sub"]
