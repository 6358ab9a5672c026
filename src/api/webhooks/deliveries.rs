//! The messages to an endpoint, their tries, and redelivery.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{fault, path_id};
use crate::api::body::{NoChoices, RawBody};
use crate::api::caller::{Admin, Caller};
use crate::api::idempotency;
use crate::api::openapi::parameters::Idempotency;
use crate::api::openapi::sets;
use crate::api::page::{self, Page, PageParameters, page_of};
use crate::api::problem::Problem;
use crate::api::values::rfc3339;
use crate::gateway::{Access, Delivery, DeliveryQuery, DeliveryState, Gateway, Replay, Try};
use crate::verification::id::VerificationId;
use crate::web::{Fields, Query};

/// A message to an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryBody {
    /// The `webhook-id` of each try.
    id: Uuid,
    #[serde(rename = "type")]
    #[schema(value_type = sets::WebhookType)]
    kind: String,
    #[schema(value_type = sets::DeliveryState)]
    state: &'static str,
    /// The verification of the event.
    #[schema(required)]
    verification_id: Option<Uuid>,
    /// When the event happened.
    #[schema(value_type = String, format = DateTime)]
    timestamp: String,
    /// Tries so far, including those before a redelivery.
    tried: u32,
    /// Null when no automatic try will follow.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    next_try_at: Option<String>,
    /// The last twenty, oldest first.
    tries: Vec<TryBody>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookTry)]
struct TryBody {
    #[schema(value_type = String, format = DateTime)]
    at: String,
    /// The receiver's HTTP status; null when it did not answer.
    #[schema(required)]
    status: Option<u16>,
    /// Why it failed; null when the message was accepted.
    #[schema(required)]
    error: Option<String>,
    duration_ms: u32,
}

page_of! {
    /// A page of deliveries, newest first.
    DeliveriesBody as WebhookDeliveryList: DeliveryBody
}

/// List a webhook's deliveries
///
/// Deliveries are kept for 30 days.
#[utoipa::path(
    get, operation_id = "listWebhookDeliveries", path = "/v1/webhooks/{id}/deliveries", tag = "Webhooks",
    params(
        ("id" = Uuid, Path, description = "The webhook's id"),
        ("state" = Option<sets::DeliveryState>, Query, description = "Only deliveries in this state"),
        PageParameters,
    ),
    responses((status = 200, description = "A page", body = DeliveriesBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let webhook = path_id(&id)?;
    let mut query = Query::read(&request)?;
    let page = Page::read(&mut query, page::id);
    let asked = DeliveryQuery {
        webhook,
        state: query.take("state", |text| {
            DeliveryState::parse(text)
                .ok_or_else(|| "must be pending, delivered or dead".to_owned())
        }),
        cursor: page.cursor,
        limit: page.wanted(),
    };
    query.finish()?;
    let found = gateway
        .notices()
        .list_deliveries(&caller.access, &asked)
        .await;
    let found = found.map_err(|trouble| fault(trouble, &gateway))?;
    let found = page.cut(found, |last| last.id.to_string());
    let body = DeliveriesBody::of(found, |delivery| DeliveryBody::of(&delivery));
    Ok(HttpResponse::Ok().json(body))
}

/// Test a webhook endpoint
///
/// Sends a message of the type `webhook.test` once, whatever the endpoint subscribed to, and returns the result.
#[utoipa::path(
    post, operation_id = "testWebhook", path = "/v1/webhooks/{id}/test", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id"), Idempotency),
    responses((status = 200, description = "Tried once; `state` and `tries` show the result", body = DeliveryBody)),
    security(("key" = ["admin"]))
)]
pub async fn test(
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
        (None, &format!("/v1/webhooks/{id}/test")),
        &request,
        &body,
        async |ticket| {
            let tried = gateway
                .notices()
                .test_webhook(&caller.access, id, ticket)
                .await;
            let tried = tried.map_err(|trouble| fault(trouble, &gateway))?;
            Ok(HttpResponse::Ok().json(DeliveryBody::of(&tried)))
        },
        async |replay| again(&gateway, &caller.access, replay).await,
    )
    .await
}

/// Redeliver a message
///
/// Immediately, whatever its state, under the same `webhook-id`. If that fails, the schedule of tries starts again.
#[utoipa::path(
    post, operation_id = "redeliverWebhook", path = "/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver", tag = "Webhooks",
    params(
        ("id" = Uuid, Path, description = "The webhook's id"),
        ("delivery_id" = Uuid, Path, description = "The delivery's id"),
        Idempotency,
    ),
    responses((status = 200, description = "Tried once more; `state` and `tries` show the result", body = DeliveryBody)),
    security(("key" = ["admin"]))
)]
pub async fn redeliver(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    ids: web::Path<(String, String)>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let (id, delivery) = (path_id(&ids.0)?, path_id(&ids.1)?);
    NoChoices::read(Fields::json(&request, &body)?)?;
    idempotency::once(
        &gateway,
        (
            None,
            &format!("/v1/webhooks/{id}/deliveries/{delivery}/redeliver"),
        ),
        &request,
        &body,
        async |ticket| {
            let tried = gateway
                .notices()
                .redeliver(&caller.access, id, delivery, ticket)
                .await;
            let tried = tried.map_err(|trouble| fault(trouble, &gateway))?;
            Ok(HttpResponse::Ok().json(DeliveryBody::of(&tried)))
        },
        async |replay| again(&gateway, &caller.access, replay).await,
    )
    .await
}

/// The answer to a repeated request: the delivery as it is now.
async fn again(
    gateway: &Gateway,
    access: &Access,
    replay: Replay,
) -> Option<Result<HttpResponse, Problem>> {
    let Replay::Delivery { id } = replay else {
        return None;
    };
    let found = gateway.notices().find_delivery(access, id).await;
    let found = found.map_err(|trouble| fault(trouble, gateway));
    Some(found.map(|delivery| HttpResponse::Ok().json(DeliveryBody::of(&delivery))))
}

impl DeliveryBody {
    fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            kind: delivery.event.clone(),
            state: delivery.state.as_str(),
            verification_id: delivery.verification.map(VerificationId::uuid),
            timestamp: rfc3339(delivery.at),
            tried: delivery.tried,
            next_try_at: delivery.due_at.map(rfc3339),
            tries: delivery.history.iter().map(TryBody::of).collect(),
        }
    }
}

impl TryBody {
    fn of(one: &Try) -> Self {
        Self {
            at: rfc3339(one.at),
            status: one.status,
            error: one.error.clone(),
            duration_ms: one.duration_ms,
        }
    }
}
