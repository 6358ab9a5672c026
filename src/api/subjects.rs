//! `/v1/subjects`: what is kept about a phone number, and its erasure; scope `admin`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{RawBody, body};
use super::caller::{Admin, Caller};
use super::forms;
use super::guard::decisions::DecisionBody;
use super::guard::lists::EntryBody;
use super::problem::{Code, Problem};
use super::verifications::VerificationBody;
use crate::gateway::{Decision, Gateway, KeptOfNumber};
use crate::verification::Verification;
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;
use crate::web::Fields;

body! {
    /// The number that a person asks about.
    closed struct SubjectRequest as "SubjectRequest" {
        /// In international form.
        required phone_number: String = forms::phone_number(),
        /// With a key of the whole instance: the project's name; all projects if it is omitted. A key of a project acts on its own.
        optional project: Option<String> = forms::project(),
    }
}

/// What is kept about a number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subject)]
pub struct SubjectBody {
    /// E.164.
    #[schema(pattern = r"^\+[0-9]{5,15}$")]
    phone_number: String,
    /// Newest first.
    verifications: Vec<KeptBody>,
    /// Decisions of the guard about them.
    decisions: Vec<KeptDecisionBody>,
    /// Entries of the guard's lists about this very number.
    list_entries: Vec<EntryBody>,
}

/// A verification with all that is kept of it and does not serve the site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubjectVerification)]
pub struct KeptBody {
    project: String,
    verification: VerificationBody,
    client: ClientBody,
    /// The site's values for limits of its own, as keyed hashes, by the limits' names.
    limit_keys: BTreeMap<String, String>,
    /// A keyed hash of the request in a dialect, or by a hook, that started it.
    #[schema(required)]
    request: Option<String>,
    /// Where a dialect reports to.
    #[schema(required)]
    report_to: Option<String>,
    /// The text of its messages where it is not Pinroute's own, with `{code}` in place of the code.
    #[schema(required)]
    text: Option<String>,
    /// What the request that started it was traced as, as `traceparent` and `tracestate`.
    trace: Vec<String>,
}

/// A decision with all that is kept of who asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubjectDecision)]
pub struct KeptDecisionBody {
    #[serde(flatten)]
    decision: DecisionBody,
    /// A keyed hash of the visitor's address.
    #[schema(required)]
    ip: Option<String>,
    /// Keyed hashes of its networks.
    networks: Vec<String>,
    /// The number of its autonomous system.
    #[schema(required)]
    asn: Option<u32>,
}

/// Who asked for it, as the site described them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubjectClient)]
pub struct ClientBody {
    /// A keyed hash of the address.
    #[schema(required)]
    ip: Option<String>,
    /// Keyed hashes of its networks.
    networks: Vec<String>,
    /// The number of its autonomous system.
    #[schema(required)]
    asn: Option<u32>,
    /// The country of the address; ISO 3166-1 alpha-2.
    #[schema(required)]
    country: Option<String>,
    /// A keyed hash.
    #[schema(required)]
    user_agent: Option<String>,
    /// As the site asked for it, of the request or of the text.
    #[schema(required)]
    locale: Option<String>,
}

/// What was erased of a number, and what stays.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Erasure)]
pub struct ErasureBody {
    /// Verifications whose number, code, payload, tags, text, values of limits and client were erased. Their ids, countries, attempts, costs and
    /// times stay.
    verifications: u64,
    /// Those of them that were pending, and were canceled first.
    canceled: u64,
    /// Decisions of the guard that were deleted.
    decisions: u64,
    /// Entries of the guard's lists that allowed the number, and were deleted.
    list_entries: u64,
    /// Entries that block it. They stay, with a keyed hash in place of the number; delete them if it may be sent to again.
    blocks: Vec<EntryBody>,
}

/// Find what is kept about a number
///
/// Everything that is kept under it in the key's project, or in all projects. What was erased before is not found by its number any more.
#[utoipa::path(
    post, operation_id = "findSubject", path = "/v1/subjects/find", tag = "Personal data",
    request_body = SubjectRequest,
    responses((status = 200, description = "What is kept", body = SubjectBody)),
    security(("key" = ["admin"]))
)]
pub async fn find(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let (project, phone) = asked(&caller, &gateway, &request, &body)?;
    let found = gateway.verify().find_subject(project, &phone).await;
    let found = found.map_err(|error| Problem::of(error, gateway.now()))?;
    Ok(HttpResponse::Ok().json(SubjectBody::of(&gateway, &phone, &found)))
}

/// Erase a number
///
/// Cancels what is pending, then erases at once what `retention.numbers`, `retention.client` and `retention.decisions` would erase later.
/// Late reports and refunds are still booked. A block of the number stays as a keyed hash; counters of limits and idempotency records, keyed
/// hashes too, end within 24 hours or the limit's window. Repeating it is harmless.
#[utoipa::path(
    post, operation_id = "eraseSubject", path = "/v1/subjects/erase", tag = "Personal data",
    request_body = SubjectRequest,
    responses((status = 200, description = "Erased", body = ErasureBody)),
    security(("key" = ["admin"]))
)]
pub async fn erase(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let (project, phone) = asked(&caller, &gateway, &request, &body)?;
    let erased = gateway
        .verify()
        .erase_subject(project, &phone, &caller.access.by)
        .await;
    let erased = erased.map_err(|error| Problem::of(error, gateway.now()))?;
    let blocks = erased.blocks.iter();
    Ok(HttpResponse::Ok().json(ErasureBody {
        verifications: erased.verifications,
        canceled: erased.canceled,
        decisions: erased.decisions,
        list_entries: erased.entries,
        blocks: blocks.map(|entry| EntryBody::of(&gateway, entry)).collect(),
    }))
}

/// The project, `None` for all, and the number, which may be of a line that is no longer admitted.
fn asked(
    caller: &Caller<Admin>,
    gateway: &Gateway,
    request: &HttpRequest,
    body: &RawBody,
) -> Result<(Option<ProjectId>, PhoneNumber), Problem> {
    let mut fields = Fields::json(request, body)?;
    let asked = SubjectRequest::read(&mut fields);
    let asked = fields.finish_with(asked)?;
    let project = caller.project(gateway, asked.project.as_deref())?;
    let phone = gateway
        .verify()
        .read_searched_number(project, &asked.phone_number);
    let phone = phone.map_err(|error| {
        Problem::field(Code::InvalidRequest, "/phone_number", error.to_string())
    })?;
    Ok((project, phone))
}

impl SubjectBody {
    fn of(gateway: &Gateway, phone: &PhoneNumber, kept: &KeptOfNumber) -> Self {
        let verifications = kept.verifications.iter();
        let decisions = kept.decisions.iter();
        let entries = kept.entries.iter();
        Self {
            phone_number: phone.as_str().to_owned(),
            verifications: verifications.map(|v| KeptBody::of(gateway, v)).collect(),
            decisions: decisions
                .map(|decision| KeptDecisionBody::of(gateway, decision))
                .collect(),
            list_entries: entries.map(|entry| EntryBody::of(gateway, entry)).collect(),
        }
    }
}

impl KeptBody {
    fn of(gateway: &Gateway, v: &Verification) -> Self {
        let record = &v.record;
        let requester = record.origin.as_ref().map(|origin| &origin.requester);
        let locale = requester.and_then(|requester| requester.locale.clone());
        let keys = record.limit_keys.iter();
        let asked = record.asked.as_ref();
        let trace = record.trace.iter();
        Self {
            project: gateway
                .directory()
                .project_name(v.project)
                .unwrap_or_default(),
            verification: VerificationBody::of(v, false),
            client: ClientBody {
                ip: requester
                    .and_then(|requester| requester.ip)
                    .map(String::from),
                networks: requester
                    .iter()
                    .flat_map(|requester| &requester.networks)
                    .map(|network| String::from(*network))
                    .collect(),
                asn: requester.and_then(|requester| requester.asn),
                country: requester
                    .and_then(|requester| requester.country)
                    .map(|country| country.to_string()),
                user_agent: requester
                    .and_then(|requester| requester.user_agent)
                    .map(String::from),
                locale: locale.or_else(|| record.wording.locale.clone()),
            },
            limit_keys: keys
                .map(|key| (key.name.clone(), String::from(key.value)))
                .collect(),
            request: asked.and_then(|asked| asked.request).map(String::from),
            report_to: asked.and_then(|asked| asked.report_to.clone()),
            text: record.wording.template.clone(),
            trace: trace
                .flat_map(|trace| [Some(trace.parent()), trace.state.clone()])
                .flatten()
                .collect(),
        }
    }
}

impl KeptDecisionBody {
    fn of(gateway: &Gateway, decision: &Decision) -> Self {
        let cells = &decision.facts.cells;
        Self {
            decision: DecisionBody::of(gateway, decision),
            ip: cells.ip.map(String::from),
            networks: cells
                .networks
                .into_iter()
                .flatten()
                .map(String::from)
                .collect(),
            asn: cells.asn,
        }
    }
}
