"""The calls of the API as values: what is sent, and how the answer is read. Another call: a function here, and a
method in each client."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

import httpx

from .errors import PinrouteError, UnexpectedAnswer, fault
from .types import Channel, Check, CheckCode, KeySet, ResendCode, StartVerification, Verification

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request whose answer is a `T`. Its representation leaves out what it carries: that may be a code."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    has_key: bool = True
    """Whether the API key goes with it."""


def start(request: StartVerification, idempotency_key: str | None) -> Call[Verification]:
    return _post("/v1/verifications", request, idempotency_key)


def get(verification_id: str) -> Call[Verification]:
    return Call("GET", _of(verification_id))


def check(verification_id: str, code: str, idempotency_key: str | None) -> Call[Check]:
    request: CheckCode = {"code": code}
    return _post(f"{_of(verification_id)}/check", request, idempotency_key)


def resend(verification_id: str, channel: Channel | None, idempotency_key: str | None) -> Call[Verification]:
    request: ResendCode = {"channel": channel}
    return _post(f"{_of(verification_id)}/resend", request, idempotency_key)


def cancel(verification_id: str, idempotency_key: str | None) -> Call[Verification]:
    return _post(f"{_of(verification_id)}/cancel", None, idempotency_key)


def events(verification_id: str, last_event_id: str | None) -> Call[None]:
    headers = {"accept": "text/event-stream"}
    if last_event_id is not None:
        headers["last-event-id"] = last_event_id
    return Call("GET", f"{_of(verification_id)}/events/stream", headers)


def key_set() -> Call[KeySet]:
    return Call("GET", "/.well-known/jwks.json", has_key=False)


@contextmanager
def failing_as(call: Call[Any]) -> Iterator[None]:
    """Errors name the key under which the call can be repeated."""
    try:
        yield
    except PinrouteError as error:
        error.idempotency_key = call.headers.get("idempotency-key")
        raise


def answer(_call: Call[T], response: httpx.Response) -> T:
    """What the answer says; raises what it complains of."""
    if not response.is_success:
        raise fault(response)
    try:
        said = response.json()
    except ValueError as error:
        raise UnexpectedAnswer(response.status_code) from error
    return cast(T, said)


def _of(verification_id: str) -> str:
    return f"/v1/verifications/{quote(verification_id, safe='')}"


def _post(path: str, request: Mapping[str, Any] | None, idempotency_key: str | None) -> Call[Any]:
    # One key for all tries of this call: a repeat after a lost answer does nothing twice.
    headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
    if request is None:
        return Call("POST", path, headers)
    headers["content-type"] = "application/json"
    return Call("POST", path, headers, json.dumps(request).encode())
