//! `POST /v1/verifications/{id}/cancel`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::VerificationBody;
use crate::api::caller::{Caller, Verify};
use crate::api::idempotency;
use crate::api::input::Fields;
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::Problem;
use crate::gateway::Gateway;

/// Nothing is chosen: the body may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NoChoices)]
#[serde(deny_unknown_fields)]
pub struct NoChoices {}

/// Cancel a verification
///
/// Nothing more is sent. A Telegram message that may be seen is revoked; one that is not delivered yet is left to its own
/// time, since a revoke forfeits the refund.
#[utoipa::path(
    post, operation_id = "cancelVerification", path = "/v1/verifications/{id}/cancel", tag = "Verifications",
    params(("id" = uuid::Uuid, Path, description = "The verification's id"), Idempotency),
    request_body = NoChoices,
    responses(
        (status = 200, description = "Canceled", body = VerificationBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn cancel(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    Fields::read(&request, &body)?.finish()?;
    idempotency::once(
        &gateway,
        &caller.access,
        (None, &format!("/v1/verifications/{id}/cancel")),
        &request,
        &body,
        async |ticket| {
            let canceled = gateway.cancel(&caller.access, id, ticket.as_ref()).await;
            let verification = canceled.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
            Ok(super::answer(200, &verification, false))
        },
    )
    .await
}
