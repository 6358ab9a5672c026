//! `/v1/integrations`: programs that make codes themselves and have them delivered; scope `admin`.

mod asked;
mod shown;

use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use super::body::RawBody;
use super::caller::{Admin, Caller};
use super::idempotency;
use super::openapi::parameters::{Idempotency, OneProject};
use super::page::{self, Page, PageParameters};
use super::problem::{Code, Problem};
use super::values;
use crate::gateway::{
    Access, Error, Gateway, Integration, IntegrationChange, IntegrationRequest, Replay,
};
use crate::integrations::{MOST, new_secret};
use crate::secret::random;
use crate::verification::id::ProjectId;
use crate::web::{Fields, Query};
use asked::{
    CLEARABLE, IntegrationChangeBody, NewIntegrationBody, RotateIntegrationBody, changed, examine,
    examine_secret,
};
use shown::{IntegrationBody, IntegrationsBody};

/// Of an application that is given none.
const USUAL_NAME: &str = "Vonage application";

/// Create an integration
///
/// Its `url` and `secret` go into the settings of the other program, which then has its codes delivered along the project's route.
#[utoipa::path(
    post, operation_id = "createIntegration", path = "/v1/integrations", tag = "Integrations",
    params(Idempotency),
    request_body = NewIntegrationBody,
    responses((status = 201, description = "Created; the secret is shown this once", body = IntegrationBody)),
    security(("key" = ["admin"]))
)]
pub async fn create(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::json(&request, &body)?;
    let asked = NewIntegrationBody::read(&mut fields);
    if let Some(asked) = &asked {
        let secret = asked.secret.as_deref();
        examine(&mut fields, asked.kind, &asked.settings(), secret);
        if asked.kind.is_hook() && asked.name.is_none() && !fields.blames("name") {
            fields.fault("name", "is required".to_owned());
        }
        if asked.kind.is_hook() && asked.public_key.is_none() && asked.status_url.is_some() {
            fields.fault("status_url", "is for kind vonage_application".to_owned());
        }
    }
    let asked = fields.finish_with(asked)?;
    let project = caller.project_or_default(&gateway, asked.project.as_deref())?;
    admit_status_url(&gateway, project, asked.status_url.as_deref()).await?;
    let asked = IntegrationRequest {
        project,
        kind: asked.kind,
        settings: asked.settings(),
        name: asked.name.unwrap_or_else(|| USUAL_NAME.to_owned()),
        secret: asked.secret,
    };
    idempotency::once(
        &gateway,
        (Some(project), "/v1/integrations"),
        &request,
        &body,
        async |ticket| match gateway
            .admin()
            .create_integration(asked, &caller.access, ticket)
            .await
        {
            Ok(Some(made)) => Ok(shown_with_secret(&gateway, &made, 201)),
            Ok(None) => Err(Problem::new(
                Code::InvalidRequest,
                format!("The project already has {MOST} integrations; delete one first."),
            )),
            Err(trouble) => Err(fault(trouble, &gateway)),
        },
        async |replay| again(&gateway, &caller.access, replay).await,
    )
    .await
}

/// Refuses an address that webhooks may not be sent to.
async fn admit_status_url(
    gateway: &Gateway,
    project: ProjectId,
    url: Option<&str>,
) -> Result<(), Problem> {
    let Some(url) = url else {
        return Ok(());
    };
    let admitted = gateway.verify().admit_report_address(project, url).await;
    let admitted = admitted.map_err(|error| fault(Error::from(error), gateway))?;
    admitted.map(|_| ()).ok_or_else(|| {
        let why = "must be an https address that is not private; a project can name 20 hosts a day";
        Problem::field(Code::InvalidRequest, "/status_url", why)
    })
}

/// List integrations
#[utoipa::path(
    get, operation_id = "listIntegrations", path = "/v1/integrations", tag = "Integrations",
    params(PageParameters, OneProject),
    responses((status = 200, description = "A page", body = IntegrationsBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = values::project(&mut query);
    let page = Page::read(&mut query, page::id);
    query.finish()?;
    let project = caller.project(&gateway, named.as_deref())?;
    let admin = gateway.admin();
    let found = admin.list_integrations(&caller.access, project, page.cursor);
    let found = found.await.map_err(|trouble| fault(trouble, &gateway))?;
    let found = page.cut(found, |last| last.id.to_string());
    let body = IntegrationsBody::of(found, |found| IntegrationBody::of(&gateway, &found));
    Ok(HttpResponse::Ok().json(body))
}

/// Get an integration, and what came of its last calls
#[utoipa::path(
    get, operation_id = "getIntegration", path = "/v1/integrations/{id}", tag = "Integrations",
    params(("id" = Uuid, Path, description = "The integration's id")),
    responses((status = 200, description = "The integration, without its secret", body = IntegrationBody)),
    security(("key" = ["admin"]))
)]
pub async fn find(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (admin, id) = (gateway.admin(), path_id(&id)?);
    let found = admin.find_integration(&caller.access, id).await;
    let found = found.map_err(|trouble| fault(trouble, &gateway))?;
    let calls = admin.list_calls(&caller.access, id).await;
    let calls = calls.map_err(|trouble| fault(trouble, &gateway))?;
    let body = IntegrationBody::of(&gateway, &found).with_calls(calls);
    Ok(HttpResponse::Ok().json(body))
}

/// Change an integration
#[utoipa::path(
    patch, operation_id = "changeIntegration", path = "/v1/integrations/{id}", tag = "Integrations",
    params(("id" = Uuid, Path, description = "The integration's id")),
    request_body = IntegrationChangeBody,
    responses((status = 200, description = "Changed", body = IntegrationBody)),
    security(("key" = ["admin"]))
)]
pub async fn change(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&id)?;
    let change = |before: &Integration| -> Result<IntegrationChange, Problem> {
        let mut fields = Fields::json(&request, &body)?;
        let cleared = CLEARABLE.map(|name| (name, fields.clears(name)));
        let read = IntegrationChangeBody::read(&mut fields);
        if let Some(asked) = read.as_ref().filter(|_| before.kind.is_hook()) {
            for (name, is_set) in [
                ("public_key", asked.public_key.is_some()),
                ("status_url", asked.status_url.is_some()),
            ] {
                if is_set {
                    fields.fault(name, "is for kind vonage_application".to_owned());
                }
            }
        }
        let change = read.map(|asked| changed(before, asked, &cleared));
        if let Some(change) = &change {
            let secret = change.secret.as_deref();
            examine(&mut fields, before.kind, &change.settings, secret);
        }
        Ok(fields.finish_with(change)?)
    };
    let admin = gateway.admin();
    if let Some(url) = Fields::json(&request, &body)?.peek("status_url") {
        let found = admin.find_integration(&caller.access, id).await;
        let found = found.map_err(|trouble| fault(trouble, &gateway))?;
        admit_status_url(&gateway, found.project, Some(url)).await?;
    }
    let changed = admin.change_integration(&caller.access, id, |before| {
        change(before).map_err(Trouble::Problem)
    });
    match changed.await {
        Ok(changed) => Ok(HttpResponse::Ok().json(IntegrationBody::of(&gateway, &changed))),
        Err(Trouble::Problem(problem)) => Err(problem),
        Err(Trouble::Error(trouble)) => Err(fault(trouble, &gateway)),
    }
}

/// Why a change is not made.
enum Trouble {
    Problem(Problem),
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Delete an integration
///
/// Its calls are refused from now on. Its verifications stay.
#[utoipa::path(
    delete, operation_id = "deleteIntegration", path = "/v1/integrations/{id}", tag = "Integrations",
    params(("id" = Uuid, Path, description = "The integration's id")),
    responses((status = 204, description = "Deleted")),
    security(("key" = ["admin"]))
)]
pub async fn delete(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let admin = gateway.admin();
    let deleted = admin
        .delete_integration(&caller.access, path_id(&id)?)
        .await;
    deleted.map_err(|trouble| fault(trouble, &gateway))?;
    Ok(HttpResponse::NoContent().finish())
}

/// Rotate an integration's secret
///
/// For 24 hours the previous secret is good too, so that the other program can be changed meanwhile.
#[utoipa::path(
    post, operation_id = "rotateIntegration", path = "/v1/integrations/{id}/rotate", tag = "Integrations",
    params(("id" = Uuid, Path, description = "The integration's id"), Idempotency),
    request_body = RotateIntegrationBody,
    responses((status = 200, description = "Rotated; the new secret is shown this once", body = IntegrationBody)),
    security(("key" = ["admin"]))
)]
pub async fn rotate(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let (admin, id) = (gateway.admin(), path_id(&id)?);
    let found = admin.find_integration(&caller.access, id).await;
    let found = found.map_err(|trouble| fault(trouble, &gateway))?;
    let mut fields = Fields::json(&request, &body)?;
    let asked = RotateIntegrationBody::read(&mut fields);
    let given = asked.and_then(|asked| asked.secret);
    examine_secret(&mut fields, found.kind, given.as_deref());
    if given.is_some() && given == found.secret {
        fields.fault("secret", "is the current one".to_owned());
    }
    let secret = given.or_else(|| new_secret(found.kind, random()));
    if secret.is_none() && !fields.blames("secret") {
        let why = format!(
            "is required: {} makes it; give the one that it shows",
            found.kind.as_str()
        );
        fields.fault("secret", why);
    }
    let secret = fields.finish_with(secret)?;
    idempotency::once(
        &gateway,
        (None, &format!("/v1/integrations/{id}/rotate")),
        &request,
        &body,
        async |ticket| {
            let rotated = admin.rotate_integration(&caller.access, id, secret, ticket);
            let rotated = rotated.await.map_err(|trouble| fault(trouble, &gateway))?;
            Ok(shown_with_secret(&gateway, &rotated, 200))
        },
        async |replay| again(&gateway, &caller.access, replay).await,
    )
    .await
}

fn shown_with_secret(gateway: &Gateway, integration: &Integration, status: u16) -> HttpResponse {
    let body = IntegrationBody::of(gateway, integration);
    idempotency::answer(status, &body.with_secret(integration))
}

/// The answer to a repeated request: the integration, with its secret.
async fn again(
    gateway: &Gateway,
    access: &Access,
    replay: Replay,
) -> Option<Result<HttpResponse, Problem>> {
    let Replay::Integration { id, status, sealed } = replay else {
        return None;
    };
    let admin = gateway.admin();
    let found = admin.integration_again(access, id, sealed.as_deref()).await;
    let found = found.map_err(|trouble| fault(trouble, gateway));
    Some(found.map(|found| shown_with_secret(gateway, &found, status)))
}

fn fault(trouble: Error, gateway: &Gateway) -> Problem {
    Problem::of_resource(trouble, gateway.now(), no_such)
}

fn no_such() -> Problem {
    let detail = "No such integration is accessible with this key.";
    Problem::new(Code::NotFound, detail)
}

fn path_id(text: &str) -> Result<Uuid, Problem> {
    values::path_id(text).ok_or_else(no_such)
}
