//! A project's webhook endpoints: create, list, rotate, delete, test; and their deliveries.

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

/// How long messages are signed with the previous secret too, after a rotation.
const OVERLAP: Duration = Duration::from_hours(24);

/// A project's request for an endpoint.
#[derive(Clone, Debug)]
pub struct WebhookRequest {
    pub project: ProjectId,
    /// As returned by [`Notices::examine_address`].
    pub url: String,
    /// Event types, or `*`.
    pub events: Vec<String>,
    pub description: String,
}

impl Notices {
    /// Most endpoints per project.
    pub const MOST_WEBHOOKS: usize = 50;

    /// Normalizes an address, if webhooks may be sent to it.
    pub async fn examine_address(&self, text: &str) -> Result<String, AddressError> {
        self.client().examine(text).await
    }

    /// `None`: the project already has [`Self::MOST_WEBHOOKS`].
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
        let act = core.act(&made_by.by).answering(completion);
        core.db
            .create_webhook(&webhook, Some(made_by.key), &act)
            .await?;
        core.live.directory_changed().await?;
        Ok(Some(Arc::new(webhook)))
    }

    /// An endpoint of a project that the key covers.
    pub async fn find_webhook(&self, access: &Access, id: Uuid) -> Result<Arc<Webhook>, Error> {
        let directory = &self.core().directory;
        let mut found = directory.find_webhook(id);
        if found.is_none() {
            // It may have just been created on another replica.
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

    /// Gives an endpoint a new secret. For a day, messages are signed with the old one too.
    pub async fn rotate_webhook(
        &self,
        access: &Access,
        id: Uuid,
        ticket: Option<Ticket>,
    ) -> Result<Arc<Webhook>, Error> {
        let webhook = self.find_webhook(access, id).await?;
        let until = span::after(self.core().now(), OVERLAP);
        let secret = signature::new_secret();
        let core = self.core();
        let replay = Replay::Webhook { id, status: 200 };
        let completion = core.idempotency.completion(ticket.as_ref(), &replay);
        let act = core.act(&access.by).answering(completion);
        let rotated = core.db.rotate_webhook(&webhook, &secret, until, &act);
        if !rotated.await? {
            return Err(Error::NotFound);
        }
        core.live.directory_changed().await?;
        self.find_webhook(access, id).await
    }

    /// Deletes an endpoint. Pending messages to it are not sent.
    pub async fn delete_webhook(&self, access: &Access, id: Uuid) -> Result<(), Error> {
        let webhook = self.find_webhook(access, id).await?;
        let act = self.core().act(&access.by);
        if !self.core().db.delete_webhook(&webhook, &act).await? {
            return Err(Error::NotFound);
        }
        self.core().live.directory_changed().await?;
        let notices = self.clone();
        self.core().spawn(async move {
            if let Err(error) = notices.forget_deliveries(id).await {
                tracing::warn!(webhook = %id, %error, "cannot remove the deliveries of a deleted webhook; they stay until they expire");
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

    /// Sends a test message now and returns the result.
    pub async fn test_webhook(
        &self,
        access: &Access,
        id: Uuid,
        ticket: Option<Ticket>,
    ) -> Result<Delivery, Error> {
        let webhook = self.find_webhook(access, id).await?;
        let now = self.core().now();
        let said = json!({ "webhook_id": id, "message": "Test message from Pinroute." });
        let delivery = Delivery {
            data: Some(said.to_string()),
            due_at: Some(span::after(now, CLAIM)),
            ..Delivery::new(time_ordered(now, random()), id, TEST, now)
        };
        self.core().db.create_deliveries(&[&delivery]).await?;
        self.try_now(webhook, delivery, ticket).await
    }

    /// Sends a message again now, with the same id. If that fails, its series of retries starts over.
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

    /// Runs as a task, so that a caller who disconnects leaves nothing half done.
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
