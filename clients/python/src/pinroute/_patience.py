"""When a request is repeated: after a 503 or a lost connection, and after nothing else. A 500 would come again, and a
4xx is the caller's to decide."""

from __future__ import annotations

import random

import httpx

from .errors import ConnectionLost, retry_after

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
LONGEST_WISH = 30
"""A server that asks for more seconds is down for longer than a caller should be held."""


class Patience:
    """Counts the retries of one call, and the growing pauses before them."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._used = 0

    def restore(self) -> None:
        """The server was reached: whatever comes next is a new fault."""
        self._used = 0

    def after_answer(self, response: httpx.Response) -> float | None:
        """Seconds until the next try; None if the answer stands."""
        if response.status_code != 503 or self._used >= self._retries:
            return None
        wish = retry_after(response) or 0
        return None if wish > LONGEST_WISH else self._pause(wish)

    def after_loss(self, error: httpx.TransportError, at_least: float = 0) -> float:
        """Seconds until the next try; raises if there is none. A timeout is a loss too: the answer did not come."""
        if self._used >= self._retries:
            raise ConnectionLost(f"no answer: {type(error).__name__}") from error
        return self._pause(at_least)

    def _pause(self, at_least: float) -> float:
        # Half of it by chance, so that clients that lost the same server do not return together.
        step: float = min(FIRST_PAUSE * 2**self._used, LONGEST_PAUSE)
        self._used += 1
        return max(at_least, step * random.uniform(0.5, 1))
