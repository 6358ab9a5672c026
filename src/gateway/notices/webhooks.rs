//! A project's endpoints: made, listed, rotated, removed, tried out; and their deliveries.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::notify::CLAIM;
use super::room::Notices;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Replay, Ticket};
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
    /// As [`Notices::examine_address`] answered it.
    pub url: String,
    /// Types, or `*`.
    pub events: Vec<String>,
    pub description: String,
}

impl Notices {
    /// Endpoints of one project, each of which is told of every event it asked for.
    pub const MOST_WEBHOOKS: usize = 50;

    /// The address in its usual form, if webhooks may go there.
    pub async fn examine_address(&self, text: &str) -> Result<String, AddressError> {
        self.client().examine(text).await
    }

    /// `None`: the project has as many as it may have.
    pub async fn create_webhook(
        &self,
        request: WebhookRequest,
        made_by: &Access,
        ticket: Option<Ticket>,
    ) -> Result<Option<Arc<Webhook>>, Error> {
        self.core().directory.refresh().await?;
        if self.core().directory.webhooks_of(request.project).len() >= Self::MOST_WEBHOOKS {
            return Ok(None);
        }
        let now = self.core().now();
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
        let replay = Replay::Webhook {
            id: webhook.id,
            status: 201,
        };
        let core = self.core();
        let completion = core.idempotency.completion(ticket.as_ref(), &replay);
        core.db
            .create_webhook(&webhook, Some(made_by.key), completion.as_ref())
            .await?;
        core.live.directory_changed().await?;
        Ok(Some(Arc::new(webhook)))
    }

    /// An endpoint of a project that the key covers.
    pub async fn find_webhook(&self, access: &Access, id: Uuid) -> Result<Arc<Webhook>, Error> {
        let directory = &self.core().directory;
        let mut found = directory.find_webhook(id);
        if found.is_none() {
            // Perhaps another replica has made it a moment ago.
            directory.refresh().await?;
            found = directory.find_webhook(id);
        }
        found
            .filter(|webhook| access.covers(webhook.project))
            .ok_or(Error::NotFound)
    }

    /// Oldest first, after `cursor`.
    pub async fn list_webhooks(
        &self,
        project: Option<ProjectId>,
        cursor: Option<Uuid>,
    ) -> Result<Vec<Arc<Webhook>>, Error> {
        self.core().directory.refresh().await?;
        let mut webhooks = self.core().directory.webhooks();
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
    ) -> Result<Arc<Webhook>, Error> {
        self.find_webhook(access, id).await?;
        let until = span::after(self.core().now(), OVERLAP);
        let secret = signature::new_secret();
        let core = self.core();
        let replay = Replay::Webhook { id, status: 200 };
        let completion = core.idempotency.completion(ticket.as_ref(), &replay);
        let rotated = core
            .db
            .rotate_webhook(id, &secret, until, completion.as_ref());
        if !rotated.await? {
            return Err(Error::NotFound);
        }
        core.live.directory_changed().await?;
        self.find_webhook(access, id).await
    }

    /// Nothing is sent there any more, not even what was due.
    pub async fn delete_webhook(&self, access: &Access, id: Uuid) -> Result<(), Error> {
        self.find_webhook(access, id).await?;
        if !self.core().db.delete_webhook(id).await? {
            return Err(Error::NotFound);
        }
        self.core().live.directory_changed().await?;
        let notices = self.clone();
        self.core().spawn(async move {
            if let Err(error) = notices.forget_deliveries(id).await {
                tracing::warn!(webhook = %id, %error, "deliveries of a deleted webhook stay until they are old");
            }
        });
        Ok(())
    }

    async fn forget_deliveries(&self, webhook: Uuid) -> Result<(), StorageError> {
        const BATCH: u64 = 1_000;
        let db = &self.core().db;
        while db.drop_deliveries_of(webhook, BATCH.cast_signed()).await? == BATCH {}
        Ok(())
    }

    /// Sends a message that says nothing, now, and answers what came of it.
    pub async fn test_webhook(
        &self,
        access: &Access,
        id: Uuid,
        ticket: Option<Ticket>,
    ) -> Result<Delivery, Error> {
        let webhook = self.find_webhook(access, id).await?;
        let now = self.core().now();
        let said = json!({ "webhook_id": id, "message": "This endpoint hears Pinroute." });
        let delivery = Delivery {
            data: Some(said.to_string()),
            due_at: Some(span::after(now, CLAIM)),
            ..Delivery::new(time_ordered(now, random()), id, TEST, now)
        };
        self.core().db.create_deliveries(&[&delivery]).await?;
        self.try_now(webhook, delivery, ticket).await
    }

    /// Sends a message again, now, under the id that it had; when that fails, its tries start anew.
    pub async fn redeliver(
        &self,
        access: &Access,
        id: Uuid,
        delivery: Uuid,
        ticket: Option<Ticket>,
    ) -> Result<Delivery, Error> {
        let webhook = self.find_webhook(access, id).await?;
        let until = span::after(self.core().now(), CLAIM);
        let found = self.core().db.redeliver(id, delivery, until).await?;
        self.try_now(webhook, found.ok_or(Error::NotFound)?, ticket)
            .await
    }

    /// Behind the request's back, so that a caller who goes away leaves nothing half done.
    async fn try_now(
        &self,
        webhook: Arc<Webhook>,
        delivery: Delivery,
        ticket: Option<Ticket>,
    ) -> Result<Delivery, Error> {
        let notices = self.clone();
        let work = async move {
            let id = delivery.id;
            let done = notices.try_delivery(&webhook, delivery).await;
            let core = notices.core();
            let replay = Replay::Delivery { id };
            let completion = core.idempotency.completion(ticket.as_ref(), &replay);
            core.db
                .record_deliveries(std::slice::from_ref(&done), completion.as_ref())
                .await?;
            Ok(done)
        };
        let done = self.core().spawn(work).await;
        done.unwrap_or(Err(Error::Internal))
    }

    /// A delivery of an endpoint that the key covers.
    pub async fn find_delivery(&self, access: &Access, id: Uuid) -> Result<Delivery, Error> {
        let found = self
            .core()
            .db
            .find_delivery(id)
            .await?
            .ok_or(Error::NotFound)?;
        self.find_webhook(access, found.webhook).await?;
        Ok(found)
    }

    /// Newest first.
    pub async fn list_deliveries(
        &self,
        access: &Access,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, Error> {
        self.find_webhook(access, query.webhook).await?;
        Ok(self.core().db.list_deliveries(query).await?)
    }
}
