//! `/v1/verifications`: one file per verb, and how a verification reads in JSON.

pub mod cancel;
pub mod check;
pub mod events;
pub mod find;
pub mod resend;
pub mod start;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::openapi::sets;
use super::problem::Problem;
use crate::gateway::Checked;
use crate::money::Money;
use crate::verification::attempt::Attempt;
use crate::verification::id::VerificationId;
use crate::verification::{Status, Verification};

/// An amount, as a decimal string with at least the currency's minor digits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Money)]
pub struct MoneyBody {
    #[schema(pattern = r"^-?[0-9]+(\.[0-9]{1,6})?$")]
    amount: String,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self {
            amount: money.decimal(),
            currency: money.currency.to_string(),
        }
    }
}

/// What an attempt costs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cost)]
struct CostBody {
    #[schema(pattern = r"^-?[0-9]+(\.[0-9]{1,6})?$")]
    amount: String,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    #[schema(value_type = sets::CostState)]
    state: &'static str,
}

/// One delivery try. For servers, not for browsers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptBody {
    id: Uuid,
    #[schema(value_type = sets::Channel)]
    channel: &'static str,
    /// The provider's name in the configuration.
    provider: String,
    #[schema(value_type = sets::AttemptStatus)]
    status: &'static str,
    /// Why it ended so, where there is something to say.
    #[schema(value_type = Option<sets::Reason>, required)]
    reason: Option<&'static str>,
    cost: CostBody,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
}

/// The proof that is sought for one phone number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verification)]
pub struct VerificationBody {
    id: Uuid,
    #[schema(value_type = sets::VerificationStatus)]
    status: &'static str,
    /// E.164.
    #[schema(pattern = r"^\+[0-9]{5,15}$")]
    phone_number: String,
    /// ISO 3166; `ZZ` for a number of no country.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: String,
    /// The newest attempt's; null before there is one.
    #[schema(value_type = Option<sets::Channel>, required)]
    channel: Option<&'static str>,
    attempts: Vec<AttemptBody>,
    /// What stands charged, per currency.
    costs: Vec<MoneyBody>,
    checks_left: u32,
    sends_left: u32,
    /// From when a resend is possible; null when none is.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    resend_at: Option<String>,
    /// As the site gave it.
    #[schema(required)]
    payload: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: String,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    approved_at: Option<String>,
    /// There was a pending verification like the one that was asked for, and nothing was sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    reused: bool,
}

impl VerificationBody {
    pub fn of(v: &Verification, reused: bool) -> Self {
        let record = &v.record;
        Self {
            id: v.id.uuid(),
            status: record.status.as_str(),
            phone_number: v.phone.as_str().to_owned(),
            country: record.country.to_string(),
            channel: v.newest().map(|attempt| attempt.channel.as_str()),
            attempts: record
                .attempts
                .iter()
                .map(|attempt| AttemptBody::of(v, attempt))
                .collect(),
            costs: v.costs().into_iter().map(MoneyBody::from).collect(),
            checks_left: v.checks_left(),
            sends_left: v.sends_left(),
            resend_at: v.resend_at().map(rfc3339),
            payload: record.payload.clone(),
            created_at: rfc3339(record.created_at),
            expires_at: rfc3339(record.expires_at),
            approved_at: match record.status {
                Status::Approved { at, .. } => Some(rfc3339(at)),
                _ => None,
            },
            reused,
        }
    }
}

impl AttemptBody {
    fn of(v: &Verification, attempt: &Attempt) -> Self {
        let cost = &attempt.cost;
        Self {
            id: v.attempt_id(attempt).uuid(),
            channel: attempt.channel.as_str(),
            provider: attempt.provider.clone(),
            status: attempt.status.as_str(),
            reason: attempt
                .reason
                .map(crate::verification::attempt::Reason::as_str),
            cost: CostBody {
                amount: cost.money.decimal(),
                currency: cost.money.currency.to_string(),
                state: cost.state.as_str(),
            },
            created_at: rfc3339(attempt.created_at),
            updated_at: rfc3339(attempt.updated_at),
        }
    }
}

/// The result of a check that was evaluated; a wrong code is a normal answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Check)]
pub struct CheckedBody {
    id: Uuid,
    #[schema(value_type = sets::CheckStatus)]
    status: String,
    valid: bool,
    checks_left: u32,
    /// A JWT (EdDSA) for ten minutes, when the code was right; verify it with `/.well-known/jwks.json`. Its claims:
    /// `iss` (this service's address), `aud` (the project's id), `sub` (the number, E.164), `vid` (the verification's id), `channel`, `iat`,
    /// `exp`, `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    proof: Option<String>,
}

pub(super) fn checked(checked: Checked) -> HttpResponse {
    HttpResponse::Ok().json(CheckedBody {
        id: checked.id.uuid(),
        status: checked.status,
        valid: checked.valid,
        checks_left: checked.checks_left,
        proof: checked.proof,
    })
}

pub(super) fn answer(status: u16, verification: &Verification, reused: bool) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).json(VerificationBody::of(verification, reused))
}

/// A verification as its project is told of it elsewhere than in an answer.
#[must_use]
pub fn json(v: &Verification) -> serde_json::Value {
    serde_json::to_value(VerificationBody::of(v, false)).expect("it is texts, figures and lists")
}

/// RFC 3339 in UTC, to the microsecond where there are any.
pub(super) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// An id from the path; what is not one names nothing.
fn path_id(text: &str) -> Result<VerificationId, Problem> {
    // One way to write an id, so that one request has one path.
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    id.map(VerificationId::from_uuid)
        .ok_or_else(Problem::not_found)
}
