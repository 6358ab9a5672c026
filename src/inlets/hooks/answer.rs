//! What a host is answered, in the form that it reads.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use serde_json::json;

use crate::gateway::{Error, Integration, StartError};
use crate::integrations::{AuthKind, Kind, Preset, Unread};
use crate::verification::Refusal;
use crate::verification::id::VerificationId;
use crate::verification::numbers::PhoneError;
use crate::web::problem;

/// Why nothing is delivered. The codes are Authgear's, which fit every host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub code: &'static str,
    /// A sentence for people, without what the request holds.
    pub message: String,
    /// In seconds: the same request may succeed then.
    pub retry_after: Option<u64>,
}

impl Refused {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    pub fn unauthorized() -> Self {
        let message = "The signature or the credentials are missing, wrong or too old.";
        Self::new(401, "authentication_failed", message)
    }

    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::new(400, "unsupported_request", message)
    }

    pub fn undeliverable() -> Self {
        let message = "No channel can deliver a message to this number.";
        Self::new(422, "delivery_rejected", message)
    }

    /// No provider takes messages for a moment.
    pub fn paused() -> Self {
        Self {
            retry_after: Some(5),
            ..Self::new(503, "unknown_error", "No message can be sent for a moment.")
        }
    }

    fn limited(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after.max(1)),
            ..Self::new(
                429,
                "rate_limited",
                "Too many messages were requested. Try again later.",
            )
        }
    }

    fn spent() -> Self {
        let message = "No more messages can be sent now: a budget is used up.";
        Self::new(403, "delivery_rejected", message)
    }
}

impl From<Unread> for Refused {
    fn from(unread: Unread) -> Self {
        Self::unreadable(sentence(&unread.to_string()))
    }
}

impl From<PhoneError> for Refused {
    fn from(error: PhoneError) -> Self {
        let message = match error {
            PhoneError::Invalid(why) => format!("The phone number {why}."),
            PhoneError::Unsupported(why) => sentence(why),
        };
        Self::new(400, "invalid_phone_number", message)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::Limited(exhausted) => {
                let wait = exhausted.retry_after.as_millis().div_ceil(1_000);
                Self::limited(u64::try_from(wait).unwrap_or(u64::MAX))
            }
            Error::Refused(Refusal::TooManySends) => {
                Self::new(429, "rate_limited", "This code was sent too many times.")
            }
            Error::Refused(Refusal::BudgetExhausted) => Self::spent(),
            Error::Blocked => Self::new(
                403,
                "delivery_rejected",
                "No message is sent for this request.",
            ),
            Error::Refused(_) | Error::NotFound => Self::undeliverable(),
            Error::Unavailable => Self {
                retry_after: Some(1),
                ..Self::new(
                    503,
                    "unknown_error",
                    "The service is unavailable for a moment.",
                )
            },
            Error::Internal => Self::new(500, "unknown_error", "Something failed on our side."),
        }
    }
}

impl From<StartError> for Refused {
    fn from(error: StartError) -> Self {
        match error {
            StartError::CountryBlocked(_) => Self::new(
                403,
                "delivery_rejected",
                "Numbers of this country are not served.",
            ),
            StartError::BudgetExhausted => Self::spent(),
            StartError::Undeliverable { is_for_now: true } => Self::paused(),
            StartError::Undeliverable { is_for_now: false } => Self::undeliverable(),
            StartError::IdUsed => Error::Internal.into(),
            StartError::Failed(error) => error.into(),
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

pub fn accepted(id: VerificationId) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "code": "ok", "id": id.uuid() }))
}

/// Answers in the host's own format, if it has one. A host that retries whatever is not 2xx gets a 200 where the same request cannot
/// succeed later, so that it stops.
pub fn refused(integration: &Integration, refused: &Refused) -> HttpResponse {
    let Refused {
        status,
        code,
        message,
        retry_after,
    } = refused;
    let only_retries = integration.kind == Kind::Zitadel
        || integration
            .settings
            .preset
            .is_some_and(Preset::only_retries);
    let said = json!({ "code": code, "description": message });
    let mut response = match integration.kind {
        _ if only_retries && *status != 401 => {
            if retry_after.is_some() || *status >= 500 {
                answered(503, &said)
            } else {
                let rejected = json!({ "code": "delivery_rejected", "description": message });
                answered(200, &rejected)
            }
        }
        Kind::Supabase if *status != 401 => {
            let shown = json!({ "error": { "http_code": status, "message": message } });
            answered(if *status >= 500 { *status } else { 200 }, &shown)
        }
        Kind::Authgear => answered(*status, &said),
        _ => problem::plain(*status, code, title(code), message),
    };
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    // Only these two ways have a challenge; a signature has none.
    let auth = integration.settings.auth.kind;
    let challenge = match auth {
        _ if *status != 401 || integration.kind.signs() => None,
        AuthKind::Bearer => Some("Bearer"),
        AuthKind::Basic => Some("Basic realm=\"Pinroute\""),
        AuthKind::Header | AuthKind::Query => None,
    };
    if let Some(challenge) = challenge {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        );
    }
    response
}

fn answered(status: u16, body: &serde_json::Value) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(body)
}

fn title(code: &str) -> &'static str {
    match code {
        "authentication_failed" => "Missing or invalid signature or credentials",
        "invalid_phone_number" => "Invalid phone number",
        "rate_limited" => "Too many requests",
        "unsupported_request" => "Request cannot be delivered",
        "delivery_rejected" => "Delivery rejected",
        _ => "Service unavailable",
    }
}
