"""Everything that the client raises. A new class belongs here only where callers do something else for it."""

from __future__ import annotations

import httpx

from .types import Channel, FieldFault, Problem, ProblemCode, VerificationStatus


class PinrouteError(Exception):
    """The base of all."""

    idempotency_key: str | None = None
    """Of the call that failed, if it was a POST: whoever repeats the call gives it again, and nothing is done twice."""


class ConnectionLost(PinrouteError):
    """No answer, also after all retries. The request may have been done: repeat it with this `idempotency_key`."""


class UnexpectedAnswer(PinrouteError):
    """An answer that is not Pinroute's: a proxy's error page, or another server at this address."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}, and not in the words of the API")
        self.status = status


class ProofInvalid(PinrouteError):
    """Not a proof for this purpose: forged, expired, or of another issuer, project, number or verification."""


class WebhookInvalid(PinrouteError):
    """Not a message of this webhook: answer 401, and do nothing."""


class ProblemError(PinrouteError):
    """A fault that the API names. Decide by `code`; `detail` is for people."""

    def __init__(self, problem: Problem, response: httpx.Response) -> None:
        super().__init__(f"{problem['code']}: {problem['detail']}")
        self.problem = problem
        self.code: ProblemCode = problem["code"]
        self.status = response.status_code
        self.detail = problem["detail"]
        self.errors: list[FieldFault] = problem.get("errors", [])
        self.retry_after = retry_after(response)
        """Seconds after which a repeat can succeed; None where waiting does not help."""
        self.request_id = response.headers.get("x-request-id")
        """Names the request in the server's log."""


class NumberRefused(ProblemError):
    """No code goes to this number: ask the visitor for another one."""


class TooSoon(ProblemError):
    """A limit or the pause before a resend: try again after `retry_after` seconds."""


class VerificationOver(ProblemError):
    """It takes no more checks: start a new one."""

    @property
    def verification_status(self) -> VerificationStatus | None:
        """How it ended, where `code` does not say so."""
        return self.problem.get("verification_status")


class ChannelUnavailable(ProblemError):
    """The code cannot go that way."""

    @property
    def channels(self) -> list[Channel]:
        """Those that are open."""
        return self.problem.get("channels", [])


class ServiceUnavailable(ProblemError):
    """Also after all retries. The request may have been done: repeat it with this `idempotency_key`."""


_CLASSES: dict[ProblemCode, type[ProblemError]] = {
    "phone_number_invalid": NumberRefused,
    "phone_number_unsupported": NumberRefused,
    "country_blocked": NumberRefused,
    "rate_limited": TooSoon,
    "resend_too_soon": TooSoon,
    "too_many_checks": VerificationOver,
    "verification_not_found": VerificationOver,
    "verification_expired": VerificationOver,
    "verification_not_pending": VerificationOver,
    "channel_unavailable": ChannelUnavailable,
    "service_unavailable": ServiceUnavailable,
}


def fault(response: httpx.Response) -> PinrouteError:
    """What an answer that is not a success means."""
    try:
        problem = response.json()
        return _CLASSES.get(problem["code"], ProblemError)(problem, response)
    except (ValueError, KeyError, TypeError):
        return UnexpectedAnswer(response.status_code)


def retry_after(response: httpx.Response) -> int | None:
    """The header, in seconds; Pinroute never sends the form with a date."""
    value = response.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdigit() else None
