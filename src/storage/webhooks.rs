//! Projects' webhooks: few, read by every replica, their secrets encrypted.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::engine::connection::{in_transaction, on};
use super::engine::{read, row};
use super::{Act, StorageError, Store};
use crate::audit::{self, Action, Deed};
use crate::verification::id::ProjectId;

/// An endpoint that a project's events are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: Uuid,
    pub project: ProjectId,
    pub url: String,
    /// Comma-separated types, or `*`.
    pub events: String,
    pub description: String,
    /// The signing secret, `whsec_…`.
    pub secret: String,
    /// The previous secret, and until when it also signs.
    pub previous: Option<(String, DateTime<Utc>)>,
    pub created_at: DateTime<Utc>,
}

impl Webhook {
    /// The previous secret, if it still signs at `now`, and until when.
    #[must_use]
    pub fn previous_at(&self, now: DateTime<Utc>) -> Option<&(String, DateTime<Utc>)> {
        self.previous.as_ref().filter(|(_, until)| now < *until)
    }

    /// The secrets that sign at `now`.
    #[must_use]
    pub fn secrets(&self, now: DateTime<Utc>) -> Vec<String> {
        let previous = self.previous_at(now).map(|(secret, _)| secret.clone());
        std::iter::once(self.secret.clone())
            .chain(previous)
            .collect()
    }

    fn deed(&self, action: Action) -> Deed {
        let address = audit::address(&self.url);
        Deed::new(action, Some(self.project)).to(&self.id, Some(&address))
    }

    /// What the audit log tells of it.
    fn told(&self) -> Value {
        let events: Vec<&str> = self.events.split(',').collect();
        let address = audit::address(&self.url);
        json!({ "url": address, "events": events, "description": self.description })
    }
}

row! {
    struct Row {
        id: Uuid,
        project_id: Uuid,
        url: String,
        events: String,
        description: String,
        secret: Vec<u8>,
        previous_secret: Option<Vec<u8>>,
        previous_until: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>,
    }
}

impl Store {
    /// Oldest first.
    pub async fn list_webhooks(&self) -> Result<Vec<Webhook>, StorageError> {
        const LIST: &str = "SELECT id, project_id, url, events, description, secret, previous_secret, previous_until, \
            created_at FROM webhooks ORDER BY id";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(|row| self.open_webhook(row))))
    }

    fn open_webhook(&self, row: Row) -> Result<Webhook, StorageError> {
        let fault = || StorageError::Inconsistent {
            table: "webhooks",
            column: "secret",
            id: row.id.to_string(),
        };
        let open = |sealed: &[u8]| {
            let (plain, _) = self.vault.open(row.id.as_bytes(), sealed).ok()?;
            String::from_utf8(plain).ok()
        };
        let previous = match (&row.previous_secret, row.previous_until) {
            (Some(sealed), Some(until)) => Some((open(sealed).ok_or_else(fault)?, until)),
            _ => None,
        };
        Ok(Webhook {
            id: row.id,
            project: ProjectId(row.project_id),
            secret: open(&row.secret).ok_or_else(fault)?,
            previous,
            url: row.url,
            events: row.events,
            description: row.description,
            created_at: row.created_at,
        })
    }

    /// `made_by`: the key or user that creates it.
    pub async fn create_webhook(
        &self,
        webhook: &Webhook,
        made_by: Option<Uuid>,
        act: &Act,
    ) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO webhooks (id, project_id, url, events, description, secret, created_at, made_by) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let sealed = self
            .vault
            .seal(webhook.id.as_bytes(), webhook.secret.as_bytes());
        let deed = webhook.deed(Action::WebhookCreated).is(webhook.told());
        in_transaction(&self.engine, async |connection| {
            on!(connection, |to| sqlx::query(INSERT)
                .bind(webhook.id)
                .bind(webhook.project.0)
                .bind(&webhook.url)
                .bind(&webhook.events)
                .bind(&webhook.description)
                .bind(&sealed[..])
                .bind(webhook.created_at)
                .bind(made_by)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, [deed]).await
        })
        .await
    }

    /// Sets a new secret; the old one also signs until `previous_until`. Returns whether there is such a webhook.
    pub async fn rotate_webhook(
        &self,
        webhook: &Webhook,
        secret: &str,
        previous_until: DateTime<Utc>,
        act: &Act,
    ) -> Result<bool, StorageError> {
        const ROTATE: &str = "UPDATE webhooks SET previous_secret = secret, previous_until = $1, secret = $2 WHERE id = $3";
        let sealed = self.vault.seal(webhook.id.as_bytes(), secret.as_bytes());
        let deed = webhook.deed(Action::WebhookRotated);
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(ROTATE)
                .bind(previous_until)
                .bind(&sealed[..])
                .bind(webhook.id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            act.conclude_if(connection, touched, deed).await
        })
        .await
    }

    /// Its deliveries are no longer sent; [`Store::drop_deliveries_of`] removes them.
    pub async fn delete_webhook(&self, webhook: &Webhook, act: &Act) -> Result<bool, StorageError> {
        const DELETE: &str = "DELETE FROM webhooks WHERE id = $1";
        let deed = webhook.deed(Action::WebhookDeleted).was(webhook.told());
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(DELETE)
                .bind(webhook.id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            act.conclude_if(connection, touched, deed).await
        })
        .await
    }
}
