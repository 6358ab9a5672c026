//! `GET /v1/ledger/unsettled`: attempts that may have been charged, without a confirmation so far.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::caller::{Caller, Finance};
use crate::api::openapi::parameters::OneProject;
use crate::api::openapi::sets;
use crate::api::problem::Problem;
use crate::api::values::{self, MoneyBody, rfc3339};
use crate::gateway::{Gateway, Unsettled};
use crate::web::Query;

/// A message that left without a clear answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnsettledAttempt)]
pub struct UnsettledBody {
    verification_id: Uuid,
    attempt_id: Uuid,
    #[schema(required)]
    project: Option<String>,
    #[schema(value_type = sets::Channel)]
    channel: &'static str,
    provider: String,
    /// The amount charged unless the provider reports another one before.
    estimate: MoneyBody,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// When it will be charged at its estimate.
    #[schema(value_type = String, format = DateTime)]
    written_off_at: String,
}

/// All unsettled attempts, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnsettledAttempts)]
pub struct UnsettledListBody {
    items: Vec<UnsettledBody>,
}

/// List unsettled attempts
///
/// Attempts that may have been charged: they left, and neither an answer nor a report has arrived. A report settles an attempt;
/// without one it is charged at its estimate after `unknown_after`, and a later report corrects that. Oldest first, at most a
/// thousand.
#[utoipa::path(
    get, operation_id = "listUnsettled", path = "/v1/ledger/unsettled", tag = "Finance",
    params(OneProject),
    responses((status = 200, description = "The unsettled attempts", body = UnsettledListBody)),
    security(("key" = ["finance"]))
)]
pub async fn list(
    caller: Caller<Finance>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = values::project(&mut query);
    query.finish()?;
    let project = caller.project(&gateway, named.as_deref())?;
    let found = gateway.finance().unsettled(project).await;
    let found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let body = |one: Unsettled| UnsettledBody {
        verification_id: one.attempt.verification().uuid(),
        attempt_id: one.attempt.uuid(),
        project: gateway.directory().project_name(one.project),
        channel: one.channel.as_str(),
        provider: one.provider,
        estimate: one.estimate.into(),
        created_at: rfc3339(one.created_at),
        written_off_at: rfc3339(one.written_off_at),
    };
    Ok(HttpResponse::Ok().json(UnsettledListBody {
        items: found.into_iter().map(body).collect(),
    }))
}
