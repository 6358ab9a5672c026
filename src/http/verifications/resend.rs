//! `POST /v1/verifications/{id}/resend`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::VerificationBody;
use crate::gateway::Gateway;
use crate::http::caller::{Caller, Verify};
use crate::http::idempotency;
use crate::http::input::{Fields, printable};
use crate::http::openapi::parameters::Idempotency;
use crate::http::openapi::sets;
use crate::http::problem::Problem;
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
                "`{}` is not a channel; there are {}",
                printable(name),
                Channel::list()
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
                .verify()
                .resend(&caller.access, id, channel, ticket.as_ref())
                .await;
            let verification = sent.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
            Ok(super::answer(200, &verification, false))
        },
    )
    .await
}
