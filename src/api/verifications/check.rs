//! `POST /v1/verifications/{id}/check`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::CheckedBody;
use crate::api::body::{RawBody, body};
use crate::api::caller::{Caller, Verify};
use crate::api::forms;
use crate::api::idempotency;
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::Problem;
use crate::gateway::{Error, Gateway};
use crate::verification::code::Code;
use crate::web::Fields;

body! {
    /// The code as the visitor typed it.
    closed struct CheckBody as "CheckCode" {
        /// 4 to 8 digits, in any script; spaces and hyphens between them are ignored.
        required code: Code = forms::code(),
    }
}

/// Check a code
///
/// A wrong code is a normal answer with `valid: false`; the one that uses up the last check answers `locked`. A code is
/// good for one approval: a repeat with the same `Idempotency-Key` within 60 s gets the same proof; later checks get
/// `verification_not_pending`.
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
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    let CheckBody { code } = Fields::read_json(&request, &body, CheckBody::read)?;
    let fault = |trouble: Error| Problem::of(trouble, gateway.now());
    idempotency::once(
        &gateway,
        (None, &format!("/v1/verifications/{id}/check")),
        &request,
        &body,
        async |ticket| {
            let checked = gateway
                .verify()
                .check(&caller.access, id, &code, ticket.as_ref())
                .await;
            checked.map(super::checked).map_err(fault)
        },
        async |replay| {
            let verify = gateway.verify();
            let checked = verify.checked_again(&caller.access, &replay).await;
            let checked = checked.map_err(fault).transpose()?;
            Some(checked.map(super::checked))
        },
    )
    .await
}
