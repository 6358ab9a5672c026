//! Answers and reports as JSON: compact, keys in Telegram's order, absent fields omitted.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::{Serialize, Serializer};

/// An amount in hundredths, formatted like Telegram's: `0`, `0.01`, `99`, `99.99`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Money(pub(super) i32);

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 {
            serializer.serialize_i32(self.0 / 100)
        } else {
            serializer.serialize_f64(f64::from(self.0) / 100.0)
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct RequestStatus {
    pub(super) request_id: String,
    pub(super) phone_number: String,
    pub(super) request_cost: Money,
    /// `true` or absent, never `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_refunded: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remaining_balance: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delivery_status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verification_status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<String>,
}

/// A delivery or verification status. Only the latter has `code_entered`.
#[expect(clippy::struct_field_names, reason = "the API's own field names")]
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    pub(super) status: &'static str,
    /// Unix seconds.
    pub(super) updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code_entered: Option<String>,
}

#[derive(Debug, Serialize)]
struct Envelope<T> {
    ok: bool,
    result: T,
}

#[derive(Debug)]
pub(super) enum Answer {
    Status(RequestStatus),
    /// Truncated in the middle of the request id.
    Broken(RequestStatus),
    /// Acknowledges a revocation with `true`.
    Revoked,
}

impl Answer {
    pub(super) fn into_response(self) -> HttpResponse {
        let ok = |result| Envelope { ok: true, result };
        match self {
            Self::Status(status) => HttpResponse::Ok().json(ok(status)),
            Self::Revoked => HttpResponse::Ok().json(Envelope {
                ok: true,
                result: true,
            }),
            Self::Broken(status) => {
                let mut text = serde_json::to_string(&ok(status)).unwrap_or_default();
                text.truncate(r#"{"ok":true,"result":{"request_id":"0000"#.len());
                HttpResponse::Ok()
                    .content_type("application/json")
                    .body(text)
            }
        }
    }
}

/// Errors. All but the last two are Telegram's own, sent with HTTP 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    AccessTokenRequired,
    AccessTokenInvalid,
    UnknownMethod,
    PhoneNumberInvalid,
    PhoneNumberMismatch,
    PhoneNumberNotAvailable,
    RequestIdRequired,
    RequestIdInvalid,
    MessageAlreadySent,
    CodeLengthRequired,
    CodeLengthInvalid,
    CodeInvalid,
    TtlInvalid,
    CallbackUrlInvalid,
    PayloadInvalid,
    BalanceNotEnough,
    /// Seconds.
    FloodWait(u32),
    /// HTTP 500 without an API error.
    ServerError,
    /// HTTP 503: the simulator is shutting down.
    Stopping,
}

impl Refusal {
    pub(super) fn into_response(self) -> HttpResponse {
        let word = match self {
            Self::AccessTokenRequired => "ACCESS_TOKEN_REQUIRED",
            Self::AccessTokenInvalid => "ACCESS_TOKEN_INVALID",
            Self::UnknownMethod => "UNKNOWN_METHOD",
            Self::PhoneNumberInvalid => "PHONE_NUMBER_INVALID",
            Self::PhoneNumberMismatch => "PHONE_NUMBER_MISMATCH",
            Self::PhoneNumberNotAvailable => "PHONE_NUMBER_NOT_AVAILABLE",
            Self::RequestIdRequired => "REQUEST_ID_REQUIRED",
            Self::RequestIdInvalid => "REQUEST_ID_INVALID",
            Self::MessageAlreadySent => "MESSAGE_ALREADY_SENT",
            Self::CodeLengthRequired => "CODE_LENGTH_REQUIRED",
            Self::CodeLengthInvalid => "CODE_LENGTH_INVALID",
            Self::CodeInvalid => "CODE_INVALID",
            Self::TtlInvalid => "TTL_INVALID",
            Self::CallbackUrlInvalid => "CALLBACK_URL_INVALID",
            Self::PayloadInvalid => "PAYLOAD_INVALID",
            Self::BalanceNotEnough => "BALANCE_NOT_ENOUGH",
            Self::FloodWait(seconds) => {
                return refuse(StatusCode::OK, &format!("FLOOD_WAIT_{seconds}"));
            }
            Self::ServerError => {
                return HttpResponse::InternalServerError()
                    .content_type("text/plain")
                    .body("Internal Server Error");
            }
            Self::Stopping => {
                return HttpResponse::ServiceUnavailable()
                    .content_type("text/plain")
                    .body("Service Unavailable");
            }
        };
        refuse(StatusCode::OK, word)
    }
}

/// `{"ok":false,"error":"…"}`
pub(in crate::simulator) fn refuse(status: StatusCode, error: &str) -> HttpResponse {
    #[derive(Serialize)]
    struct Refused<'a> {
        ok: bool,
        error: &'a str,
    }
    HttpResponse::build(status).json(Refused { ok: false, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_money_is_an_integer() {
        for (money, text) in [(0, "0"), (1, "0.01"), (9900, "99"), (9999, "99.99")] {
            assert_eq!(serde_json::to_string(&Money(money)).unwrap(), text);
        }
    }
}
