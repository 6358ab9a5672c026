//! `/v1/webhooks`: endpoints that get a project's events; scope `admin`.

pub mod deliveries;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{NoChoices, RawBody, body};
use super::caller::{Admin, Caller};
use super::forms::{self, some_of, text, value};
use super::idempotency;
use super::openapi::parameters::{Idempotency, OneProject};
use super::openapi::sets;
use super::page::{self, Page, PageParameters, page_of};
use super::problem::{Code, Problem};
use super::values::{self, rfc3339};
use crate::gateway::{Access, Error, Gateway, Notices, Replay, Webhook, WebhookRequest};
use crate::web::fields::printable;
use crate::web::{Fields, Query};
use crate::webhooks::{ALL, TYPES};

body! {
    /// The endpoint to register.
    closed struct NewWebhookBody as "WebhookRequest" {
        /// The address to POST to, https or http. Redirects are not followed; addresses that lead to a private network are refused.
        required url: String = url(),
        /// The events to send; `*`, the default, is all of them.
        optional events: Option<Vec<String>> = some_of::<sets::WebhookFilter, _>(events),
        /// For people.
        optional description: Option<String> = text(0..=200),
        /// With a key of the whole instance: the project's name; `default` if omitted.
        optional project: Option<String> = forms::project(),
    }
}

/// An address; the gateway examines it.
fn url() -> impl super::body::Form<Out = String> {
    let read = |value: &Value| Ok(value.as_str().ok_or("must be a string")?.to_owned());
    value(read, |schema| {
        schema.max_length(Some(2_048)).pattern(Some("^https?://"))
    })
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
    /// Until then, messages are signed with the previous secret too.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    previous_secret_expires_at: Option<String>,
    /// The secret that signs messages (Standard Webhooks). Shown once, in the answer that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, pattern = "^whsec_[A-Za-z0-9+/]+=*$")]
    secret: Option<String>,
}

page_of! {
    /// A page of endpoints, oldest first.
    WebhooksBody as WebhookList: WebhookBody
}

/// Register a webhook endpoint
///
/// From then on it gets each event that it subscribed to, at least once and in no particular order, by a POST with
/// `webhook-id` (the same in each try), `webhook-timestamp` and `webhook-signature` (Standard Webhooks). A 2xx within ten
/// seconds is success; otherwise it is retried after about 5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 8 h, 16 h and 24 h.
/// `data` is the verification at the time of the try.
#[utoipa::path(
    post, operation_id = "createWebhook", path = "/v1/webhooks", tag = "Webhooks",
    params(Idempotency),
    request_body = NewWebhookBody,
    responses((status = 201, description = "Registered; the secret is shown this once", body = WebhookBody)),
    security(("key" = ["admin"]))
)]
pub async fn create(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::json(&request, &body)?;
    let asked = NewWebhookBody::read(&mut fields);
    let mut url = String::new();
    if let Some(asked) = &asked {
        match gateway.notices().examine_address(&asked.url).await {
            Ok(examined) => url = examined,
            Err(fault) => fields.fault("url", fault.to_string()),
        }
    }
    let asked = fields.finish_with(asked)?;
    let project = caller.project_or_default(&gateway, asked.project.as_deref())?;
    let asked = WebhookRequest {
        project,
        url,
        events: asked.events.unwrap_or_else(|| vec![ALL.to_owned()]),
        description: asked.description.unwrap_or_default(),
    };
    idempotency::once(
        &gateway,
        (Some(project), "/v1/webhooks"),
        &request,
        &body,
        async |ticket| match gateway
            .notices()
            .create_webhook(asked, &caller.access, ticket)
            .await
        {
            Ok(Some(webhook)) => Ok(shown_with_secret(&gateway, &webhook, 201)),
            Ok(None) => Err(Problem::new(
                Code::InvalidRequest,
                format!(
                    "The project already has {} webhooks; delete one first.",
                    Notices::MOST_WEBHOOKS
                ),
            )),
            Err(trouble) => Err(fault(trouble, &gateway)),
        },
        async |replay| again(&gateway, &caller.access, replay).await,
    )
    .await
}

/// List webhook endpoints
#[utoipa::path(
    get, operation_id = "listWebhooks", path = "/v1/webhooks", tag = "Webhooks",
    params(PageParameters, OneProject),
    responses((status = 200, description = "A page", body = WebhooksBody)),
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
    let found = gateway.notices().list_webhooks(project, page.cursor).await;
    let found = found.map_err(|trouble| fault(trouble, &gateway))?;
    let found = page.cut(found, |last| last.id.to_string());
    let body = WebhooksBody::of(found, |webhook| WebhookBody::of(&gateway, &webhook));
    Ok(HttpResponse::Ok().json(body))
}

/// Get a webhook endpoint
#[utoipa::path(
    get, operation_id = "getWebhook", path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 200, description = "The endpoint, without its secret", body = WebhookBody)),
    security(("key" = ["admin"]))
)]
pub async fn find(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = gateway
        .notices()
        .find_webhook(&caller.access, path_id(&id)?)
        .await;
    let webhook = found.map_err(|trouble| fault(trouble, &gateway))?;
    Ok(HttpResponse::Ok().json(WebhookBody::of(&gateway, &webhook)))
}

/// Delete a webhook endpoint
///
/// Nothing more is sent to it, not even due messages; its deliveries are deleted too.
#[utoipa::path(
    delete, operation_id = "deleteWebhook", path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 204, description = "Deleted")),
    security(("key" = ["admin"]))
)]
pub async fn delete(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = gateway
        .notices()
        .delete_webhook(&caller.access, path_id(&id)?)
        .await;
    deleted.map_err(|trouble| fault(trouble, &gateway))?;
    Ok(HttpResponse::NoContent().finish())
}

/// Rotate a webhook's secret
///
/// For 24 hours messages are signed with the previous secret too, so that the receiver can be updated meanwhile.
#[utoipa::path(
    post, operation_id = "rotateWebhook", path = "/v1/webhooks/{id}/rotate", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id"), Idempotency),
    responses((status = 200, description = "Rotated; the new secret is shown this once", body = WebhookBody)),
    security(("key" = ["admin"]))
)]
pub async fn rotate(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&id)?;
    NoChoices::read(Fields::json(&request, &body)?)?;
    idempotency::once(
        &gateway,
        (None, &format!("/v1/webhooks/{id}/rotate")),
        &request,
        &body,
        async |ticket| {
            let rotated = gateway
                .notices()
                .rotate_webhook(&caller.access, id, ticket)
                .await;
            let webhook = rotated.map_err(|trouble| fault(trouble, &gateway))?;
            Ok(shown_with_secret(&gateway, &webhook, 200))
        },
        async |replay| again(&gateway, &caller.access, replay).await,
    )
    .await
}

impl WebhookBody {
    fn of(gateway: &Gateway, webhook: &Webhook) -> Self {
        let previous = webhook.previous_at(gateway.now());
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
    let body = WebhookBody {
        secret: Some(webhook.secret.clone()),
        ..WebhookBody::of(gateway, webhook)
    };
    idempotency::answer(status, &body)
}

/// The answer to a repeated request: the webhook, with the secret that was created.
async fn again(
    gateway: &Gateway,
    access: &Access,
    replay: Replay,
) -> Option<Result<HttpResponse, Problem>> {
    let Replay::Webhook { id, status } = replay else {
        return None;
    };
    let found = gateway.notices().find_webhook(access, id).await;
    let found = found.map_err(|trouble| fault(trouble, gateway));
    Some(found.map(|webhook| shown_with_secret(gateway, &webhook, status)))
}

fn fault(trouble: Error, gateway: &Gateway) -> Problem {
    Problem::of_resource(trouble, gateway.now(), no_such)
}

fn no_such() -> Problem {
    Problem::new(
        Code::NotFound,
        "No such webhook, or no such delivery of it, is accessible with this key.",
    )
}

fn path_id(text: &str) -> Result<Uuid, Problem> {
    values::path_id(text).ok_or_else(no_such)
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
                "`{}` is not a type; use {}, or `*` for all",
                printable(event),
                TYPES.join(", ")
            ));
        }
        if !events.iter().any(|known| known == event) {
            events.push(event.to_owned());
        }
    }
    if events.len() > 1 && events.iter().any(|event| event == ALL) {
        return Err("has `*` and more; `*` is every type, keep it alone or remove it".to_owned());
    }
    Ok(events)
}
