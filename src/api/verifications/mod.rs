//! `/v1/verifications`: a file for each verb, and the JSON of a verification.

pub mod cancel;
pub mod check;
pub mod events;
pub mod find;
pub mod resend;
pub mod start;

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::idempotency;
use super::openapi::sets;
use super::problem::Problem;
use super::values::{self, MoneyBody, rfc3339};
use crate::api::guard::decisions::FiredBody;
use crate::gateway::{Access, Checked, Decision, Gateway, Replay};
use crate::verification::asked::Tag;
use crate::verification::attempt::Attempt;
use crate::verification::id::VerificationId;
use crate::verification::{Status, Verification};

fn tag(tag: &Tag) -> (String, String) {
    (tag.name.clone(), tag.value.clone())
}

/// Who else than this service can check a code.
const HOST: &str = "host";

/// A verification's kind, if it is not the usual one.
const MESSAGE: &str = "message";

/// The cost of an attempt.
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

/// One delivery attempt. For servers, not for browsers.
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
    /// Why it ended, if there is a reason.
    #[schema(value_type = Option<sets::Reason>, required)]
    reason: Option<&'static str>,
    cost: CostBody,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
}

/// The verification of one phone number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verification)]
pub struct VerificationBody {
    id: Uuid,
    #[schema(value_type = sets::VerificationStatus)]
    status: &'static str,
    /// How it was requested: `native` through this API, or the name of a dialect, or the id of an integration. Only its own face acts
    /// on it.
    origin: String,
    /// E.164; null once it was erased.
    #[schema(pattern = r"^\+[0-9]{5,15}$", required)]
    phone_number: Option<String>,
    /// ISO 3166; `001` for a network of no country, such as a satellite's.
    #[schema(pattern = "^([A-Z]{2}|001)$")]
    country: String,
    /// The channel of the newest attempt; null before the first.
    #[schema(value_type = Option<sets::Channel>, required)]
    channel: Option<&'static str>,
    attempts: Vec<AttemptBody>,
    /// The amount charged, per currency.
    costs: Vec<MoneyBody>,
    checks_left: u32,
    sends_left: u32,
    /// The time from which a resend is possible; null when none is.
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
    /// `message`: a text without a code, of an integration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = sets::VerificationKind, required = false)]
    kind: Option<&'static str>,
    /// The site made the code and has neither had one checked here nor reported a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = sets::Host, required = false)]
    checked_by: Option<&'static str>,
    /// Approved by the site's word, without a proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = sets::Host, required = false)]
    approved_by: Option<&'static str>,
    /// The site's labels, of a request in a dialect.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = HashMap<String, String>, required = false)]
    tags: BTreeMap<String, String>,
    /// A verification like the requested one was pending already, and nothing was sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    reused: bool,
    /// In the answer to a cancel: a message was being sent at that moment, and may still arrive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    in_flight: bool,
    /// Of the answer to `GET /v1/verifications/{id}`, with scope `admin` alone: the guard's last
    /// decision about it in which a rule fired; null: none did. All are at `/v1/guard/decisions?verification_id=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<VerdictBody>, required = false)]
    guard: Option<serde_json::Value>,
}

/// A decision of the guard.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardVerdict)]
struct VerdictBody {
    #[schema(value_type = sets::GuardOutcome)]
    outcome: &'static str,
    /// All that fired, also those that are not enforced.
    rules: Vec<FiredBody>,
    #[schema(value_type = String, format = DateTime)]
    at: String,
}

impl VerdictBody {
    /// As JSON; null: there is no decision.
    fn json(decision: Option<&Decision>) -> serde_json::Value {
        let body = decision.map(|decision| Self {
            outcome: decision.outcome.as_str(),
            rules: decision.rules.iter().map(FiredBody::of).collect(),
            at: rfc3339(decision.at),
        });
        serde_json::to_value(body).expect("it is texts, numbers and lists")
    }
}

impl VerificationBody {
    pub fn of(v: &Verification, reused: bool) -> Self {
        let record = &v.record;
        Self {
            id: v.id.uuid(),
            status: record.status.as_str(),
            origin: v.face().origin().into_owned(),
            phone_number: v.phone.as_ref().map(|phone| phone.as_str().to_owned()),
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
            kind: v.is_message().then_some(MESSAGE),
            checked_by: (v.is_checked_by_host() && !v.is_message()).then_some(HOST),
            approved_by: record.is_vouched_for.then_some(HOST),
            tags: record
                .asked
                .iter()
                .flat_map(|asked| &asked.tags)
                .map(tag)
                .collect(),
            reused,
            in_flight: record.status == Status::Canceled && v.is_sending(),
            guard: None,
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

/// The result of a check; a wrong code is a normal answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Check)]
pub struct CheckedBody {
    id: Uuid,
    #[schema(value_type = sets::CheckStatus)]
    status: String,
    valid: bool,
    checks_left: u32,
    /// A JWT (EdDSA), valid for ten minutes, when the code was right; verify it with `/.well-known/jwks.json`. Its claims:
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
    idempotency::answer(status, &VerificationBody::of(verification, reused))
}

/// The answer to a repeated request: the verification as it is now.
async fn again(
    gateway: &Gateway,
    access: &Access,
    replay: Replay,
) -> Option<Result<HttpResponse, Problem>> {
    let Replay::Verification { id, status, reused } = replay else {
        return None;
    };
    let found = gateway.verify().find_whole(access, id).await;
    let found = found.map_err(|trouble| Problem::of(trouble, gateway.now()));
    Some(found.map(|verification| answer(status, &verification, reused)))
}

/// A verification as webhooks carry it.
#[must_use]
pub fn json(v: &Verification) -> serde_json::Value {
    serde_json::to_value(VerificationBody::of(v, false)).expect("it is texts, numbers and lists")
}

/// An id from the path; anything else is an unknown verification.
fn path_id(text: &str) -> Result<VerificationId, Problem> {
    let id = values::path_id(text).map(VerificationId::from_uuid);
    id.ok_or_else(Problem::not_found)
}
