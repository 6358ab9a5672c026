"""Requests and answers of the API. Generated from the OpenAPI document by scripts/client-types; do not edit."""

from __future__ import annotations

import sys
from typing import Literal, TypeAlias, TypedDict

if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired


class Attempt(TypedDict):
    """One delivery attempt. For servers, not for browsers."""

    id: str
    channel: Channel
    provider: str
    """The provider's name in the configuration."""
    status: AttemptStatus
    reason: Reason | None
    """Why it ended, if there is a reason."""
    cost: Cost
    created_at: str
    updated_at: str


AttemptStatus: TypeAlias = Literal[
    "queued",
    "sending",
    "unknown",
    "sent",
    "expired",
    "undelivered",
    "failed",
    "refused",
    "delivered",
    "read",
]
"""The status of an attempt. Evidence moves it only forward: `queued` < `sending` < `unknown` (it left, and
no answer came) < `sent` < `expired`, `undelivered`, `failed`, `refused` (free: the channel cannot reach
this number) < `delivered` < `read`.
"""


Channel: TypeAlias = Literal["telegram", "sms"]
"""A channel that carries codes."""


class Check(TypedDict):
    """The result of a check; a wrong code is a normal answer."""

    id: str
    status: CheckStatus
    valid: bool
    checks_left: int
    proof: NotRequired[str]
    """A JWT (EdDSA), valid for ten minutes, when the code was right; verify it with
    `/.well-known/jwks.json`. Its claims: `iss` (this service's address), `aud` (the project's id),
    `sub` (the number, E.164), `vid` (the verification's id), `channel`, `iat`, `exp`, `jti`.
    """


class CheckCode(TypedDict):
    """The code as the visitor typed it."""

    code: str
    """4 to 8 digits, in any script; spaces and hyphens between them are ignored."""


CheckStatus: TypeAlias = Literal["pending", "approved", "locked", "failed"]
"""The status after a check; `failed`: a wrong code, and the providers still say that nothing arrived."""


class ClientInfo(TypedDict):
    """The visitor, for the limits."""

    ip: NotRequired[str | None]
    """The visitor's address, also with a port or as `X-Forwarded-For` lists it; codes per address are
    limited. One that cannot be read counts as absent.
    """
    user_agent: NotRequired[str | None]
    """The visitor's browser; only a keyed hash of it is stored."""


class Cost(TypedDict):
    """The cost of an attempt."""

    amount: str
    currency: str
    """ISO 4217."""
    state: CostState


CostState: TypeAlias = Literal["estimated", "charged", "refunded", "refund_expected", "free"]
"""`estimated` until the provider charges; `refund_expected`: documented by the provider, not yet reported."""


class Event(TypedDict):
    """One line of the timeline."""

    id: str
    """Counts from 1 within the verification; for `Last-Event-ID`."""
    type: EventType
    at: str
    attempt_id: str | None
    """The attempt of the event."""
    channel: Channel | None
    """The attempt's channel."""
    reason: Reason | None
    money: Money | None
    """The amount charged or refunded."""


EventType: TypeAlias = Literal[
    "verification.created",
    "verification.sent",
    "verification.delivered",
    "verification.read",
    "verification.fallback",
    "verification.approved",
    "verification.locked",
    "verification.expired",
    "verification.failed",
    "verification.reopened",
    "verification.canceled",
    "verification.resend",
    "check.wrong",
    "attempt.refused",
    "attempt.failed",
    "attempt.undelivered",
    "attempt.expired",
    "attempt.unknown",
    "attempt.charged",
    "attempt.refunded",
    "attempt.refund_expected",
    "attempt.drift",
]
"""The kind of an event: of the verification, of the attempt, or of a check. `attempt.drift`: delivered
after its refund, so the provider's books and its reports disagree.
"""


class FieldFault(TypedDict):
    """A field that is wrong."""

    pointer: str
    """A JSON pointer (RFC 6901) into the body, or `/name` of a query parameter."""
    detail: str


class FiredRule(TypedDict):
    """A rule that fired."""

    rule: GuardRule
    mode: GuardMode
    """`shadow`: decided and recorded, not enforced."""
    cell: str
    """What was counted by: a country's code, or a keyed hash of a range, an address or a network."""
    value: int
    """What was counted, with this message."""
    threshold: int
    """The most that would not have fired."""
    window: GuardWindow
    """What it was counted over; `block`: the range is blocked for what it did before; `now`: nothing was
    counted.
    """
    effect: GuardOutcome
    """Of this rule alone."""


GuardMode: TypeAlias = Literal["off", "shadow", "on"]
"""What becomes of a rule that fires."""


GuardOutcome: TypeAlias = Literal["allow", "challenge", "deny"]
"""What became of a message that the guard judged. `challenge`: only channels that nobody earns by."""


GuardRule: TypeAlias = Literal[
    "unverified_country",
    "unverified_prefix",
    "unverified_ip",
    "unverified_network",
    "unverified_asn",
    "countries_per_ip",
    "velocity",
    "line_type",
    "listed",
    "monitored",
]
"""What the guard decides by."""


class GuardVerdict(TypedDict):
    """A decision of the guard."""

    outcome: GuardOutcome
    rules: list[FiredRule]
    """All that fired, also those that are not enforced."""
    at: str


GuardWindow: TypeAlias = Literal["24h", "1h", "block", "now"]
"""What a rule counted over."""


Host: TypeAlias = Literal["host"]
"""The site itself."""


class KeySet(TypedDict):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[PublicKey]


class Money(TypedDict):
    """An amount, as a decimal string with at least the currency's minor digits."""

    amount: str
    currency: str
    """ISO 4217."""


class Problem(TypedDict):
    """The body of every answer that is not a success (RFC 9457)."""

    type: str
    """Names the kind of fault: `urn:pinroute:problem:` and the `code`."""
    title: str
    """The same for every fault of this code."""
    status: int
    """The HTTP status."""
    detail: str
    """The fault of this request, for people."""
    code: ProblemCode
    errors: NotRequired[list[FieldFault]]
    """The fields that are wrong, if any."""
    verification_status: NotRequired[VerificationStatus]
    """The verification's status, with `verification_not_pending`."""
    channels: NotRequired[list[Channel]]
    """The channels that are still open, with `channel_unavailable`."""
    limit: NotRequired[str]
    """The limit of the project's own that is used up, with `rate_limited`."""


ProblemCode: TypeAlias = Literal[
    "unauthorized",
    "forbidden",
    "invalid_request",
    "phone_number_invalid",
    "phone_number_unsupported",
    "country_blocked",
    "request_blocked",
    "rate_limited",
    "resend_too_soon",
    "too_many_sends",
    "too_many_checks",
    "verification_not_found",
    "verification_expired",
    "verification_not_pending",
    "idempotency_mismatch",
    "idempotency_in_progress",
    "channel_unavailable",
    "exchange_rate_missing",
    "budget_exhausted",
    "service_unavailable",
    "internal_error",
    "not_found",
    "method_not_allowed",
    "payload_too_large",
    "unsupported_media_type",
    "request_timeout",
]
"""The kind of a fault, for programs."""


class PublicKey(TypedDict):
    kty: str
    crv: str
    alg: str
    use: str
    kid: str
    x: str


Reason: TypeAlias = Literal[
    "unreachable",
    "number_invalid",
    "paused",
    "no_price",
    "budget_exhausted",
    "throttled",
    "unavailable",
    "provider_rejected",
    "no_answer",
    "interrupted",
    "not_delivered",
    "revoked",
    "canceled",
    "code_not_carried",
    "guard",
]
"""Why an attempt ended.

`unreachable`: the channel cannot reach this number; never says more about the account.
`number_invalid`: the provider does not accept the number. `paused`: the provider is paused. `no_price`:
no price is configured for the country. `budget_exhausted`: no budget leaves room for it. `throttled`:
the provider asked for fewer requests. `unavailable`: nothing could be sent. `provider_rejected`: the
provider refuses us, not the number. `no_answer`: the request left and no clear answer came.
`interrupted`: the sender stopped. `not_delivered`: reported by the provider. `revoked`, `canceled`:
taken back. `code_not_carried`: the channel cannot carry this code, such as one with letters.
"""


class ResendCode(TypedDict):
    """The channel to send to; without one, the route's next step."""

    channel: NotRequired[Channel | None]


class StartVerification(TypedDict):
    """The verification to start. Only `phone_number` is required."""

    phone_number: str
    """In international form, or as it is written in the project's `default_country`. Digits of any script,
    whatever separates them; a number that cannot be read is `phone_number_invalid`.
    """
    code: NotRequired[str | None]
    """A code that the site generated itself; otherwise one is generated."""
    code_length: NotRequired[int | None]
    """Digits of the generated code."""
    ttl: NotRequired[int | None]
    """Seconds until the verification expires."""
    locale: NotRequired[str | None]
    """The language of the message: a tag (BCP 47), also as platforms write it (`ru_RU`). One that cannot
    be read counts as absent.
    """
    channels: NotRequired[list[Channel] | None]
    """Restricts and orders the project's route."""
    payload: NotRequired[str | None]
    """Returned with the verification. Two requests with the same number and payload are the same
    verification.
    """
    client: NotRequired[ClientInfo | None]
    limit_keys: NotRequired[dict[str, str] | None]
    """Values for limits of the project's own (`limits.keys`): at most so many codes are sent for the same
    value. Only keyed hashes of them are stored.
    """
    web_domain: NotRequired[str | None]
    """Adds the line that lets a browser fill the code in on this host (WebOTP). Ignored with
    `android_app_hash`, since both must be the last line.
    """
    android_app_hash: NotRequired[str | None]
    """Adds the line that lets an Android app fill the code in (SMS Retriever)."""
    wait: NotRequired[float | None]
    """Seconds that the answer may wait for the first provider; 2 by default. The send goes on regardless."""
    project: NotRequired[str | None]
    """With a key of the whole instance: the project's name; `default` if omitted."""


class Verification(TypedDict):
    """The verification of one phone number."""

    id: str
    status: VerificationStatus
    origin: str
    """How it was requested: `native` through this API, or the name of a dialect, or the id of an
    integration. Only its own face acts on it.
    """
    phone_number: str | None
    """E.164; null once it was erased."""
    country: str
    """ISO 3166; `001` for a network of no country, such as a satellite's."""
    channel: Channel | None
    """The channel of the newest attempt; null before the first."""
    attempts: list[Attempt]
    costs: list[Money]
    """The amount charged, per currency."""
    checks_left: int
    sends_left: int
    resend_at: str | None
    """The time from which a resend is possible; null when none is."""
    payload: str | None
    """As the site gave it."""
    created_at: str
    expires_at: str
    approved_at: str | None
    kind: NotRequired[VerificationKind]
    """`message`: a text without a code, of an integration."""
    checked_by: NotRequired[Host]
    """The site made the code and has neither had one checked here nor reported a success."""
    approved_by: NotRequired[Host]
    """Approved by the site's word, without a proof."""
    tags: NotRequired[dict[str, str]]
    """The site's labels, of a request in a dialect."""
    reused: NotRequired[bool]
    """A verification like the requested one was pending already, and nothing was sent."""
    in_flight: NotRequired[bool]
    """In the answer to a cancel: a message was being sent at that moment, and may still arrive."""
    guard: NotRequired[GuardVerdict | None]
    """Of the answer to `GET /v1/verifications/{id}`, with scope `admin` alone: the guard's last decision
    about it in which a rule fired; null: none did. All are at `/v1/guard/decisions?verification_id=`.
    """


VerificationKind: TypeAlias = Literal["message"]
"""Of what has no code to be checked."""


VerificationStatus: TypeAlias = Literal["pending", "approved", "expired", "canceled", "locked", "failed"]
"""`pending` until it is `approved`, `expired`, `canceled`, `locked` (no checks are left) or `failed` (no
channel could deliver, as far as the providers say; until `expires_at` it may still be approved or
become `pending` again).
"""


WebhookType: TypeAlias = Literal[
    "verification.created",
    "verification.sent",
    "verification.delivered",
    "verification.read",
    "verification.fallback",
    "verification.approved",
    "verification.locked",
    "verification.expired",
    "verification.failed",
    "verification.reopened",
    "verification.canceled",
    "balance.low",
    "budget.reached",
    "traffic.suspicious",
    "webhook.test",
]
"""The event of a message; `webhook.test` is sent by hand, to test an endpoint."""
