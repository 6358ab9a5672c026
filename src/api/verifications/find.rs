//! `GET /v1/verifications/{id}` and `GET /v1/verifications`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{VerdictBody, VerificationBody};
use crate::api::caller::{Caller, Verify};
use crate::api::idempotency;
use crate::api::openapi::parameters::{OneProject, Range, VerificationFilter};
use crate::api::page::{self, Page, PageParameters, page_of};
use crate::api::problem::Problem;
use crate::api::values::{self, moments};
use crate::gateway::{Gateway, ListQuery, Scope};
use crate::verification::Status;
use crate::verification::id::VerificationId;
use crate::verification::numbers::PhoneError;
use crate::web::Query;

page_of! {
    /// A page of verifications, newest first.
    ListBody as VerificationList: VerificationBody
}

/// Get a verification
///
/// With scope `admin` also the last decision of the guard about it in which a rule fired.
#[utoipa::path(
    get, operation_id = "getVerification", path = "/v1/verifications/{id}", tag = "Verifications",
    params(("id" = Uuid, Path, description = "The verification's id")),
    responses(
        (status = 200, description = "The verification", body = VerificationBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn find(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    let found = gateway.verify().find(&caller.access, id).await;
    let verification = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let mut body = VerificationBody::of(&verification, false);
    if caller.access.allows(Scope::Admin) {
        let decisions = gateway.verify().decisions_of(id).await;
        let decisions = decisions.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
        body.guard = Some(VerdictBody::json(decisions.first()));
    }
    Ok(idempotency::answer(200, &body))
}

/// List verifications
///
/// Newest first.
#[utoipa::path(
    get, operation_id = "listVerifications", path = "/v1/verifications", tag = "Verifications",
    params(VerificationFilter, Range, OneProject, PageParameters),
    responses(
        (status = 200, description = "A page", body = ListBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn list(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = values::project(&mut query);
    let typed = query.take("phone_number", |text| {
        // A plus sign that was not escaped reads as a space.
        let text = text
            .strip_prefix(' ')
            .map_or_else(|| text.to_owned(), |digits| format!("+{digits}"));
        Ok(text)
    });
    let status = query.take("status", |text| {
        let known = Status::NAMES.into_iter().find(|name| *name == text);
        known.ok_or_else(|| format!("must be one of {}", Status::NAMES.join(", ")))
    });
    let (from, before) = moments(&mut query);
    let page = Page::read(&mut query, |text| {
        page::id(text).map(VerificationId::from_uuid)
    });
    let project = caller.project(&gateway, named.as_deref())?;
    let phone = typed.and_then(|text| {
        let found = gateway.verify().read_searched_number(project, &text);
        let wrong = |error: PhoneError| query.fault("phone_number", error.to_string());
        found.map_err(wrong).ok()
    });
    query.finish()?;
    let list = ListQuery {
        is_recent: false,
        project,
        phone,
        status,
        from,
        before,
        cursor: page.cursor,
        limit: page.wanted(),
    };
    let found = gateway.verify().list(&caller.access, list).await;
    let found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let found = page.cut(found, |last| last.id.to_string());
    let body = ListBody::of(found, |v| VerificationBody::of(&v, false));
    Ok(HttpResponse::Ok().json(body))
}
