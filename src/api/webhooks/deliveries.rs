//! What became of the messages to an endpoint, and how to send one again.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{cursor, fault, path_id};
use crate::api::caller::{Admin, Caller};
use crate::api::idempotency;
use crate::api::input::{Fields, Query};
use crate::api::openapi::parameters::{Batch, Idempotency};
use crate::api::openapi::sets;
use crate::api::problem::Problem;
use crate::api::verifications::cancel::NoChoices;
use crate::api::verifications::rfc3339;
use crate::gateway::{Access, Delivery, DeliveryQuery, DeliveryState, Gateway, Try};
use crate::verification::id::VerificationId;

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
    /// The verification that it tells of.
    #[schema(required)]
    verification_id: Option<Uuid>,
    /// When the event was.
    #[schema(value_type = String, format = DateTime)]
    timestamp: String,
    /// Tries so far, those before a redelivery included.
    tried: u32,
    /// Null when no try will come by itself.
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
    /// Why it failed; null when the message was taken.
    #[schema(required)]
    error: Option<String>,
    duration_ms: u32,
}

/// Deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryList)]
pub struct DeliveriesBody {
    items: Vec<DeliveryBody>,
    /// For `cursor` of the next request; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// List an endpoint's deliveries
///
/// They are kept for 30 days.
#[utoipa::path(
    get, operation_id = "listWebhookDeliveries", path = "/v1/webhooks/{id}/deliveries", tag = "Webhooks",
    params(
        ("id" = Uuid, Path, description = "The webhook's id"),
        ("state" = Option<sets::DeliveryState>, Query, description = "Only those that are so"),
        Batch,
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
    let limit = query.limit();
    let asked = DeliveryQuery {
        webhook,
        state: query.take("state", |text| {
            DeliveryState::parse(text)
                .ok_or_else(|| "must be pending, delivered or dead".to_owned())
        }),
        cursor: query.take("cursor", cursor),
        limit: limit + 1,
    };
    query.finish()?;
    let found = gateway.list_deliveries(&caller.access, &asked).await;
    let mut found = found.map_err(|trouble| fault(trouble, &gateway))?;
    let size = usize::try_from(limit).unwrap_or(0);
    let more = found.len() > size;
    found.truncate(size);
    let next_cursor = found
        .last()
        .filter(|_| more)
        .map(|delivery| delivery.id.to_string());
    Ok(HttpResponse::Ok().json(DeliveriesBody {
        items: found.iter().map(DeliveryBody::of).collect(),
        next_cursor,
    }))
}

/// Try an endpoint out
///
/// Sends a message of the type `webhook.test` once, whatever the endpoint asked for, and answers what came of it.
#[utoipa::path(
    post, operation_id = "testWebhook", path = "/v1/webhooks/{id}/test", tag = "Webhooks",
    params(("id" = Uuid, Path, description = "The webhook's id"), Idempotency),
    request_body = NoChoices,
    responses((status = 200, description = "Tried once; `state` and `tries` tell how it went", body = DeliveryBody)),
    security(("key" = ["admin"]))
)]
pub async fn test(
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
        (None, &format!("/v1/webhooks/{id}/test")),
        &request,
        &body,
        async |ticket| {
            let tried = gateway.test_webhook(&caller.access, id, ticket).await;
            let tried = tried.map_err(|trouble| fault(trouble, &gateway))?;
            Ok(HttpResponse::Ok().json(DeliveryBody::of(&tried)))
        },
    )
    .await
}

/// Send a message again
///
/// Now, whatever became of it before, under the same `webhook-id`. When that fails, its tries start anew.
#[utoipa::path(
    post, operation_id = "redeliverWebhook", path = "/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver", tag = "Webhooks",
    params(
        ("id" = Uuid, Path, description = "The webhook's id"),
        ("delivery_id" = Uuid, Path, description = "The delivery's id"),
        Idempotency,
    ),
    request_body = NoChoices,
    responses((status = 200, description = "Tried once more; `state` and `tries` tell how it went", body = DeliveryBody)),
    security(("key" = ["admin"]))
)]
pub async fn redeliver(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    ids: web::Path<(String, String)>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (id, delivery) = (path_id(&ids.0)?, path_id(&ids.1)?);
    Fields::read(&request, &body)?.finish()?;
    idempotency::once(
        &gateway,
        &caller.access,
        (
            None,
            &format!("/v1/webhooks/{id}/deliveries/{delivery}/redeliver"),
        ),
        &request,
        &body,
        async |ticket| {
            let tried = gateway
                .redeliver(&caller.access, id, delivery, ticket)
                .await;
            let tried = tried.map_err(|trouble| fault(trouble, &gateway))?;
            Ok(HttpResponse::Ok().json(DeliveryBody::of(&tried)))
        },
    )
    .await
}

/// The answer to a request that was repeated: the delivery as it is now.
pub(in crate::api) async fn tell_again(
    gateway: &Gateway,
    access: &Access,
    id: Uuid,
) -> Result<HttpResponse, Problem> {
    let delivery = gateway.find_delivery(access, id).await;
    let delivery = delivery.map_err(|trouble| fault(trouble, gateway))?;
    Ok(HttpResponse::Ok().json(DeliveryBody::of(&delivery)))
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
