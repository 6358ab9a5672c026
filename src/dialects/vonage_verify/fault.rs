//! Problems in Vonage's words: `type`, `title`, `detail` and `instance`, which some clients compare.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use uuid::Uuid;

use crate::gateway::{Error, StartError};
use crate::secret::random;
use crate::verification::Refusal;
use crate::verification::id::VerificationId;
use crate::web::{self, Challenge, Kind, problem};

const UNAVAILABLE: &str =
    "The service cannot answer now; the request may or may not have taken effect";

/// What a fault is called at Vonage. Its libraries' tests have these addresses and titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Unauthorized,
    LowBalance,
    Forbidden,
    NotFound,
    Conflict,
    InvalidCode,
    TooManyCodes,
    InvalidParams,
    Throttled,
    /// Faults of HTTP, which have no name there.
    Other(u16, &'static str),
}

impl Word {
    /// Status, title, and `type`.
    #[rustfmt::skip]
    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unauthorized  => (401, "Unauthorized", "https://developer.vonage.com/api-errors#unauthorized"),
            Self::LowBalance    => (402, "Low balance", "https://developer.vonage.com/api-errors#low-balance"),
            Self::Forbidden     => (403, "Forbidden", "https://developer.vonage.com/api-errors#forbidden"),
            Self::NotFound      => (404, "Not Found", "https://developer.vonage.com/api-errors#not-found"),
            Self::Conflict      => (409, "Conflict", "https://www.developer.vonage.com/api-errors/verify#conflict"),
            Self::InvalidCode   => (400, "Invalid Code", "https://www.developer.vonage.com/api-errors/verify#invalid-code"),
            Self::TooManyCodes  => (410, "Invalid Code", "https://www.developer.vonage.com/api-errors/verify#expired"),
            Self::InvalidParams => (422, "Invalid params", "https://www.developer.vonage.com/api-errors#invalid-params"),
            Self::Throttled     => (429, "Rate Limit Hit", "https://www.developer.vonage.com/api-errors#throttled"),
            Self::Other(status, title) => (status, title, "about:blank"),
        }
    }
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invalid {
    pub name: String,
    pub reason: String,
}

impl Invalid {
    pub fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            reason: reason.into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    word: Word,
    detail: Box<str>,
    invalid: Box<[Invalid]>,
    /// The verification that is in the way.
    pending: Option<Uuid>,
    retry_after: Option<u64>,
    allow: Option<Box<str>>,
}

impl Fault {
    pub fn new(word: Word, detail: impl Into<String>) -> Self {
        Self {
            word,
            detail: detail.into().into(),
            invalid: Box::default(),
            pending: None,
            retry_after: None,
            allow: None,
        }
    }

    pub fn unauthorized() -> Self {
        Self::new(
            Word::Unauthorized,
            "You did not provide correct credentials.",
        )
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Word::Forbidden, detail)
    }

    /// No request has this id, or it is over.
    pub fn no_request(id: &str) -> Self {
        let detail = format!("Request {id} was not found or it has been verified already.");
        Self::new(Word::NotFound, detail)
    }

    pub fn pending(id: VerificationId) -> Self {
        let detail = "Concurrent verifications to the same number are not allowed.";
        Self {
            pending: Some(id.uuid()),
            ..Self::new(Word::Conflict, detail)
        }
    }

    /// Nothing was sent.
    fn paused() -> Self {
        let word = Word::Other(503, "Service unavailable");
        Self {
            retry_after: Some(5),
            ..Self::new(
                word,
                "No provider takes messages for a moment; nothing was sent",
            )
        }
    }

    pub fn no_more_steps() -> Self {
        Self::new(Word::Conflict, "There are no more events left to trigger.")
    }

    pub fn wrong_code() -> Self {
        let detail = "The code you provided does not match the expected value.";
        Self::new(Word::InvalidCode, detail)
    }

    pub fn too_many_codes() -> Self {
        let detail = "An incorrect code has been provided too many times. Workflow terminated.";
        Self::new(Word::TooManyCodes, detail)
    }

    pub fn invalid(invalid: Vec<Invalid>) -> Self {
        let detail = "The value of one or more parameters is invalid";
        Self {
            invalid: invalid.into(),
            ..Self::new(Word::InvalidParams, detail)
        }
    }

    /// A refusal about the request with this id.
    pub fn of(error: Error, id: VerificationId) -> Self {
        let id = id.uuid().to_string();
        match error {
            Error::NotFound | Error::Refused(Refusal::NotPending(_) | Refusal::Expired) => {
                Self::no_request(&id)
            }
            other => other.into(),
        }
    }

    fn budget() -> Self {
        let detail = "A budget of the project leaves no room for a message.";
        Self::new(Word::LowBalance, detail)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(Word::NotFound, "There is no such request."),
            Error::Limited(exhausted) => {
                let wait = exhausted.retry_after.as_millis().div_ceil(1_000);
                Self {
                    retry_after: u64::try_from(wait).ok().map(|wait| wait.max(1)),
                    ..Self::throttled()
                }
            }
            Error::Blocked => Self::forbidden("The request was blocked."),
            Error::Refused(refusal) => match refusal {
                Refusal::NotPending(_) | Refusal::Expired => {
                    Self::new(Word::NotFound, "The request is over.")
                }
                Refusal::TooManyChecks => Self::too_many_codes(),
                Refusal::TooManySends | Refusal::ResendTooSoon(_) => Self::throttled(),
                Refusal::BudgetExhausted => Self::budget(),
                Refusal::ChannelUnavailable { .. } => Self::invalid(vec![Invalid::new(
                    "workflow",
                    "a step has no channel that is configured and in the project's route",
                )]),
            },
            Error::Unavailable => web::Fault::unavailable().into(),
            Error::Internal => web::Fault::internal().into(),
        }
    }
}

impl Fault {
    fn throttled() -> Self {
        Self::new(Word::Throttled, "Please wait, then retry your request")
    }
}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        match error {
            StartError::CountryBlocked(country) => {
                Self::forbidden(format!("Numbers of {country} are not permitted."))
            }
            StartError::BudgetExhausted => Self::budget(),
            StartError::Undeliverable { is_for_now: true } => Self::paused(),
            StartError::Undeliverable { is_for_now: false } => Self::invalid(vec![Invalid::new(
                "workflow",
                "no channel of the workflow can carry this code to this number",
            )]),
            StartError::IdUsed => web::Fault::internal().into(),
            StartError::Failed(error) => error.into(),
        }
    }
}

impl From<web::Fault> for Fault {
    fn from(fault: web::Fault) -> Self {
        let (status, _, title) = problem::row(&fault.kind);
        let word = match &fault.kind {
            Kind::Unauthorized(_) => return Self::unauthorized(),
            Kind::Invalid => Word::InvalidParams,
            Kind::NotFound => Word::NotFound,
            _ => Word::Other(status, title),
        };
        let allow = match &fault.kind {
            Kind::MethodNotAllowed(allow) => Some((**allow).into()),
            _ => None,
        };
        let detail = match fault.kind {
            Kind::Unavailable => UNAVAILABLE.to_owned(),
            _ => fault.detail.into(),
        };
        Self {
            retry_after: (status == 503).then_some(1),
            allow,
            ..Self::new(word, detail)
        }
    }
}

/// In Vonage's order.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    detail: &'a str,
    instance: Uuid,
    #[serde(skip_serializing_if = "<[Invalid]>::is_empty")]
    invalid_parameters: &'a [Invalid],
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Uuid>,
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.word.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let (status, title, kind) = self.word.row();
        let instance = Uuid::from_bytes(random());
        // The log's span has the request's id.
        tracing::debug!(%instance, status, "refused");
        let body = Body {
            kind,
            title,
            detail: &self.detail,
            instance,
            invalid_parameters: &self.invalid,
            request_id: self.pending,
        };
        let mut response = problem::written(status, &body);
        let challenge = (status == 401).then_some(Challenge::Basic);
        let allow = self.allow.as_deref();
        problem::add_headers(&mut response, challenge, self.retry_after, allow);
        response
    }
}

/// Answers what no handler gets to see.
pub fn render(fault: &web::Fault) -> HttpResponse {
    Fault::from(fault.clone()).error_response()
}
