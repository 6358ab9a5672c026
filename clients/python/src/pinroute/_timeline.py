"""Reads a live stream (server-sent events, WHATWG HTML 9.2) and remembers where it resumes."""

from __future__ import annotations

import json
from typing import cast

import httpx

from ._patience import Patience
from .types import Event

SILENCE = 60.0
"""Seconds without a byte after which a connection counts as lost; the server writes every 16."""


class Timeline:
    """One verification's events over any number of connections."""

    def __init__(self, last_event_id: str | None) -> None:
        self.last_event_id = last_event_id
        self.retry = 2.0
        """Seconds that the server wants between connections."""
        self._open()

    def _open(self) -> None:
        self._rest = b""
        self._id: str | None = None
        self._data: list[str] = []
        self._brought_events = False

    def begins(self, response: httpx.Response, patience: Patience) -> bool:
        """Whether the answer is a stream to read."""
        self._open()
        kind = response.headers.get("content-type", "")
        if response.status_code != 200 or not kind.startswith("text/event-stream"):
            return False
        patience.restore()
        return True

    def after_end(self) -> float:
        """Seconds until the next connection. The server ends a stream when the verification is over, and says so when
        it is asked once more; a proxy may end one at any time."""
        return 0 if self._brought_events else self.retry

    def take(self, chunk: bytes) -> list[Event]:
        """The events that these bytes complete. An event that a lost connection cut off comes again."""
        # Lines end with \n or \r\n, as Pinroute writes them and no proxy changes.
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = [self._line(line.removesuffix(b"\r").decode()) for line in lines]
        return [event for event in events if event is not None]

    def _line(self, line: str) -> Event | None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value) / 1000
        elif line == "" and self._data:
            event = cast(Event, json.loads("\n".join(self._data)))
            self._data = []
            self.last_event_id = self._id
            self._brought_events = True
            return event
        return None
