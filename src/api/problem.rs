//! Every fault of the API: one table gives its status, code and title, in answers and in the document (RFC 9457).

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

pub use super::code::Code;
use super::openapi::sets::{self, VerificationStatus};
use crate::abuse::limits::Exhausted;
use crate::gateway::{Error, StartError};
use crate::verification::Refusal;
use crate::verification::route::Channel;
use crate::verification::span;
use crate::web::{self, FieldFault, Kind, problem};

/// A field that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FieldFault)]
pub struct FieldFaultBody {
    /// A JSON pointer (RFC 6901) into the body, or `/name` of a query parameter.
    #[schema(example = "/phone_number")]
    pointer: String,
    detail: String,
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
    /// The fault of this request, for people.
    detail: String,
    code: Code,
    /// The fields that are wrong, if any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldFaultBody>,
    /// The verification's status, with `verification_not_pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = VerificationStatus, required = false)]
    verification_status: Option<&'static str>,
    /// The channels that are still open, with `channel_unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<sets::Channel>, required = false)]
    channels: Option<Vec<String>>,
    /// The limit of the project's own that is used up, with `rate_limited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    limit: Option<Arc<str>>,
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    code: Code,
    detail: Box<str>,
    errors: Box<[FieldFault]>,
    verification_status: Option<&'static str>,
    channels: Option<Box<[Channel]>>,
    limit: Option<Arc<str>>,
    retry_after: Option<u32>,
    /// The kit's own fault, whose headers go with it.
    kit: Option<Kind>,
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
            limit: None,
            retry_after: None,
            kit: None,
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

    /// Says after how many seconds to try again.
    #[must_use]
    pub(super) fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names the field that is wrong.
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
            "The verification does not exist, or belongs to another project.",
        )
    }

    /// The same for every list and rule: who is blocked is not to learn why.
    pub(super) fn blocked() -> Self {
        Self::new(Code::RequestBlocked, "No message is sent for this request.")
    }

    pub(super) fn limited(exhausted: &Exhausted) -> Self {
        let seconds = whole_seconds(exhausted.retry_after);
        let detail = format!("{}; try again in {seconds} s.", capitalised(exhausted.what));
        Self {
            retry_after: u32::try_from(seconds).ok(),
            limit: exhausted.limit.clone(),
            ..Self::new(Code::RateLimited, detail)
        }
    }

    #[must_use]
    pub fn unavailable() -> Self {
        web::Fault::unavailable().into()
    }

    pub(super) fn refused(refusal: Refusal, now: chrono::DateTime<chrono::Utc>) -> Self {
        match refusal {
            Refusal::Expired => Self::new(
                Code::VerificationExpired,
                "The verification has expired; start a new one.",
            ),
            Refusal::TooManyChecks => Self::new(
                Code::TooManyChecks,
                "No checks are left; start a new verification.",
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
                    retry_after: u32::try_from(seconds).ok(),
                    ..Self::new(
                        Code::ResendTooSoon,
                        format!("A resend is possible in {seconds} s."),
                    )
                }
            }
            Refusal::TooManySends => Self::new(
                Code::TooManySends,
                "No sends are left; start a new verification.",
            ),
            Refusal::BudgetExhausted => Self::new(
                Code::BudgetExhausted,
                "No budget leaves room for a send on any channel; GET /v1/budgets shows which, and when it resets.",
            ),
            Refusal::ChannelUnavailable { open } => {
                let names: Vec<&str> = open.iter().map(|channel| channel.as_str()).collect();
                let detail = match names.as_slice() {
                    [] => "No channel of the route has a provider; configure telegram.token or an SMS provider.".to_owned(),
                    names => format!("The channel is not configured, not in the route, or no step is left; available: {}.", names.join(", ")),
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
            kind: format!("{}{}", problem::TYPE, code.as_str()),
            title: code.title(),
            status: code.status(),
            detail: self.detail.to_string(),
            code,
            errors: self
                .errors
                .iter()
                .cloned()
                .map(FieldFaultBody::from)
                .collect(),
            verification_status: self.verification_status,
            channels: self
                .channels
                .as_ref()
                .map(|open| open.iter().map(|c| c.as_str().to_owned()).collect()),
            limit: self.limit.clone(),
        }
    }

    /// `now`: the instant that waiting is counted from.
    #[must_use]
    pub fn of(trouble: Error, now: chrono::DateTime<chrono::Utc>) -> Self {
        match trouble {
            Error::NotFound => Self::not_found(),
            Error::Limited(exhausted) => Self::limited(&exhausted),
            Error::Blocked => Self::blocked(),
            Error::Refused(refusal) => Self::refused(refusal, now),
            Error::Unavailable => Self::unavailable(),
            Error::Internal => web::Fault::internal().into(),
        }
    }

    /// Like [`Self::of`], of a resource that has its own words for one that does not exist.
    #[must_use]
    pub fn of_resource(
        trouble: Error,
        now: chrono::DateTime<chrono::Utc>,
        no_such: impl FnOnce() -> Self,
    ) -> Self {
        match trouble {
            Error::NotFound => no_such(),
            other => Self::of(other, now),
        }
    }

    #[must_use]
    pub fn of_start(error: StartError, now: chrono::DateTime<chrono::Utc>) -> Self {
        match error {
            StartError::CountryBlocked(country) => Self::field(
                Code::CountryBlocked,
                "/phone_number",
                format!("is from {country}, which this project does not allow"),
            ),
            StartError::BudgetExhausted => Self::refused(Refusal::BudgetExhausted, now),
            // Only a dialect gives ids out beforehand, and only dialects and hooks are refused so.
            StartError::IdUsed | StartError::Undeliverable { .. } => web::Fault::internal().into(),
            StartError::Failed(trouble) => Self::of(trouble, now),
        }
    }
}

impl From<FieldFault> for FieldFaultBody {
    fn from(fault: FieldFault) -> Self {
        Self {
            pointer: fault.pointer,
            detail: fault.detail,
        }
    }
}

/// A fault of the kit, in the API's shape.
impl From<web::Fault> for Problem {
    fn from(fault: web::Fault) -> Self {
        let code = match fault.kind {
            Kind::Unauthorized(_) => Code::Unauthorized,
            Kind::Invalid => Code::InvalidRequest,
            Kind::NotFound => Code::NotFound,
            Kind::MethodNotAllowed(_) => Code::MethodNotAllowed,
            Kind::Timeout => Code::RequestTimeout,
            Kind::TooLarge => Code::PayloadTooLarge,
            Kind::UnsupportedMediaType => Code::UnsupportedMediaType,
            Kind::StillRunning => Code::IdempotencyInProgress,
            Kind::KeyReused => Code::IdempotencyMismatch,
            Kind::Unavailable => Code::ServiceUnavailable,
            Kind::Internal => Code::InternalError,
        };
        Self {
            errors: fault.fields,
            kit: Some(fault.kind),
            ..Self::new(code, fault.detail)
        }
    }
}

/// Answers what no handler of the API gets to see.
pub fn render(fault: &web::Fault) -> HttpResponse {
    Problem::from(fault.clone()).error_response()
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = problem::written(self.code.status(), &self.body());
        if let Some(kind) = &self.kit {
            problem::headers(&mut response, kind);
        }
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Challenge;

    #[test]
    fn the_kit_s_faults_read_the_same_in_every_face_with_problems() {
        for kind in [
            Kind::Unauthorized(Challenge::Bearer),
            Kind::Invalid,
            Kind::NotFound,
            Kind::MethodNotAllowed("GET".into()),
            Kind::Timeout,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
            Kind::StillRunning,
            Kind::KeyReused,
            Kind::Unavailable,
        ] {
            let code = Problem::from(web::Fault::new(kind.clone(), "")).code;
            assert_eq!(code.row(), problem::row(&kind));
        }
    }
}
