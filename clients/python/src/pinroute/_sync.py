"""The client that blocks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import TracebackType

import httpx

from . import _calls as calls
from ._base import RETRIES, TIMEOUT, Base
from ._calls import Call, T
from ._patience import Patience
from ._timeline import Timeline
from .errors import fault
from .proofs import ANY, Proof, ProofClaims
from .types import Channel, Check, Event, StartVerification, Verification

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack


class Pinroute(Base):
    """The calls of Pinroute. One client serves a whole program, and all its threads.

    `timeout` is in seconds, for connecting, for sending and for each piece of the answer. `retries` follow a 503 or a
    lost connection, with growing pauses. `issuer` is Pinroute's `public_url`, where that is not `base_url`. `http` is
    an httpx client of your own, for proxies or certificates; it stays yours to close.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        issuer: str | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        super().__init__(base_url, api_key, timeout, retries, issuer)
        self._http = http or httpx.Client()
        self._owns_http = http is None

    def start(self, *, idempotency_key: str | None = None, **request: Unpack[StartVerification]) -> Verification:
        """Starts a verification and sends its code.

        While the number has a pending verification with the same `payload` and `code`, that one comes back with
        `reused`, and nothing is sent. `wait` is how many seconds the answer may wait for the first provider.
        """
        return self._answer(calls.start(request, idempotency_key))

    def get(self, verification_id: str) -> Verification:
        """The verification as it is now."""
        return self._answer(calls.get(verification_id))

    def check(self, verification_id: str, code: str, *, idempotency_key: str | None = None) -> Check:
        """Checks the code that the visitor typed. A wrong one is no error: `valid` is False."""
        return self._answer(calls.check(verification_id, code, idempotency_key))

    def resend(
        self, verification_id: str, channel: Channel | None = None, *, idempotency_key: str | None = None
    ) -> Verification:
        """Sends the code again, by this channel or the next one of the route."""
        return self._answer(calls.resend(verification_id, channel, idempotency_key))

    def cancel(self, verification_id: str, *, idempotency_key: str | None = None) -> Verification:
        """Ends the verification. `in_flight` says that a message may still arrive."""
        return self._answer(calls.cancel(verification_id, idempotency_key))

    def events(self, verification_id: str, *, last_event_id: str | None = None) -> Iterator[Event]:
        """The timeline, live until the verification is over. Lost connections resume where they broke; an error means
        that `retries` in a row failed.

        `last_event_id` is the `id` of an event: only later ones come.
        """
        timeline, patience = Timeline(last_event_id), Patience(self._retries)
        while True:
            pause: float | None
            try:
                with self._http.stream(**self._stream(verification_id, timeline)) as response:
                    if timeline.begins(response, patience):
                        for chunk in response.iter_bytes():
                            yield from timeline.take(chunk)
                        pause = timeline.after_end()
                    elif response.status_code == 204:
                        return
                    else:
                        response.read()
                        pause = patience.after_answer(response)
            except httpx.TransportError as error:
                pause = patience.after_loss(error, timeline.retry)
            if pause is None:
                raise fault(response)
            time.sleep(pause)

    def verify_proof(
        self, proof: str, *, audience: str, phone_number: str = ANY, verification_id: str = ANY
    ) -> ProofClaims:
        """What a proof says, if it holds; raises `ProofInvalid` otherwise.

        `audience` is the project's id. Give `phone_number` (E.164) and `verification_id` of this visitor's session:
        only they tie the proof to the visitor. Pinroute is asked only for its keys, which are kept.
        """
        read = Proof(proof)
        if self._keys.must_be_fetched_for(read.kid):
            self._keys.take(self._answer(calls.key_set()))
        return read.verified(
            self._keys,
            issuer=self._issuer,
            audience=audience,
            phone_number=phone_number,
            verification_id=verification_id,
        )

    def close(self) -> None:
        """Closes the connections."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Pinroute:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, call: Call[T]) -> T:
        patience = Patience(self._retries)
        with calls.failing_as(call):
            while True:
                try:
                    response = self._http.request(**self._request(call))
                except httpx.TransportError as error:
                    time.sleep(patience.after_loss(error))
                    continue
                pause = patience.after_answer(response)
                if pause is None:
                    return calls.answer(call, response)
                time.sleep(pause)
