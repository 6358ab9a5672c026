//! `/v1/webhooks`: where a project's own server is told what happens; scope `admin`.

pub mod deliveries;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Admin, Caller};
use super::idempotency;
use super::input::{Fields, Query, printable, text};
use super::openapi::parameters::{Batch, Idempotency};
use super::openapi::sets;
use super::problem::{Code, Problem};
use super::verifications::cancel::NoChoices;
use super::verifications::rfc3339;
use crate::gateway::{Access, Gateway, Trouble, Webhook, WebhookRequest};
use crate::webhooks::{ALL, TYPES};

/// What an endpoint is made from.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewWebhook)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct NewWebhookBody {
    /// Where to POST to: https, or http. Redirects are not followed, and addresses that lead to a private network are refused.
    #[schema(max_length = 2048, pattern = "^https?://")]
    url: String,
    /// The types to be told of; `*`, which is also the default, is all of them.
    #[schema(value_type = Option<Vec<sets::WebhookFilter>>, min_items = 1)]
    events: Option<Vec<String>>,
    /// For people.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// For a key of the whole instance: the project's name; `default` without one.
    project: Option<String>,
}

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookBody {
    id: Uuid,
    project: String,
    url: String,
    #[schema(value_type = Vec<sets::WebhookFilter>)]
    events: Vec<String>,
    description: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// Until when the secret before the last rotation signs too.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    previous_secret_expires_at: Option<String>,
    /// What messages are signed with (Standard Webhooks). Shown only by the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, pattern = "^whsec_[A-Za-z0-9+/]+=*$")]
    secret: Option<String>,
}

/// Endpoints, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookList)]
pub struct WebhooksBody {
    items: Vec<WebhookBody>,
    /// For `cursor` of the next request; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Register an endpoint
///
/// From then on it is told of each event that it asked for, at least once and in no particular order, by a POST with
/// `webhook-id` (the same in each try), `webhook-timestamp` and `webhook-signature` (Standard Webhooks). A 2xx within ten
/// seconds is success; else it is tried again after about 5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 8 h, 16 h and 24 h.
/// `data` is the verification as it is when the message leaves.
#[utoipa::path(
    post, operation_id = "createWebhook", path = "/v1/webhooks", tag = "Webhooks",
    params(Idempotency),
    request_body = NewWebhookBody,
    responses((status = 201, description = "Made; the secret is shown this once", body = WebhookBody)),
    security(("key" = ["admin"]))
)]
pub async fn create(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::read(&request, &body)?;
    let named = fields.take("project", text(1, 100));
    let events = fields.take("events", events);
    let description = fields.take("description", text(0, 200));
    let address = fields.require("url", |value| {
        Ok(value.as_str().ok_or("must be a string")?.to_owned())
    });
    let mut url = None;
    if let Some(address) = address {
        match gateway.examine_address(&address).await {
            Ok(examined) => url = Some(examined),
            Err(fault) => fields.fault("url", fault.to_string()),
        }
    }
    fields.finish()?;
    let project = caller.project_or_default(&gateway, named.as_deref())?;
    let asked = WebhookRequest {
        project,
        url: url.unwrap_or_default(),
        events: events.unwrap_or_else(|| vec![ALL.to_owned()]),
        description: description.unwrap_or_default(),
    };
    idempotency::once(
        &gateway,
        &caller.access,
        (Some(project), "/v1/webhooks"),
        &request,
        &body,
        async |ticket| match gateway.create_webhook(asked, ticket).await {
            Ok(Some(webhook)) => Ok(shown_with_secret(&gateway, &webhook, 201)),
            Ok(None) => Err(Problem::new(
                Code::InvalidRequest,
                format!(
                    "The project has {} webhooks already; remove one that is not needed.",
                    Gateway::MOST_WEBHOOKS
                ),
            )),
            Err(trouble) => Err(fault(trouble, &gateway)),
        },
    )
    .await
}

/// List endpoints
#[utoipa::path(
    get, operation_id = "listWebhooks", path = "/v1/webhooks", tag = "Webhooks",
    params(Batch, ("project" = Option<String>, Query, description = "For a key of the whole instance: one project's only, by its name")),
    responses((status = 200, description = "A page", body = WebhooksBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = query.take("project", |text| Ok(text.to_owned()));
    let limit = usize::try_from(query.limit()).unwrap_or(0);
    let cursor = query.take("cursor", cursor);
    query.finish()?;
    let project = caller.project(&gateway, named.as_deref())?;
    let found = gateway.list_webhooks(project, cursor).await;
    let found = found.map_err(|trouble| fault(trouble, &gateway))?;
    let next_cursor = found
        .get(limit)
        .and_then(|_| Some(found.get(limit.checked_sub(1)?)?.id.to_string()));
    let items = found.iter().take(limit);
    Ok(HttpResponse::Ok().json(WebhooksBody {
        items: items
            .map(|webhook| WebhookBody::of(&gateway, webhook))
            .collect(),
        next_cursor,
    }))
}

/// An endpoint
#[utoipa::path(
    get, operation_id = "getWebhook", path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 200, description = "As it is; without its secret", body = WebhookBody)),
    security(("key" = ["admin"]))
)]
pub async fn find(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = gateway.find_webhook(&caller.access, path_id(&id)?).await;
    let webhook = found.map_err(|trouble| fault(trouble, &gateway))?;
    Ok(HttpResponse::Ok().json(WebhookBody::of(&gateway, &webhook)))
}

/// Remove an endpoint
///
/// Nothing is sent there any more, not even what was due; its deliveries are forgotten.
#[utoipa::path(
    delete, operation_id = "deleteWebhook", path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 204, description = "Removed")),
    security(("key" = ["admin"]))
)]
pub async fn delete(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = gateway.delete_webhook(&caller.access, path_id(&id)?).await;
    deleted.map_err(|trouble| fault(trouble, &gateway))?;
    Ok(HttpResponse::NoContent().finish())
}

/// Rotate an endpoint's secret
///
/// For 24 hours the secret before signs too, so that the receiver can be changed meanwhile.
#[utoipa::path(
    post, operation_id = "rotateWebhook", path = "/v1/webhooks/{id}/rotate", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id"), Idempotency),
    request_body = NoChoices,
    responses((status = 200, description = "Rotated; the new secret is shown this once", body = WebhookBody)),
    security(("key" = ["admin"]))
)]
pub async fn rotate(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&id)?;
    Fields::read(&request, &body)?.finish()?;
    idempotency::once(
        &gateway,
        &caller.access,
        (None, &format!("/v1/webhooks/{id}/rotate")),
        &request,
        &body,
        async |ticket| {
            let rotated = gateway.rotate_webhook(&caller.access, id, ticket).await;
            let webhook = rotated.map_err(|trouble| fault(trouble, &gateway))?;
            Ok(shown_with_secret(&gateway, &webhook, 200))
        },
    )
    .await
}

impl WebhookBody {
    fn of(gateway: &Gateway, webhook: &Webhook) -> Self {
        let previous = webhook.previous.as_ref();
        let previous = previous.filter(|(_, until)| gateway.now() < *until);
        Self {
            id: webhook.id,
            project: gateway
                .directory()
                .project_name(webhook.project)
                .unwrap_or_default(),
            url: webhook.url.clone(),
            events: webhook.events.split(',').map(str::to_owned).collect(),
            description: webhook.description.clone(),
            created_at: rfc3339(webhook.created_at),
            previous_secret_expires_at: previous.map(|(_, until)| rfc3339(*until)),
            secret: None,
        }
    }
}

fn shown_with_secret(gateway: &Gateway, webhook: &Webhook, status: u16) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).json(WebhookBody {
        secret: Some(webhook.secret.clone()),
        ..WebhookBody::of(gateway, webhook)
    })
}

/// The answer that made a secret, told again.
pub(super) async fn tell_again(
    gateway: &Gateway,
    access: &Access,
    id: Uuid,
    status: u16,
) -> Result<HttpResponse, Problem> {
    let webhook = gateway.find_webhook(access, id).await;
    let webhook = webhook.map_err(|trouble| fault(trouble, gateway))?;
    Ok(shown_with_secret(gateway, &webhook, status))
}

fn fault(trouble: Trouble, gateway: &Gateway) -> Problem {
    match trouble {
        Trouble::NotFound => no_such(),
        other => Problem::of(other, gateway.now()),
    }
}

fn no_such() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such webhook, or no such delivery of it, in a project of this key.",
    )
}

fn path_id(text: &str) -> Result<Uuid, Problem> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    id.ok_or_else(no_such)
}

fn cursor(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text).map_err(|_| "is not a cursor of this list".to_owned())
}

fn events(value: &Value) -> Result<Vec<String>, String> {
    let items = value
        .as_array()
        .filter(|items| !items.is_empty())
        .ok_or("must be a list of one or more types; `*` is all of them")?;
    let mut events = Vec::new();
    for item in items {
        let event = item.as_str().ok_or("must be a list of strings")?;
        if event != ALL && !TYPES.contains(&event) {
            return Err(format!(
                "`{}` is not a type; there are {}, and `*` for all",
                printable(event),
                TYPES.join(", ")
            ));
        }
        if !events.iter().any(|known| known == event) {
            events.push(event.to_owned());
        }
    }
    if events.len() > 1 && events.iter().any(|event| event == ALL) {
        return Err("holds `*` and more; `*` is every type, keep it alone or remove it".to_owned());
    }
    Ok(events)
}
