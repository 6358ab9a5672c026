//! `/v1/guard/replays`: what rules would have done to past traffic.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use uuid::Uuid;

use crate::api::body::{Form, RawBody, body};
use crate::api::caller::{Admin, Caller};
use crate::api::forms::{self, ValueForm, value};
use crate::api::openapi::sets;
use crate::api::problem::{Code, Problem};
use crate::api::values::{self, rfc3339};
use crate::gateway::{Gateway, PolicyFault, ReplayFault, ReplayRequest, ReplayState, StoredReplay};
use crate::web::fields::printable;
use crate::web::{Fault, FieldFault, Fields};

/// The pointer of a policy's guard, which a fault of its rules begins with.
const IN_POLICY: &str = "/policy/guard";
/// In seconds: so long a back-test may take.
const BUSY_FOR: u32 = 30;

body! {
    /// The span to judge again, and the rules to try.
    closed struct NewReplayBody as "GuardReplayRequest" {
        /// A date, or a time. It must be after what `retention.verifications` and `retention.decisions` have removed.
        required from: DateTime<Utc> = moment(false),
        /// Exclusive; a date means the end of that day.
        required to: DateTime<Utc> = moment(true),
        /// As `guard.rules` of a policy: `mode` and thresholds by the name of a rule. What is not in it is as in each project's policy.
        optional rules: Option<Value> = rules(),
        /// With a key of the whole instance: the project's name; every project if it is omitted.
        optional project: Option<String> = forms::project(),
    }
}

/// A back-test, and what it found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardReplay)]
pub struct ReplayBody {
    id: Uuid,
    #[schema(value_type = sets::ReplayStatus)]
    status: &'static str,
    /// The part that is done.
    #[schema(minimum = 0, maximum = 1)]
    progress: f64,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
    /// Null: every project.
    #[schema(required)]
    project: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    from: String,
    #[schema(value_type = String, format = DateTime)]
    to: String,
    /// The rules that were asked for.
    #[schema(value_type = Object)]
    tried: Value,
    /// ISO 4217, of all amounts.
    currency: String,
    /// By the modes of the rules together; null until it is done.
    #[schema(value_type = Option<ReplayCounts>, required)]
    total: Value,
    /// By the name of a rule, as if it alone were on; null until it is done.
    #[schema(value_type = Option<std::collections::BTreeMap<String, ReplayCounts>>, required)]
    rules: Value,
    /// Denials of which only the first of a minute is kept; they count as that one does. Null until it is done.
    #[schema(value_type = Option<u64>, required)]
    summed_up: Value,
}

/// What rules would have done to a span of traffic.
#[derive(ToSchema)]
#[schema(as = GuardReplayCounts)]
#[expect(dead_code, reason = "only its shape is used")]
struct ReplayCounts {
    /// Starts, and later messages whose termination is paid for.
    judged: u64,
    would_deny: u64,
    would_challenge: u64,
    /// Of those, what would have kept a code from somebody who entered it.
    false_blocks: u64,
    /// That, as a part of those whose end is known.
    #[schema(minimum = 0, maximum = 1)]
    false_block_rate: f64,
    /// Of those, what was stopped when it was live, so that nobody knows.
    unknown_outcome: u64,
    /// What was spent on messages that would not have been sent.
    #[schema(example = "12.40")]
    spent: String,
    /// That, without the false blocks.
    #[schema(example = "12.15")]
    saved: String,
    /// From the first message about a cell to the first that would have been stopped: the median of the cells. Null: none.
    #[schema(required)]
    seconds_to_first_block: Option<u64>,
}

/// Try rules on past traffic
///
/// Judges a span again in its order, with the code that judges live traffic, and changes nothing. What would have been denied is not
/// counted. It runs in the background; ask for it until its `status` is `done`.
#[utoipa::path(
    post, operation_id = "startReplay", path = "/v1/guard/replays", tag = "Guard",
    request_body = NewReplayBody,
    responses((status = 202, description = "It runs", body = ReplayBody)),
    security(("key" = ["admin"]))
)]
pub async fn start(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let asked = Fields::read_json(&request, &body, NewReplayBody::read)?;
    let wanted = ReplayRequest {
        project: caller.project(&gateway, asked.project.as_deref())?,
        from: asked.from,
        to: asked.to,
        guard: json!({ "rules": asked.rules.unwrap_or_else(|| json!({})) }),
    };
    let replay = gateway.verify().ask_replay(&wanted).await;
    let replay = replay.map_err(|fault| refused(&gateway, fault))?;
    Ok(HttpResponse::Accepted().json(ReplayBody::of(&gateway, &replay, &wanted)))
}

/// Retrieve a back-test
#[utoipa::path(
    get, operation_id = "getReplay", path = "/v1/guard/replays/{id}", tag = "Guard",
    params(("id" = Uuid, Path, description = "The back-test's id")),
    responses((status = 200, description = "As far as it is", body = ReplayBody)),
    security(("key" = ["admin"]))
)]
pub async fn find(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = values::path_id(&id).ok_or_else(no_such)?;
    let found = gateway.verify().find_replay(&caller.access, id).await;
    let (replay, wanted) =
        found.map_err(|error| Problem::of_resource(error, gateway.now(), no_such))?;
    Ok(HttpResponse::Ok().json(ReplayBody::of(&gateway, &replay, &wanted)))
}

impl ReplayBody {
    fn of(gateway: &Gateway, replay: &StoredReplay, wanted: &ReplayRequest) -> Self {
        let name = |id| gateway.directory().project_name(id);
        let answer = replay.answer.as_deref().unwrap_or_default();
        let mut found: Value = match replay.state {
            ReplayState::Done => serde_json::from_str(answer).unwrap_or_default(),
            ReplayState::Running | ReplayState::Failed => Value::Null,
        };
        let mut part = |name: &str| found.get_mut(name).map(Value::take).unwrap_or_default();
        let thousandths = u16::try_from(replay.progress).unwrap_or_default();
        Self {
            id: replay.id,
            status: replay.state.as_str(),
            progress: f64::from(thousandths) / 1_000.0,
            error: (replay.state == ReplayState::Failed).then(|| answer.to_owned()),
            project: replay.project.and_then(name),
            from: rfc3339(wanted.from),
            to: rfc3339(wanted.to),
            tried: wanted.guard.get("rules").cloned().unwrap_or_default(),
            currency: gateway.reporting_currency().to_string(),
            total: part("total"),
            rules: part("rules"),
            summed_up: part("summed_up"),
        }
    }
}

fn moment(end: bool) -> impl Form<Out = DateTime<Utc>> {
    let read = move |value: &Value| values::moment(value.as_str().ok_or("must be a string")?, end);
    value(read, |schema| schema.examples(["2026-12-24"]))
}

fn rules() -> impl Form<Out = Value> {
    let read = |value: &Value| {
        let is_object = value.is_object();
        is_object
            .then(|| value.clone())
            .ok_or_else(|| "must be an object".to_owned())
    };
    let schema = || ObjectBuilder::new().schema_type(Type::Object).into();
    ValueForm::new(read, schema)
}

fn refused(gateway: &Gateway, fault: ReplayFault) -> Problem {
    match fault {
        ReplayFault::Field(name, why) => {
            Problem::field(Code::InvalidRequest, &format!("/{name}"), why)
        }
        ReplayFault::Rules(faults) => {
            let fault = |fault: PolicyFault| {
                let pointer = fault.pointer.strip_prefix(IN_POLICY);
                FieldFault {
                    pointer: printable(pointer.unwrap_or(&fault.pointer)),
                    detail: fault.detail,
                }
            };
            Fault::invalid(faults.into_iter().map(fault).collect()).into()
        }
        ReplayFault::Busy => Problem::new(Code::RateLimited, fault.told()).after(BUSY_FOR),
        ReplayFault::Failed(error) => Problem::of(error, gateway.now()),
    }
}

fn no_such() -> Problem {
    let detail = "No such back-test is accessible with this key.";
    Problem::new(Code::NotFound, detail)
}
