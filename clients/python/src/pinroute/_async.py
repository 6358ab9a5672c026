"""The client for asyncio. Its methods are those of `Pinroute`, where they are explained."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
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


class AsyncPinroute(Base):
    """The calls of Pinroute, awaited. One client serves a whole program; its parameters are those of `Pinroute`."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        issuer: str | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(base_url, api_key, timeout, retries, issuer)
        self._http = http or httpx.AsyncClient()
        self._owns_http = http is None

    async def start(self, *, idempotency_key: str | None = None, **request: Unpack[StartVerification]) -> Verification:
        return await self._answer(calls.start(request, idempotency_key))

    async def get(self, verification_id: str) -> Verification:
        return await self._answer(calls.get(verification_id))

    async def check(self, verification_id: str, code: str, *, idempotency_key: str | None = None) -> Check:
        return await self._answer(calls.check(verification_id, code, idempotency_key))

    async def resend(
        self, verification_id: str, channel: Channel | None = None, *, idempotency_key: str | None = None
    ) -> Verification:
        return await self._answer(calls.resend(verification_id, channel, idempotency_key))

    async def cancel(self, verification_id: str, *, idempotency_key: str | None = None) -> Verification:
        return await self._answer(calls.cancel(verification_id, idempotency_key))

    async def events(self, verification_id: str, *, last_event_id: str | None = None) -> AsyncIterator[Event]:
        timeline, patience = Timeline(last_event_id), Patience(self._retries)
        while True:
            pause: float | None
            try:
                async with self._http.stream(**self._stream(verification_id, timeline)) as response:
                    if timeline.begins(response, patience):
                        async for chunk in response.aiter_bytes():
                            for event in timeline.take(chunk):
                                yield event
                        pause = timeline.after_end()
                    elif response.status_code == 204:
                        return
                    else:
                        await response.aread()
                        pause = patience.after_answer(response)
            except httpx.TransportError as error:
                pause = patience.after_loss(error, timeline.retry)
            if pause is None:
                raise fault(response)
            await asyncio.sleep(pause)

    async def verify_proof(
        self, proof: str, *, audience: str, phone_number: str = ANY, verification_id: str = ANY
    ) -> ProofClaims:
        read = Proof(proof)
        if self._keys.must_be_fetched_for(read.kid):
            self._keys.take(await self._answer(calls.key_set()))
        return read.verified(
            self._keys,
            issuer=self._issuer,
            audience=audience,
            phone_number=phone_number,
            verification_id=verification_id,
        )

    async def close(self) -> None:
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> AsyncPinroute:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _answer(self, call: Call[T]) -> T:
        patience = Patience(self._retries)
        with calls.failing_as(call):
            while True:
                try:
                    response = await self._http.request(**self._request(call))
                except httpx.TransportError as error:
                    await asyncio.sleep(patience.after_loss(error))
                    continue
                pause = patience.after_answer(response)
                if pause is None:
                    return calls.answer(call, response)
                await asyncio.sleep(pause)
