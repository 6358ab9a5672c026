"""Client of Pinroute, a self-hosted phone-verification gateway. Requests and answers are typed in `pinroute.types`."""

from ._async import AsyncPinroute
from ._sync import Pinroute
from .errors import (
    ChannelUnavailable,
    ConnectionLost,
    NumberRefused,
    PinrouteError,
    ProblemError,
    ProofInvalid,
    ServiceUnavailable,
    TooSoon,
    UnexpectedAnswer,
    VerificationOver,
    WebhookInvalid,
)
from .proofs import ProofClaims
from .webhooks import WebhookMessage, verify_webhook

__all__ = [
    "AsyncPinroute",
    "ChannelUnavailable",
    "ConnectionLost",
    "NumberRefused",
    "Pinroute",
    "PinrouteError",
    "ProblemError",
    "ProofClaims",
    "ProofInvalid",
    "ServiceUnavailable",
    "TooSoon",
    "UnexpectedAnswer",
    "VerificationOver",
    "WebhookInvalid",
    "WebhookMessage",
    "verify_webhook",
]
