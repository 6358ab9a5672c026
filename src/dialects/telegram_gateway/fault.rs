//! Errors in Telegram's words. They come with HTTP 200, as clients expect; only where the outcome is not known is the answer 503, so that
//! clients repeat the request or report a failure.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::gateway::{Error, StartError};
use crate::verification::Refusal;
use crate::verification::numbers::PhoneError;
use crate::web::{self, Kind, problem};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    AccessTokenRequired,
    AccessTokenInvalid,
    BalanceNotEnough,
    CallbackUrlInvalid,
    CodeInvalid,
    CodeLengthInvalid,
    CodeLengthRequired,
    /// With the number of seconds.
    FloodWait(u64),
    MessageAlreadySent,
    PayloadInvalid,
    PhoneNumberInvalid,
    PhoneNumberNotAvailable,
    RequestIdInvalid,
    RequestIdRequired,
    SenderNotOwned,
    TtlInvalid,
    UnknownMethod,
    /// Not one of Telegram's words, as are the next ones: the request cannot be read.
    RequestInvalid,
    RequestTooLarge,
    RequestTimeout,
    ServiceUnavailable,
    InternalError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}")]
pub struct Fault(Word);

impl From<Word> for Fault {
    fn from(word: Word) -> Self {
        Self(word)
    }
}

impl Word {
    fn text(self) -> String {
        let word = match self {
            Self::FloodWait(seconds) => return format!("FLOOD_WAIT_{seconds}"),
            Self::AccessTokenRequired => "ACCESS_TOKEN_REQUIRED",
            Self::AccessTokenInvalid => "ACCESS_TOKEN_INVALID",
            Self::BalanceNotEnough => "BALANCE_NOT_ENOUGH",
            Self::CallbackUrlInvalid => "CALLBACK_URL_INVALID",
            Self::CodeInvalid => "CODE_INVALID",
            Self::CodeLengthInvalid => "CODE_LENGTH_INVALID",
            Self::CodeLengthRequired => "CODE_LENGTH_REQUIRED",
            Self::MessageAlreadySent => "MESSAGE_ALREADY_SENT",
            Self::PayloadInvalid => "PAYLOAD_INVALID",
            Self::PhoneNumberInvalid => "PHONE_NUMBER_INVALID",
            Self::PhoneNumberNotAvailable => "PHONE_NUMBER_NOT_AVAILABLE",
            Self::RequestIdInvalid => "REQUEST_ID_INVALID",
            Self::RequestIdRequired => "REQUEST_ID_REQUIRED",
            Self::SenderNotOwned => "SENDER_NOT_OWNED",
            Self::TtlInvalid => "TTL_INVALID",
            Self::UnknownMethod => "UNKNOWN_METHOD",
            Self::RequestInvalid => "REQUEST_INVALID",
            Self::RequestTooLarge => "REQUEST_TOO_LARGE",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            Self::InternalError => "INTERNAL_ERROR",
        };
        word.to_owned()
    }

    fn status(self) -> StatusCode {
        match self {
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self(match error {
            Error::NotFound => Word::RequestIdInvalid,
            Error::Limited(exhausted) => {
                let wait = exhausted.retry_after.as_millis().div_ceil(1_000);
                Word::FloodWait(u64::try_from(wait).unwrap_or(u64::MAX).max(1))
            }
            Error::Refused(Refusal::BudgetExhausted) => Word::BalanceNotEnough,
            Error::Refused(_) | Error::Blocked => Word::PhoneNumberNotAvailable,
            Error::Unavailable => Word::ServiceUnavailable,
            Error::Internal => Word::InternalError,
        })
    }
}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        match error {
            StartError::CountryBlocked(_) | StartError::Undeliverable { .. } => {
                Word::PhoneNumberNotAvailable.into()
            }
            StartError::BudgetExhausted => Word::BalanceNotEnough.into(),
            StartError::IdUsed => Word::MessageAlreadySent.into(),
            StartError::Failed(error) => error.into(),
        }
    }
}

impl From<PhoneError> for Fault {
    fn from(error: PhoneError) -> Self {
        Self(match error {
            PhoneError::Unsupported(_) => Word::PhoneNumberNotAvailable,
            PhoneError::Invalid(_) => Word::PhoneNumberInvalid,
        })
    }
}

impl From<web::Fault> for Fault {
    fn from(fault: web::Fault) -> Self {
        Self(match fault.kind {
            Kind::Unauthorized(_) => Word::AccessTokenInvalid,
            Kind::NotFound | Kind::MethodNotAllowed(_) => Word::UnknownMethod,
            Kind::TooLarge => Word::RequestTooLarge,
            Kind::Timeout => Word::RequestTimeout,
            Kind::Unavailable => Word::ServiceUnavailable,
            Kind::Internal => Word::InternalError,
            Kind::Invalid | Kind::UnsupportedMediaType | Kind::StillRunning | Kind::KeyReused => {
                Word::RequestInvalid
            }
        })
    }
}

/// In Telegram's order.
#[derive(Serialize)]
struct Body {
    ok: bool,
    error: String,
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.0.status()
    }

    fn error_response(&self) -> HttpResponse {
        let body = Body {
            ok: false,
            error: self.0.text(),
        };
        let mut response = HttpResponse::build(self.0.status()).json(body);
        if self.0 == Word::ServiceUnavailable {
            problem::headers(&mut response, &Kind::Unavailable);
        }
        response
    }
}

/// Answers what no method gets to see.
pub fn render(fault: &web::Fault) -> HttpResponse {
    Fault::from(fault.clone()).error_response()
}
