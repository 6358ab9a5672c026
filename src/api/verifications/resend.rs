//! `POST /v1/verifications/{id}/resend`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::VerificationBody;
use crate::api::caller::{Caller, Verify};
use crate::api::idempotency;
use crate::api::input::{Fields, printable};
use crate::api::openapi::parameters::Idempotency;
use crate::api::openapi::sets;
use crate::api::problem::Problem;
use crate::gateway::Gateway;
use crate::verification::route::Channel;

/// Where to; an empty body goes on to the route's next step.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ResendCode)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct ResendBody {
    #[schema(value_type = Option<sets::Channel>)]
    channel: Option<String>,
}

/// Send the same code again
///
/// On the given channel, which may be the same again, or on to the route's next step.
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
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    let mut fields = Fields::read(&request, &body)?;
    let channel = fields.take("channel", |value| {
        let name = value.as_str().ok_or("must be a string")?;
        name.parse::<Channel>().map_err(|_| {
            format!(
                "`{}` is not a channel; there are telegram and sms",
                printable(name)
            )
        })
    });
    fields.finish()?;
    idempotency::once(
        &gateway,
        &caller.access,
        (None, &format!("/v1/verifications/{id}/resend")),
        &request,
        &body,
        async |ticket| {
            let sent = gateway
                .resend(&caller.access, id, channel, ticket.as_ref())
                .await;
            let verification = sent.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
            Ok(super::answer(200, &verification, false))
        },
    )
    .await
}
