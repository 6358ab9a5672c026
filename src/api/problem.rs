//! Every fault that the API can answer: one table, from which status, title and documentation follow (RFC 9457).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::sets::{self, VerificationStatus};
use crate::abuse::limits::Exhausted;
use crate::gateway::{ReportError, StartError, Trouble};
use crate::verification::Refusal;
use crate::verification::route::Channel;
use crate::verification::span;

/// What went wrong, for programs.
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
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
    RequestTimeout,
}

impl Code {
    #[rustfmt::skip]
    pub const ALL: [Self; 24] = [
        Self::Unauthorized, Self::Forbidden, Self::InvalidRequest, Self::PhoneNumberInvalid, Self::PhoneNumberUnsupported,
        Self::CountryBlocked, Self::RateLimited, Self::ResendTooSoon, Self::TooManySends, Self::TooManyChecks,
        Self::VerificationNotFound, Self::VerificationExpired, Self::VerificationNotPending, Self::IdempotencyMismatch,
        Self::IdempotencyInProgress, Self::ChannelUnavailable, Self::ExchangeRateMissing, Self::BudgetExhausted, Self::ServiceUnavailable, Self::NotFound,
        Self::MethodNotAllowed, Self::PayloadTooLarge, Self::UnsupportedMediaType, Self::RequestTimeout,
    ];

    #[rustfmt::skip]
    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unauthorized           => (401, "unauthorized",             "No key, or one that is not in force"),
            Self::Forbidden              => (403, "forbidden",                "The key may not do this"),
            Self::InvalidRequest         => (400, "invalid_request",          "The request is not as it must be"),
            Self::PhoneNumberInvalid     => (422, "phone_number_invalid",     "Not a possible phone number"),
            Self::PhoneNumberUnsupported => (422, "phone_number_unsupported", "A number that cannot be verified"),
            Self::CountryBlocked         => (403, "country_blocked",          "The project does not admit this country"),
            Self::RateLimited            => (429, "rate_limited",             "Too many requests"),
            Self::ResendTooSoon          => (429, "resend_too_soon",          "Too soon to send again"),
            Self::TooManySends           => (429, "too_many_sends",           "No sends are left"),
            Self::TooManyChecks          => (429, "too_many_checks",          "No checks are left"),
            Self::VerificationNotFound   => (404, "verification_not_found",   "No such verification"),
            Self::VerificationExpired    => (410, "verification_expired",     "The verification has expired"),
            Self::VerificationNotPending => (409, "verification_not_pending", "The verification is over"),
            Self::IdempotencyMismatch    => (422, "idempotency_mismatch",     "The Idempotency-Key was used with another body"),
            Self::IdempotencyInProgress  => (409, "idempotency_in_progress",  "The first request with this Idempotency-Key still runs"),
            Self::ChannelUnavailable     => (422, "channel_unavailable",      "The channel is not open to this verification"),
            Self::ExchangeRateMissing    => (422, "exchange_rate_missing",    "There is no exchange rate"),
            Self::BudgetExhausted        => (402, "budget_exhausted",         "No budget has room for a send"),
            Self::ServiceUnavailable     => (503, "service_unavailable",      "The service cannot answer now"),
            Self::NotFound               => (404, "not_found",                "Nothing is here"),
            Self::MethodNotAllowed       => (405, "method_not_allowed",       "The method is not one of this address"),
            Self::PayloadTooLarge        => (413, "payload_too_large",        "The body is too large"),
            Self::UnsupportedMediaType   => (415, "unsupported_media_type",   "The body's type or coding is not taken"),
            Self::RequestTimeout         => (408, "request_timeout",          "The request did not arrive in time"),
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

/// A field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// A JSON pointer (RFC 6901) into the body, or `/name` of a query parameter.
    #[schema(example = "/phone_number")]
    pub pointer: String,
    pub detail: String,
}

/// The body of every answer that is not a success (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of fault: `urn:pinroute:problem:` and the `code`.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:pinroute:problem:[a-z_]+$")]
    kind: String,
    /// The same for every fault of this code.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong this time, for people.
    detail: String,
    code: Code,
    /// The fields at fault, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldFault>,
    /// Where the verification stands, with `verification_not_pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = VerificationStatus, required = false)]
    verification_status: Option<&'static str>,
    /// The channels that are still open, with `channel_unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<sets::Channel>, required = false)]
    channels: Option<Vec<String>>,
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    code: Code,
    detail: Box<str>,
    errors: Box<[FieldFault]>,
    verification_status: Option<&'static str>,
    channels: Option<Box<[Channel]>>,
    retry_after: Option<u64>,
    allow: Option<&'static str>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into().into(),
            errors: Box::default(),
            verification_status: None,
            channels: None,
            retry_after: None,
            allow: None,
        }
    }

    #[must_use]
    pub fn invalid(errors: Vec<FieldFault>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{} {}", one.pointer, one.detail),
            many => format!("{} fields are not as they must be.", many.len()),
        };
        Self {
            errors: errors.into(),
            ..Self::new(Code::InvalidRequest, detail)
        }
    }

    #[must_use]
    pub fn field(code: Code, pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let errors = Box::new([FieldFault {
            pointer: pointer.to_owned(),
            detail: detail.clone(),
        }]);
        Self {
            errors,
            ..Self::new(code, format!("{pointer} {detail}"))
        }
    }

    /// Names the field that it is about.
    #[must_use]
    pub fn about(mut self, pointer: &str) -> Self {
        self.errors = Box::new([FieldFault {
            pointer: pointer.to_owned(),
            detail: self.detail.to_string(),
        }]);
        self
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            Code::VerificationNotFound,
            "There is no such verification, or it is another project's.",
        )
    }

    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(
                Code::MethodNotAllowed,
                format!("This address takes {allow}."),
            )
        }
    }

    pub(super) fn limited(exhausted: &Exhausted) -> Self {
        let seconds = whole_seconds(exhausted.retry_after);
        let detail = format!("{}; try again in {seconds} s.", capitalised(exhausted.what));
        Self {
            retry_after: Some(seconds),
            ..Self::new(Code::RateLimited, detail)
        }
    }

    #[must_use]
    pub fn unavailable() -> Self {
        let detail = "The database cannot be reached or is too busy. The request may or may not have been accepted: repeat it with the same Idempotency-Key.";
        Self {
            retry_after: Some(1),
            ..Self::new(Code::ServiceUnavailable, detail)
        }
    }

    pub(super) fn refused(refusal: Refusal, now: chrono::DateTime<chrono::Utc>) -> Self {
        match refusal {
            Refusal::Expired => Self::new(
                Code::VerificationExpired,
                "Its time is over; start a new verification.",
            ),
            Refusal::TooManyChecks => Self::new(
                Code::TooManyChecks,
                "All checks are used up; start a new verification.",
            ),
            Refusal::NotPending(status) => Self {
                verification_status: Some(status.as_str()),
                ..Self::new(
                    Code::VerificationNotPending,
                    format!("The verification is {}.", status.as_str()),
                )
            },
            Refusal::ResendTooSoon(at) => {
                let seconds = span::seconds_until(at, now);
                Self {
                    retry_after: Some(seconds),
                    ..Self::new(
                        Code::ResendTooSoon,
                        format!("A resend is possible in {seconds} s."),
                    )
                }
            }
            Refusal::TooManySends => Self::new(
                Code::TooManySends,
                "All sends are used up; start a new verification.",
            ),
            Refusal::BudgetExhausted => Self::new(
                Code::BudgetExhausted,
                "A spend cap leaves no room for a send on any channel; GET /v1/budgets tells which, and when it resets.",
            ),
            Refusal::ChannelUnavailable { open } => {
                let names: Vec<&str> = open.iter().map(|channel| channel.as_str()).collect();
                let detail = match names.as_slice() {
                    [] => "No channel of the route has a provider; configure telegram.token or an SMS provider.".to_owned(),
                    names => format!("The channel is not configured, not in the route, or no step is left; open are: {}.", names.join(", ")),
                };
                Self {
                    channels: Some(open.into()),
                    ..Self::new(Code::ChannelUnavailable, detail)
                }
            }
        }
    }

    #[must_use]
    pub fn body(&self) -> ProblemBody {
        let code = self.code;
        ProblemBody {
            kind: format!("urn:pinroute:problem:{}", code.as_str()),
            title: code.title(),
            status: code.status(),
            detail: self.detail.to_string(),
            code,
            errors: self.errors.to_vec(),
            verification_status: self.verification_status,
            channels: self
                .channels
                .as_ref()
                .map(|open| open.iter().map(|c| c.as_str().to_owned()).collect()),
        }
    }

    /// With the instant that waiting is counted from.
    #[must_use]
    pub fn of(trouble: Trouble, now: chrono::DateTime<chrono::Utc>) -> Self {
        match trouble {
            Trouble::NotFound => Self::not_found(),
            Trouble::Limited(exhausted) => Self::limited(&exhausted),
            Trouble::Refused(refusal) => Self::refused(refusal, now),
            Trouble::Unavailable => Self::unavailable(),
        }
    }

    #[must_use]
    pub fn of_start(error: StartError, now: chrono::DateTime<chrono::Utc>) -> Self {
        match error {
            StartError::CountryBlocked(country) => Self::field(
                Code::CountryBlocked,
                "/phone_number",
                format!("is of {country}, which this project does not admit"),
            ),
            StartError::BudgetExhausted => Self::refused(Refusal::BudgetExhausted, now),
            StartError::Trouble(trouble) => Self::of(trouble, now),
        }
    }
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NotAuthentic => Self::new(
                Code::Unauthorized,
                "The callback is not authentic, or too old.",
            ),
            ReportError::Malformed(what) => Self::new(
                Code::InvalidRequest,
                format!("The callback cannot be read: {what}."),
            ),
            ReportError::Unavailable => Self::unavailable(),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.allow {
            response.insert_header((header::ALLOW, HeaderValue::from_static(allow)));
        }
        if self.code == Code::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        let mut response = response.json(self.body());
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

fn whole_seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis())
        .unwrap_or(u64::MAX)
        .div_ceil(1_000)
        .max(1)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
