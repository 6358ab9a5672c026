//! `POST /v1/verifications/{id}/cancel`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::VerificationBody;
use crate::api::body::{NoChoices, RawBody};
use crate::api::caller::{Caller, Verify};
use crate::api::idempotency;
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::Problem;
use crate::gateway::Gateway;
use crate::web::Fields;

/// Cancel a verification
///
/// Nothing more is sent. A Telegram message that may have been seen is revoked; an undelivered one is left to expire,
/// since a revocation forfeits the refund.
#[utoipa::path(
    post, operation_id = "cancelVerification", path = "/v1/verifications/{id}/cancel", tag = "Verifications",
    params(("id" = uuid::Uuid, Path, description = "The verification's id"), Idempotency),
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
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    NoChoices::read(Fields::json(&request, &body)?)?;
    idempotency::once(
        &gateway,
        (None, &format!("/v1/verifications/{id}/cancel")),
        &request,
        &body,
        async |ticket| {
            let canceled = gateway
                .verify()
                .cancel(&caller.access, id, ticket.as_ref())
                .await;
            let verification = canceled.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
            Ok(super::answer(200, &verification, false))
        },
        async |replay| super::again(&gateway, &caller.access, replay).await,
    )
    .await
}
