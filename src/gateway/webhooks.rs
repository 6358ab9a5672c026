//! A project's endpoints: made, listed, rotated, removed, tried out; and their deliveries.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::idempotency::{Replay, Ticket};
use super::notify::CLAIM;
use super::{Access, Gateway, Trouble};
use crate::secret::random;
use crate::storage::{Delivery, DeliveryQuery, StorageError, Webhook};
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::span;
use crate::webhooks::address::AddressError;
use crate::webhooks::{TEST, signature};

/// How long the secret before a rotation signs too (contract §3, *Webhooks*).
const OVERLAP: Duration = Duration::from_hours(24);

/// What a project asks for.
#[derive(Clone, Debug)]
pub struct WebhookRequest {
    pub project: ProjectId,
    /// As [`Gateway::examine_address`] answered it.
    pub url: String,
    /// Types, or `*`.
    pub events: Vec<String>,
    pub description: String,
}

impl Gateway {
    /// Endpoints of one project, each of which is told of every event it asked for.
    pub const MOST_WEBHOOKS: usize = 50;

    /// The address in its usual form, if webhooks may go there.
    pub async fn examine_address(&self, text: &str) -> Result<String, AddressError> {
        self.0.webhooks.examine(text).await
    }

    /// `None`: the project has as many as it may have.
    pub async fn create_webhook(
        &self,
        request: WebhookRequest,
        made_by: &Access,
        ticket: Option<Ticket>,
    ) -> Result<Option<Arc<Webhook>>, Trouble> {
        self.0.directory.refresh().await?;
        if self.0.directory.webhooks_of(request.project).len() >= Self::MOST_WEBHOOKS {
            return Ok(None);
        }
        let now = self.now();
        let webhook = Webhook {
            id: time_ordered(now, random()),
            project: request.project,
            url: request.url,
            events: request.events.join(","),
            description: request.description,
            secret: signature::new_secret(),
            previous: None,
            created_at: now,
        };
        self.0
            .db
            .create_webhook(&webhook, Some(made_by.key))
            .await?;
        self.directory_changed().await?;
        let replay = Replay::Webhook {
            id: webhook.id,
            status: 201,
        };
        self.complete_alone(ticket, &replay).await?;
        Ok(Some(Arc::new(webhook)))
    }

    /// An endpoint of a project that the key covers.
    pub async fn find_webhook(&self, access: &Access, id: Uuid) -> Result<Arc<Webhook>, Trouble> {
        let directory = &self.0.directory;
        let mut found = directory.find_webhook(id);
        if found.is_none() {
            // Perhaps another replica has made it a moment ago.
            directory.refresh().await?;
            found = directory.find_webhook(id);
        }
        found
            .filter(|webhook| access.covers(webhook.project))
            .ok_or(Trouble::NotFound)
    }

    /// Oldest first, after `cursor`.
    pub async fn list_webhooks(
        &self,
        project: Option<ProjectId>,
        cursor: Option<Uuid>,
    ) -> Result<Vec<Arc<Webhook>>, Trouble> {
        self.0.directory.refresh().await?;
        let mut webhooks = self.0.directory.webhooks();
        webhooks.retain(|webhook| {
            project.is_none_or(|project| webhook.project == project)
                && cursor.is_none_or(|cursor| webhook.id > cursor)
        });
        Ok(webhooks)
    }

    /// Gives an endpoint a new secret; for a day the one before signs too.
    pub async fn rotate_webhook(
        &self,
        access: &Access,
        id: Uuid,
        ticket: Option<Ticket>,
    ) -> Result<Arc<Webhook>, Trouble> {
        self.find_webhook(access, id).await?;
        let until = span::after(self.now(), OVERLAP);
        let secret = signature::new_secret();
        if !self.0.db.rotate_webhook(id, &secret, until).await? {
            return Err(Trouble::NotFound);
        }
        self.directory_changed().await?;
        self.complete_alone(ticket, &Replay::Webhook { id, status: 200 })
            .await?;
        self.find_webhook(access, id).await
    }

    /// Nothing is sent there any more, not even what was due.
    pub async fn delete_webhook(&self, access: &Access, id: Uuid) -> Result<(), Trouble> {
        self.find_webhook(access, id).await?;
        if !self.0.db.delete_webhook(id).await? {
            return Err(Trouble::NotFound);
        }
        self.directory_changed().await?;
        let gateway = self.clone();
        self.0.tasks.spawn_on(
            async move {
                if let Err(error) = gateway.forget_deliveries(id).await {
                    tracing::warn!(webhook = %id, %error, "the deliveries of an endpoint that is gone are left until they are old");
                }
            },
            &self.0.runtime,
        );
        Ok(())
    }

    async fn forget_deliveries(&self, webhook: Uuid) -> Result<(), StorageError> {
        let chunk = Self::SWEPT_AT_ONCE;
        while self
            .0
            .db
            .drop_deliveries_of(webhook, chunk.cast_signed())
            .await?
            == chunk
        {}
        Ok(())
    }

    /// Sends a message that says nothing, now, and answers what came of it.
    pub async fn test_webhook(
        &self,
        access: &Access,
        id: Uuid,
        ticket: Option<Ticket>,
    ) -> Result<Delivery, Trouble> {
        let webhook = self.find_webhook(access, id).await?;
        let now = self.now();
        let said = json!({ "webhook_id": id, "message": "This endpoint hears Pinroute." });
        let delivery = Delivery {
            data: Some(said.to_string()),
            due_at: Some(span::after(now, CLAIM)),
            ..Delivery::new(time_ordered(now, random()), id, TEST, now)
        };
        self.0.db.create_deliveries(&[&delivery]).await?;
        self.try_now(webhook, delivery, ticket).await
    }

    /// Sends a message again, now, under the id that it had; when that fails, its tries start anew.
    pub async fn redeliver(
        &self,
        access: &Access,
        id: Uuid,
        delivery: Uuid,
        ticket: Option<Ticket>,
    ) -> Result<Delivery, Trouble> {
        let webhook = self.find_webhook(access, id).await?;
        let until = span::after(self.now(), CLAIM);
        let found = self.0.db.redeliver(id, delivery, until).await?;
        self.try_now(webhook, found.ok_or(Trouble::NotFound)?, ticket)
            .await
    }

    /// Behind the request's back, so that a caller who goes away leaves nothing half done.
    async fn try_now(
        &self,
        webhook: Arc<Webhook>,
        delivery: Delivery,
        ticket: Option<Ticket>,
    ) -> Result<Delivery, Trouble> {
        let gateway = self.clone();
        let work = async move {
            let id = delivery.id;
            let done = gateway.try_delivery(&webhook, delivery).await;
            gateway
                .0
                .db
                .record_deliveries(std::slice::from_ref(&done))
                .await?;
            gateway
                .complete_alone(ticket, &Replay::Delivery { id })
                .await?;
            Ok(done)
        };
        let done = self.0.tasks.spawn_on(work, &self.0.runtime).await;
        done.unwrap_or(Err(Trouble::Unavailable))
    }

    /// A delivery of an endpoint that the key covers.
    pub async fn find_delivery(&self, access: &Access, id: Uuid) -> Result<Delivery, Trouble> {
        let found = self
            .0
            .db
            .find_delivery(id)
            .await?
            .ok_or(Trouble::NotFound)?;
        self.find_webhook(access, found.webhook).await?;
        Ok(found)
    }

    /// Newest first.
    pub async fn list_deliveries(
        &self,
        access: &Access,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, Trouble> {
        self.find_webhook(access, query.webhook).await?;
        Ok(self.0.db.list_deliveries(query).await?)
    }
}
