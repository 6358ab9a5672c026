//! Errors in Twilio's numbers. A body never has `type` and `title`: with these, the libraries raise another class of exception.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::gateway::{Error, StartError};
use crate::verification::Refusal;
use crate::verification::numbers::PhoneError;
use crate::web::{self, Challenge, Kind};

const UNAVAILABLE: &str =
    "The service cannot answer now; the request may or may not have taken effect";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    status: u16,
    code: u32,
    message: String,
    retry_after: Option<u64>,
    allow: Option<Box<str>>,
}

impl Fault {
    pub fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            allow: None,
        }
    }

    pub fn unauthorized() -> Self {
        Self::new(401, 20_003, "Authenticate")
    }

    pub fn forbidden(message: &str) -> Self {
        Self::new(403, 20_403, message)
    }

    /// `path`: below `/twilio/v2`.
    pub fn not_found(path: &str) -> Self {
        let message = format!("The requested resource {path} was not found");
        Self::new(404, 20_404, message)
    }

    pub fn parameter(name: &str, problem: &str) -> Self {
        Self::new(
            400,
            60_200,
            format!("Invalid parameter `{name}`: {problem}"),
        )
    }

    /// A feature that the service does not have, or has switched off.
    pub fn unsupported(what: &str) -> Self {
        Self::new(
            400,
            60_204,
            format!("Service does not support this feature: {what}"),
        )
    }

    pub fn max_checks() -> Self {
        Self::new(429, 60_202, "Max check attempts reached")
    }

    pub fn max_sends() -> Self {
        Self::new(429, 60_203, "Max send attempts reached")
    }

    pub fn concurrent() -> Self {
        Self::new(429, 60_212, "Too many concurrent requests for phone number")
    }

    pub fn of_number(error: &PhoneError) -> Self {
        if error.is_landline() {
            return Self::new(
                400,
                60_205,
                format!("SMS is not supported by landline phone number: {error}"),
            );
        }
        Self::parameter("To", &error.to_string())
    }

    /// `limited`: what a limit of the number means for this request.
    pub fn of(error: Error, limited: fn() -> Self, path: &str) -> Self {
        match error {
            Error::NotFound => Self::not_found(path),
            Error::Limited(exhausted) => {
                let wait = exhausted.retry_after.as_millis().div_ceil(1_000);
                let fault = if exhausted.is_of_number {
                    limited()
                } else {
                    Self::new(
                        429,
                        20_429,
                        format!("Too many requests: {}", exhausted.what),
                    )
                };
                Self {
                    retry_after: u64::try_from(wait).ok().map(|wait| wait.max(1)),
                    ..fault
                }
            }
            Error::Blocked => Self::new(403, 60_410, "Verification delivery attempt blocked"),
            Error::Refused(refusal) => Self::refused(&refusal, path),
            Error::Unavailable => web::Fault::unavailable().into(),
            Error::Internal => web::Fault::internal().into(),
        }
    }

    fn refused(refusal: &Refusal, path: &str) -> Self {
        match refusal {
            Refusal::NotPending(_) | Refusal::Expired => Self::not_found(path),
            Refusal::TooManyChecks => Self::max_checks(),
            Refusal::TooManySends | Refusal::ResendTooSoon(_) => Self::max_sends(),
            Refusal::BudgetExhausted => Self::budget(),
            Refusal::ChannelUnavailable { .. } => Self::new(
                400,
                60_223,
                "Delivery channel disabled: it is not configured, or not in the project's route",
            ),
        }
    }

    fn budget() -> Self {
        const MESSAGE: &str =
            "Verification creation blocked: a budget of the project leaves no room for a message";
        Self::new(403, 60_238, MESSAGE)
    }

    pub fn of_start(error: StartError, path: &str) -> Self {
        match error {
            StartError::CountryBlocked(country) => Self::new(
                403,
                60_605,
                format!(
                    "Verification delivery attempt blocked: numbers of {country} are not permitted"
                ),
            ),
            StartError::BudgetExhausted => Self::budget(),
            StartError::IdUsed | StartError::Undeliverable { .. } => web::Fault::internal().into(),
            StartError::Failed(error) => Self::of(error, Self::max_sends, path),
        }
    }
}

impl From<web::Fault> for Fault {
    fn from(fault: web::Fault) -> Self {
        let code = match &fault.kind {
            Kind::Unauthorized(_) => return Self::unauthorized(),
            Kind::NotFound => 20_404,
            Kind::MethodNotAllowed(_) => 20_004,
            Kind::TooLarge => 20_413,
            Kind::Timeout => 20_408,
            Kind::UnsupportedMediaType => 20_415,
            Kind::Unavailable => 20_503,
            Kind::Internal => 20_500,
            Kind::Invalid | Kind::StillRunning | Kind::KeyReused => 60_200,
        };
        let (status, ..) = web::problem::row(&fault.kind);
        let allow = match &fault.kind {
            Kind::MethodNotAllowed(allow) => Some((**allow).into()),
            _ => None,
        };
        let retry_after = (fault.kind == Kind::Unavailable).then_some(1);
        let message = match fault.kind {
            Kind::Unavailable => UNAVAILABLE.to_owned(),
            _ => fault.detail.into(),
        };
        Self {
            retry_after,
            allow,
            ..Self::new(status, code, message)
        }
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let code = self.code;
        let mut response = HttpResponse::build(self.status_code()).json(json!({
            "code": code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
            "status": self.status,
        }));
        let challenge = (self.status == 401).then_some(Challenge::Basic);
        let allow = self.allow.as_deref();
        web::problem::add_headers(&mut response, challenge, self.retry_after, allow);
        response
    }
}

/// Answers what no handler gets to see.
pub fn render(fault: &web::Fault) -> HttpResponse {
    Fault::from(fault.clone()).error_response()
}
