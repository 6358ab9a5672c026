//! Integrations: few, read by every replica, their secrets encrypted; and the last calls of each.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::engine::connection::{in_transaction, on};
use super::engine::{read, row, touch, write};
use super::{Act, StorageError, Store};
use crate::audit::{self, Action, Deed};
use crate::integrations::{Kind, Settings};
use crate::verification::id::ProjectId;

/// A connection with another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    pub id: Uuid,
    pub project: ProjectId,
    pub kind: Kind,
    pub name: String,
    pub settings: Settings,
    /// Grows with each change.
    pub version: i64,
    /// `None`: the other program has yet to make it.
    pub secret: Option<String>,
    /// The previous secret, and until when it is good too.
    pub previous: Option<(String, DateTime<Utc>)>,
    pub created_at: DateTime<Utc>,
}

/// A request to an integration, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// In order of time.
    pub id: Uuid,
    pub integration: Uuid,
    pub at: DateTime<Utc>,
    pub outcome: String,
    /// Empty: there is none.
    pub detail: String,
    pub verification: Option<Uuid>,
}

impl Integration {
    /// The address that the other program calls, or the base of an application's calls; `public_url` is without a trailing slash.
    #[must_use]
    pub fn url(&self, public_url: &str) -> String {
        if self.kind.is_hook() {
            format!("{public_url}/hooks/{}/{}", self.kind.as_str(), self.id)
        } else {
            format!("{public_url}/vonage")
        }
    }

    /// The previous secret, if it is still good at `now`, and until when.
    #[must_use]
    pub fn previous_at(&self, now: DateTime<Utc>) -> Option<&(String, DateTime<Utc>)> {
        self.previous.as_ref().filter(|(_, until)| now < *until)
    }

    /// The secrets that are good at `now`.
    #[must_use]
    pub fn secrets(&self, now: DateTime<Utc>) -> Vec<String> {
        let previous = self.previous_at(now).map(|(secret, _)| secret.clone());
        self.secret.iter().cloned().chain(previous).collect()
    }

    fn deed(&self, action: Action) -> Deed {
        Deed::new(action, Some(self.project)).to(&self.id, Some(&self.name))
    }

    /// What the audit log tells of it. `is_secret_new`: one was set with this change.
    fn told(&self, is_secret_new: bool) -> Value {
        let mut settings = serde_json::to_value(&self.settings).unwrap_or_default();
        let url = settings.pointer_mut("/application/status_url");
        if let Some(Value::String(url)) = url {
            *url = audit::address(url);
        }
        let mut told = json!({ "kind": self.kind, "name": self.name, "settings": settings });
        if is_secret_new {
            told["secret"] = json!("***");
        }
        told
    }
}

row! {
    struct Row {
        id: Uuid,
        project_id: Uuid,
        kind: String,
        name: String,
        settings: String,
        version: i64,
        secret: Option<Vec<u8>>,
        previous_secret: Option<Vec<u8>>,
        previous_until: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>,
    }
}

row! {
    struct CallRow {
        id: Uuid,
        integration_id: Uuid,
        at: DateTime<Utc>,
        outcome: String,
        detail: String,
        verification_id: Option<Uuid>,
    }
}

impl Store {
    /// Oldest first.
    pub async fn list_integrations(&self) -> Result<Vec<Integration>, StorageError> {
        const LIST: &str = "SELECT id, project_id, kind, name, settings, version, secret, previous_secret, previous_until, \
            created_at FROM integrations ORDER BY id";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(|row| self.open_integration(row))))
    }

    fn open_integration(&self, row: Row) -> Result<Integration, StorageError> {
        let fault = |column| StorageError::Inconsistent {
            table: "integrations",
            column,
            id: row.id.to_string(),
        };
        let open = |sealed: &Vec<u8>| {
            let (plain, _) = self.vault.open(row.id.as_bytes(), sealed).ok()?;
            String::from_utf8(plain).ok()
        };
        let secret = row
            .secret
            .as_ref()
            .map(|sealed| open(sealed).ok_or_else(|| fault("secret")));
        let previous = match (&row.previous_secret, row.previous_until) {
            (Some(sealed), Some(until)) => {
                let secret = open(sealed).ok_or_else(|| fault("previous_secret"))?;
                Some((secret, until))
            }
            _ => None,
        };
        Ok(Integration {
            id: row.id,
            project: ProjectId(row.project_id),
            kind: Kind::parse(&row.kind).ok_or_else(|| fault("kind"))?,
            settings: serde_json::from_str(&row.settings).map_err(|_| fault("settings"))?,
            version: row.version,
            secret: secret.transpose()?,
            previous,
            name: row.name,
            created_at: row.created_at,
        })
    }

    fn seal_secret(&self, id: Uuid, secret: Option<&str>) -> Option<Vec<u8>> {
        secret.map(|secret| self.vault.seal(id.as_bytes(), secret.as_bytes()))
    }

    /// `made_by`: the key or user that creates it.
    pub async fn create_integration(
        &self,
        integration: &Integration,
        made_by: Option<Uuid>,
        act: &Act,
    ) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO integrations (id, project_id, kind, name, settings, version, secret, created_at, \
            made_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let sealed = self.seal_secret(integration.id, integration.secret.as_deref());
        let settings = written(&integration.settings);
        let deed = integration.deed(Action::IntegrationCreated);
        let deed = deed.is(integration.told(false));
        in_transaction(&self.engine, async |connection| {
            on!(connection, |to| sqlx::query(INSERT)
                .bind(integration.id)
                .bind(integration.project.0)
                .bind(integration.kind.as_str())
                .bind(&integration.name)
                .bind(&settings)
                .bind(integration.version)
                .bind(sealed.as_deref())
                .bind(integration.created_at)
                .bind(made_by)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, [deed]).await
        })
        .await
    }

    /// Replaces name and settings, and the secret if one is given; no earlier one is then good. Returns whether it has not changed since
    /// it was read.
    pub async fn change_integration(
        &self,
        (before, after): (&Integration, &Integration),
        secret: Option<&str>,
        act: &Act,
    ) -> Result<bool, StorageError> {
        const CHANGE: &str = "UPDATE integrations SET name = $1, settings = $2, secret = COALESCE($3, secret), \
            previous_secret = CASE WHEN $3 IS NULL THEN previous_secret END, \
            previous_until = CASE WHEN $3 IS NULL THEN previous_until END, \
            version = version + 1 WHERE id = $4 AND version = $5";
        let sealed = self.seal_secret(after.id, secret);
        let deed = after.deed(Action::IntegrationChanged);
        let deed = deed.between(&before.told(false), &after.told(secret.is_some()));
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(CHANGE)
                .bind(&after.name)
                .bind(written(&after.settings))
                .bind(sealed.as_deref())
                .bind(after.id)
                .bind(after.version)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            if touched > 0 {
                act.conclude(connection, deed).await?;
            }
            Ok(touched > 0)
        })
        .await
    }

    /// Sets a new secret; the old one is good too until `previous_until`. Returns whether there is such an integration.
    pub async fn rotate_integration(
        &self,
        integration: &Integration,
        secret: &str,
        previous_until: DateTime<Utc>,
        act: &Act,
    ) -> Result<bool, StorageError> {
        const ROTATE: &str = "UPDATE integrations SET previous_secret = secret, previous_until = $1, secret = $2, \
            version = version + 1 WHERE id = $3";
        let id = integration.id;
        let sealed = self.vault.seal(id.as_bytes(), secret.as_bytes());
        let deed = integration.deed(Action::IntegrationRotated);
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(ROTATE)
                .bind(previous_until)
                .bind(&sealed[..])
                .bind(id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            act.conclude_if(connection, touched, deed).await
        })
        .await
    }

    /// With its calls. Its verifications stay.
    pub async fn delete_integration(
        &self,
        integration: &Integration,
        act: &Act,
    ) -> Result<bool, StorageError> {
        const CALLS: &str = "DELETE FROM integration_calls WHERE integration_id = $1";
        const DELETE: &str = "DELETE FROM integrations WHERE id = $1";
        let deed = integration.deed(Action::IntegrationDeleted);
        let deed = deed.was(integration.told(false));
        let deleted = in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(DELETE)
                .bind(integration.id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            act.conclude_if(connection, touched, deed).await
        });
        let deleted = deleted.await?;
        touch!(self, CALLS, integration.id)?;
        Ok(deleted)
    }

    /// Adds calls, and keeps the last ones of each integration.
    pub async fn note_calls(&self, calls: &[Call], kept: i64) -> Result<(), StorageError> {
        const NOTE: &str = "INSERT INTO integration_calls (id, integration_id, at, outcome, detail, verification_id) \
            SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT 1 FROM integrations WHERE id = $2) ON CONFLICT DO NOTHING";
        const DROP: &str = "DELETE FROM integration_calls WHERE integration_id = $1 AND id NOT IN \
            (SELECT id FROM integration_calls WHERE integration_id = $1 ORDER BY id DESC LIMIT $2)";
        for call in calls {
            write!(&self.engine, |pool| sqlx::query(NOTE)
                .bind(call.id)
                .bind(call.integration)
                .bind(call.at)
                .bind(call.outcome.clone())
                .bind(call.detail.clone())
                .bind(call.verification)
                .execute(pool)
                .await
                .map(|_| ()))?;
        }
        let mut called: Vec<Uuid> = calls.iter().map(|call| call.integration).collect();
        called.sort_unstable();
        called.dedup();
        for id in called {
            touch!(self, DROP, id, kept)?;
        }
        Ok(())
    }

    /// Removes those of before an id.
    pub async fn drop_calls(&self, first: Uuid) -> Result<(), StorageError> {
        const DROP: &str = "DELETE FROM integration_calls WHERE id < $1";
        touch!(self, DROP, first)?;
        Ok(())
    }

    /// Newest first.
    pub async fn list_calls(&self, integration: Uuid) -> Result<Vec<Call>, StorageError> {
        const LIST: &str = "SELECT id, integration_id, at, outcome, detail, verification_id FROM integration_calls \
            WHERE integration_id = $1 ORDER BY id DESC";
        let rows: Vec<CallRow> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .bind(integration)
            .fetch_all(pool)
            .await)?;
        let call = |row: CallRow| Call {
            id: row.id,
            integration: row.integration_id,
            at: row.at,
            outcome: row.outcome,
            detail: row.detail,
            verification: row.verification_id,
        };
        Ok(rows.into_iter().map(call).collect())
    }
}

/// As JSON.
fn written(settings: &Settings) -> String {
    serde_json::to_string(settings).expect("texts, numbers and lists of them become JSON")
}
