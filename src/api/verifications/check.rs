//! `POST /v1/verifications/{id}/check`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::CheckedBody;
use crate::api::caller::{Caller, Verify};
use crate::api::idempotency;
use crate::api::input::Fields;
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::Problem;
use crate::gateway::Gateway;
use crate::verification::code::Code;
use crate::verification::digits::fold;

/// What the visitor typed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CheckCode)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct CheckBody {
    /// 4 to 8 digits, in any script; spaces and hyphens between them are dropped.
    #[schema(min_length = 4, max_length = 64)]
    code: String,
}

/// Check the code that the visitor typed
///
/// A wrong code is a normal answer with `valid: false`; the one that uses up the last check answers `locked`. A code is
/// good for one approval: its proof is answered again only to a repeat with the same `Idempotency-Key` within 60 s; later
/// ones answer `verification_not_pending`.
#[utoipa::path(
    post, operation_id = "checkVerification", path = "/v1/verifications/{id}/check", tag = "Verifications",
    params(("id" = uuid::Uuid, Path, description = "The verification's id"), Idempotency),
    request_body = CheckBody,
    responses(
        (status = 200, description = "Evaluated", body = CheckedBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn check(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    let mut fields = Fields::read(&request, &body)?;
    let code = fields.require("code", |value| {
        let typed = value.as_str().filter(|text| text.len() <= 64).map(fold);
        typed
            .as_deref()
            .and_then(Code::parse)
            .ok_or_else(|| "must be 4 to 8 digits, as a string".to_owned())
    });
    fields.finish()?;
    // `finish` has refused a request without it.
    let Some(code) = code else {
        return Err(Problem::invalid(Vec::new()));
    };
    idempotency::once(
        &gateway,
        &caller.access,
        (None, &format!("/v1/verifications/{id}/check")),
        &request,
        &body,
        async |ticket| {
            let checked = gateway
                .check(&caller.access, id, &code, ticket.as_ref())
                .await;
            checked
                .map(super::checked)
                .map_err(|trouble| Problem::of(trouble, gateway.now()))
        },
    )
    .await
}
