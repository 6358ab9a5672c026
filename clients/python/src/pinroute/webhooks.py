"""Messages of webhooks, signed as Standard Webhooks (standardwebhooks.com) says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, TypedDict, cast

from .errors import WebhookInvalid
from .types import WebhookType

TOLERANCE = 300.0


class WebhookMessage(TypedDict):
    """What happened."""

    type: WebhookType
    timestamp: str
    """When it happened. `data` is as of the time of sending."""
    data: Any
    """The `Verification` of a type that begins with `verification.`; else an object of its own."""


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secret: str, *, tolerance: float = TOLERANCE
) -> WebhookMessage:
    """The message, if Pinroute signed it with this `whsec_…` secret; raises `WebhookInvalid` otherwise.

    `body` is as it arrived, to the byte. A message comes again until it is answered with a 2xx: remember `webhook-id`.
    `tolerance` is how many seconds the clocks may differ; an older message may be a recorded one.
    """
    if not secret.startswith("whsec_"):
        raise ValueError("the secret begins with whsec_")
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    body = body.encode() if isinstance(body, str) else body
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        age = time.time() - int(timestamp)
    except (KeyError, ValueError) as error:
        raise WebhookInvalid("not signed") from error
    if abs(age) > tolerance:
        raise WebhookInvalid("signed too long ago, or in the future")
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(signed)
    # Several while a secret is replaced: one by the old, one by the new.
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures.split(" ")):
        raise WebhookInvalid("the signature does not fit")
    try:
        return cast(WebhookMessage, json.loads(body))
    except ValueError as error:
        raise WebhookInvalid("not JSON") from error
