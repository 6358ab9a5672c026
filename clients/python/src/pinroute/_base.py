"""What both clients are made of."""

from __future__ import annotations

from typing import Any

import httpx

from . import _calls as calls
from ._calls import Call
from ._timeline import SILENCE, Timeline
from .proofs import Keys

TIMEOUT = 15.0
"""Longer than a start may `wait`."""
RETRIES = 3


class Base:
    """The address, the key, and how much patience there is."""

    def __init__(self, base_url: str, api_key: str, timeout: float, retries: int, issuer: str | None) -> None:
        self._base_url = base_url.rstrip("/")
        if not self._base_url.startswith(("http://", "https://")):
            raise ValueError("base_url begins with https:// or http://")
        # Such as the end of the line of the file that it was read from; no request could be sent with it.
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("api_key has a character that no key has")
        self._api_key = api_key
        self._timeout = timeout
        self._retries = retries
        self._issuer = issuer or self._base_url
        self._keys = Keys()

    def _request(self, call: Call[Any]) -> dict[str, Any]:
        """The call in httpx's words."""
        headers = {"accept": "application/json", **call.headers}
        if call.has_key:
            headers["authorization"] = f"Bearer {self._api_key}"
        return {
            "method": call.method,
            "url": self._base_url + call.path,
            "headers": headers,
            "content": call.body,
            "timeout": self._timeout,
            # The key goes to no other address.
            "follow_redirects": False,
        }

    def _stream(self, verification_id: str, timeline: Timeline) -> dict[str, Any]:
        request = self._request(calls.events(verification_id, timeline.last_event_id))
        return {**request, "timeout": httpx.Timeout(self._timeout, read=SILENCE)}
