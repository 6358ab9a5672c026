//! `POST /v1/verifications/{id}/resend`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::VerificationBody;
use crate::api::body::{RawBody, body};
use crate::api::caller::{Caller, Verify};
use crate::api::forms;
use crate::api::idempotency;
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::Problem;
use crate::gateway::Gateway;
use crate::verification::Resend;
use crate::verification::route::Channel;
use crate::web::Fields;

body! {
    /// The channel to send to; without one, the route's next step.
    closed struct ResendBody as "ResendCode" {
        optional channel: Option<Channel> = forms::channel(),
    }
}

/// Resend the code
///
/// On the given channel, which may be the same as before, or on the route's next step.
#[utoipa::path(
    post, operation_id = "resendVerification", path = "/v1/verifications/{id}/resend", tag = "Verifications",
    params(("id" = uuid::Uuid, Path, description = "The verification's id"), Idempotency),
    request_body = ResendBody,
    responses(
        (status = 200, description = "On its way", body = VerificationBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn resend(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    let ResendBody { channel } = Fields::read_json(&request, &body, ResendBody::read)?;
    idempotency::once(
        &gateway,
        (None, &format!("/v1/verifications/{id}/resend")),
        &request,
        &body,
        async |ticket| {
            let sent = gateway
                .verify()
                .resend(
                    &caller.access,
                    id,
                    Resend::by(channel),
                    None,
                    ticket.as_ref(),
                )
                .await;
            let verification = sent.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
            Ok(super::answer(200, &verification, false))
        },
        async |replay| super::again(&gateway, &caller.access, replay).await,
    )
    .await
}
