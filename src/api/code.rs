//! The kinds of faults, for programs: each has a status and a title of its own.

use serde::Serialize;
use utoipa::ToSchema;

/// The kind of a fault, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub enum Code {
    Unauthorized,
    Forbidden,
    InvalidRequest,
    PhoneNumberInvalid,
    PhoneNumberUnsupported,
    CountryBlocked,
    RequestBlocked,
    RateLimited,
    ResendTooSoon,
    TooManySends,
    TooManyChecks,
    VerificationNotFound,
    VerificationExpired,
    VerificationNotPending,
    IdempotencyMismatch,
    IdempotencyInProgress,
    ChannelUnavailable,
    ExchangeRateMissing,
    BudgetExhausted,
    ServiceUnavailable,
    InternalError,
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
    RequestTimeout,
}

impl Code {
    #[rustfmt::skip]
    pub const ALL: [Self; 26] = [
        Self::Unauthorized, Self::Forbidden, Self::InvalidRequest, Self::PhoneNumberInvalid, Self::PhoneNumberUnsupported,
        Self::CountryBlocked, Self::RequestBlocked, Self::RateLimited, Self::ResendTooSoon, Self::TooManySends, Self::TooManyChecks,
        Self::VerificationNotFound, Self::VerificationExpired, Self::VerificationNotPending, Self::IdempotencyMismatch,
        Self::IdempotencyInProgress, Self::ChannelUnavailable, Self::ExchangeRateMissing, Self::BudgetExhausted, Self::ServiceUnavailable,
        Self::InternalError, Self::NotFound,
        Self::MethodNotAllowed, Self::PayloadTooLarge, Self::UnsupportedMediaType, Self::RequestTimeout,
    ];

    #[rustfmt::skip]
    pub(super) const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unauthorized           => (401, "unauthorized",             "Missing or invalid API key"),
            Self::Forbidden              => (403, "forbidden",                "Not permitted for this API key"),
            Self::InvalidRequest         => (400, "invalid_request",          "Invalid request"),
            Self::PhoneNumberInvalid     => (422, "phone_number_invalid",     "Invalid phone number"),
            Self::PhoneNumberUnsupported => (422, "phone_number_unsupported", "Unsupported phone number"),
            Self::CountryBlocked         => (403, "country_blocked",          "Country not allowed"),
            Self::RequestBlocked         => (403, "request_blocked",          "Request blocked"),
            Self::RateLimited            => (429, "rate_limited",             "Too many requests"),
            Self::ResendTooSoon          => (429, "resend_too_soon",          "Resend requested too soon"),
            Self::TooManySends           => (429, "too_many_sends",           "No sends left"),
            Self::TooManyChecks          => (429, "too_many_checks",          "No checks left"),
            Self::VerificationNotFound   => (404, "verification_not_found",   "Verification not found"),
            Self::VerificationExpired    => (410, "verification_expired",     "Verification expired"),
            Self::VerificationNotPending => (409, "verification_not_pending", "Verification no longer pending"),
            Self::IdempotencyMismatch    => (422, "idempotency_mismatch",     "Idempotency-Key reused with another body"),
            Self::IdempotencyInProgress  => (409, "idempotency_in_progress",  "First request with this Idempotency-Key still running"),
            Self::ChannelUnavailable     => (422, "channel_unavailable",      "Channel unavailable"),
            Self::ExchangeRateMissing    => (422, "exchange_rate_missing",    "Exchange rate missing"),
            Self::BudgetExhausted        => (402, "budget_exhausted",         "Budget exhausted"),
            Self::ServiceUnavailable     => (503, "service_unavailable",      "Service unavailable"),
            Self::InternalError          => (500, "internal_error",           "Internal error"),
            Self::NotFound               => (404, "not_found",                "Not found"),
            Self::MethodNotAllowed       => (405, "method_not_allowed",       "Method not allowed"),
            Self::PayloadTooLarge        => (413, "payload_too_large",        "Request body too large"),
            Self::UnsupportedMediaType   => (415, "unsupported_media_type",   "Unsupported content type or encoding"),
            Self::RequestTimeout         => (408, "request_timeout",          "Request timed out"),
        }
    }

    #[must_use]
    pub fn status(self) -> u16 {
        self.row().0
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().2
    }
}
