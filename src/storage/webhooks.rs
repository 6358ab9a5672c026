//! Projects' webhook endpoints, with encrypted secrets. They are few, and every replica reads all of them.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::engine::{read, write};
use super::{StorageError, Store};
use crate::verification::id::ProjectId;

/// A project's webhook endpoint.
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
    /// The previous secret, and until when it signs as well.
    pub previous: Option<(String, DateTime<Utc>)>,
    pub created_at: DateTime<Utc>,
}

impl Webhook {
    /// The secrets that sign at `now`.
    #[must_use]
    pub fn secrets(&self, now: DateTime<Utc>) -> Vec<String> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        let previous = previous.map(|(secret, _)| secret.clone());
        std::iter::once(self.secret.clone())
            .chain(previous)
            .collect()
    }
}

#[derive(FromRow)]
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

impl Store {
    /// Oldest first.
    pub async fn list_webhooks(&self) -> Result<Vec<Webhook>, StorageError> {
        const LIST: &str = "SELECT id, project_id, url, events, description, secret, previous_secret, previous_until, \
            created_at FROM webhooks ORDER BY id";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(|row| self.open_webhook(row)).collect()
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
    ) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO webhooks (id, project_id, url, events, description, secret, created_at, made_by) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let sealed = self
            .vault
            .seal(webhook.id.as_bytes(), webhook.secret.as_bytes());
        write!(&self.engine, |pool| sqlx::query(INSERT)
            .bind(webhook.id)
            .bind(webhook.project.0)
            .bind(webhook.url.clone())
            .bind(webhook.events.clone())
            .bind(webhook.description.clone())
            .bind(sealed)
            .bind(webhook.created_at)
            .bind(made_by)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Sets a new secret and keeps the current one valid until `previous_until`; returns whether the endpoint exists.
    pub async fn rotate_webhook(
        &self,
        id: Uuid,
        secret: &str,
        previous_until: DateTime<Utc>,
    ) -> Result<bool, StorageError> {
        const ROTATE: &str = "UPDATE webhooks SET previous_secret = secret, previous_until = $1, secret = $2 WHERE id = $3";
        let sealed = self.vault.seal(id.as_bytes(), secret.as_bytes());
        let touched = write!(&self.engine, |pool| sqlx::query(ROTATE)
            .bind(previous_until)
            .bind(sealed)
            .bind(id)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(touched > 0)
    }

    /// Deletes an endpoint. Its deliveries are not sent any more; [`Store::drop_deliveries_of`] deletes them.
    pub async fn delete_webhook(&self, id: Uuid) -> Result<bool, StorageError> {
        const DELETE: &str = "DELETE FROM webhooks WHERE id = $1";
        let touched = write!(&self.engine, |pool| sqlx::query(DELETE)
            .bind(id)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(touched > 0)
    }
}
