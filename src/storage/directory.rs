//! Projects and API keys. They are few and needed on every request, so the gateway keeps a copy and refreshes it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::engine::connection::{Connection, in_transaction, on};
use super::engine::rows::{Column, Rows};
use super::engine::{read, row, write};
use super::{Act, StorageError, Store};
use crate::audit::{Action, Deed};
use crate::secret::{fingerprint, random};
use crate::verification::id::{ProjectId, time_ordered};

/// A tenant: one site or app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
    /// JSON: what differs from the defaults.
    pub overrides: String,
    pub created_at: DateTime<Utc>,
}

/// An API key as stored: only its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: Uuid,
    /// What its owner calls it.
    pub name: Option<String>,
    /// `None`: an instance key, for every project.
    pub project: Option<ProjectId>,
    pub hash: Vec<u8>,
    pub scopes: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// Accurate to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: Option<String>,
    pub project: Option<ProjectId>,
    pub scopes: String,
    pub expires_at: Option<DateTime<Utc>>,
    /// The key or user that creates it; `None`: the command line or the program itself.
    pub made_by: Option<Uuid>,
}

row! {
    struct ProjectRow {
        id: Uuid,
        name: String,
        overrides: String,
        created_at: DateTime<Utc>,
    }
}

row! {
    struct KeyRow {
        id: Uuid,
        name: Option<String>,
        project_id: Option<Uuid>,
        hash: Vec<u8>,
        scopes: String,
        created_at: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
        revoked_at: Option<DateTime<Utc>>,
        last_used_at: Option<DateTime<Utc>>,
    }
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: ProjectId(row.id),
            name: row.name,
            overrides: row.overrides,
            created_at: row.created_at,
        }
    }
}

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            project: row.project_id.map(ProjectId),
            hash: row.hash,
            scopes: row.scopes,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        }
    }
}

impl Project {
    fn rules(overrides: &str) -> Value {
        serde_json::from_str(overrides).unwrap_or_default()
    }

    /// That its overrides have become these; `None`: they are the same.
    fn changed(&self, overrides: &str) -> Option<Deed> {
        let (before, after) = (Self::rules(&self.overrides), Self::rules(overrides));
        Deed::of_rules((self.id, &self.name), &before, &after)
    }
}

/// What the audit log tells of a key.
fn told(name: Option<&str>, scopes: &str, expires_at: Option<DateTime<Utc>>) -> Value {
    let scopes: Vec<&str> = scopes.split(',').collect();
    json!({ "name": name, "scopes": scopes, "expires_at": expires_at })
}

impl Store {
    pub async fn list_projects(&self) -> Result<Vec<Project>, StorageError> {
        const LIST: &str = "SELECT id, name, overrides, created_at FROM projects ORDER BY name";
        let rows: Vec<ProjectRow> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        Ok(rows.into_iter().map(Project::from).collect())
    }

    /// Replaces the overrides of several projects, all or none. Returns false if one of them has changed since it was read.
    pub async fn set_all_overrides(
        &self,
        changes: &[(Project, String)],
        act: &Act,
    ) -> Result<bool, StorageError> {
        const UPDATE: &str = "UPDATE projects SET overrides = r.new FROM {rows} \
            WHERE projects.id = r.id AND projects.overrides = r.old RETURNING projects.id";
        if changes.is_empty() {
            return Ok(true);
        }
        let text = |get: fn(&(Project, String)) -> &str| {
            Column::Text(changes.iter().map(|c| Some(get(c).to_owned())).collect())
        };
        let ids = changes.iter().map(|(project, _)| Some(project.id.0));
        let rows = Rows::new(
            changes.len(),
            vec![
                ("id", Column::Uuid(ids.collect())),
                ("old", text(|(project, _)| &project.overrides)),
                ("new", text(|(_, new)| new)),
            ],
        );
        let deeds = changes
            .iter()
            .filter_map(|(project, new)| project.changed(new));
        let mut connection = Connection::take(&self.engine).await?;
        connection.begin().await?;
        let done = async {
            let done: Vec<Uuid> = connection.returning(UPDATE, rows).await?;
            if done.len() == changes.len() {
                act.conclude(&mut connection, deeds).await?;
            }
            Ok(done)
        };
        let done: sqlx::Result<Vec<Uuid>> = done.await;
        match done {
            Ok(done) if done.len() == changes.len() => {
                connection.commit().await?;
                Ok(true)
            }
            Ok(_) => {
                connection.roll_back().await;
                Ok(false)
            }
            Err(error) => {
                connection.roll_back().await;
                Err(error.into())
            }
        }
    }

    /// Fails with [`StorageError::Exists`] if the name is taken.
    pub async fn create_project(
        &self,
        name: &str,
        overrides: &str,
        act: &Act,
    ) -> Result<Project, StorageError> {
        const INSERT: &str =
            "INSERT INTO projects (id, name, overrides, created_at) VALUES ($1, $2, $3, $4)";
        let now = act.at;
        let id = time_ordered(now, random());
        let deed = Deed::new(Action::ProjectCreated, Some(ProjectId(id)))
            .to(&id, Some(name))
            .is(Project::rules(overrides));
        in_transaction(&self.engine, async |connection| {
            on!(connection, |to| sqlx::query(INSERT)
                .bind(id)
                .bind(name)
                .bind(overrides)
                .bind(now)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, [deed]).await
        })
        .await?;
        Ok(Project {
            id: ProjectId(id),
            name: name.to_owned(),
            overrides: overrides.to_owned(),
            created_at: now,
        })
    }

    /// Replaces a project's overrides. Returns false if they have changed since they were read.
    pub async fn set_overrides(
        &self,
        project: &Project,
        overrides: &str,
        act: &Act,
    ) -> Result<bool, StorageError> {
        const SET: &str = "UPDATE projects SET overrides = $1 WHERE id = $2 AND overrides = $3";
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(SET)
                .bind(overrides)
                .bind(project.id.0)
                .bind(&project.overrides)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            if touched > 0 {
                act.conclude(connection, project.changed(overrides)).await?;
            }
            Ok(touched > 0)
        })
        .await
    }

    /// Records that these keys were used.
    pub async fn note_key_uses(
        &self,
        keys: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const NOTE: &str = "UPDATE api_keys SET last_used_at = $1 WHERE id = $2";
        for key in keys {
            write!(&self.engine, |pool| sqlx::query(NOTE)
                .bind(now)
                .bind(key)
                .execute(pool)
                .await
                .map(|_| ()))?;
        }
        Ok(())
    }

    pub async fn list_keys(&self) -> Result<Vec<ApiKey>, StorageError> {
        const LIST: &str = "SELECT id, name, project_id, hash, scopes, created_at, expires_at, revoked_at, last_used_at \
            FROM api_keys ORDER BY created_at DESC, id";
        let rows: Vec<KeyRow> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        Ok(rows.into_iter().map(ApiKey::from).collect())
    }

    /// Stores the hash of `secret`. A revoked key with that secret becomes valid again.
    pub async fn create_key(
        &self,
        key: &NewKey,
        secret: &str,
        act: &Act,
    ) -> Result<Uuid, StorageError> {
        let id = time_ordered(act.at, random());
        self.create_key_as(id, key, secret, act).await?;
        Ok(id)
    }

    /// Like [`Store::create_key`], with the key's id.
    pub async fn create_key_as(
        &self,
        id: Uuid,
        key: &NewKey,
        secret: &str,
        act: &Act,
    ) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO api_keys (id, project_id, hash, scopes, created_at, expires_at, made_by, name) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (hash) DO UPDATE SET revoked_at = NULL";
        let hash = fingerprint(secret.as_bytes()).to_vec();
        let name = key.name.as_deref();
        let deed = Deed::new(Action::KeyCreated, key.project)
            .to(&id, name)
            .is(told(name, &key.scopes, key.expires_at));
        in_transaction(&self.engine, async |connection| {
            on!(connection, |to| sqlx::query(INSERT)
                .bind(id)
                .bind(key.project.map(|project| project.0))
                .bind(&hash[..])
                .bind(&key.scopes)
                .bind(act.at)
                .bind(key.expires_at)
                .bind(key.made_by)
                .bind(&key.name)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, [deed]).await
        })
        .await
    }

    /// Revokes the keys with these secrets and all keys created by them or by the user with this email, directly or
    /// through other keys. Deletes the webhooks and integrations created by any of these.
    pub async fn revoke_with_descendants(
        &self,
        secrets: [&str; 2],
        email: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const MADE: &str = "WITH RECURSIVE made (id) AS (\
            SELECT id FROM api_keys WHERE hash IN ($1, $2) UNION SELECT id FROM users WHERE email = $3 \
            UNION SELECT api_keys.id FROM api_keys JOIN made ON api_keys.made_by = made.id)";
        const REVOKE: &str = "UPDATE api_keys SET revoked_at = $4 \
            WHERE revoked_at IS NULL AND id IN (SELECT id FROM made)";
        const DELETE: [&str; 2] = [
            "DELETE FROM webhooks WHERE made_by IN (SELECT id FROM made)",
            "DELETE FROM integrations WHERE made_by IN (SELECT id FROM made)",
        ];
        let [first, second] = secrets.map(|secret| fingerprint(secret.as_bytes()).to_vec());
        let sql = format!("{MADE} {REVOKE}");
        write!(&self.engine, |pool| sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(first.clone())
            .bind(second.clone())
            .bind(email)
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        for delete in DELETE {
            let sql = format!("{MADE} {delete}");
            write!(&self.engine, |pool| sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(first.clone())
                .bind(second.clone())
                .bind(email)
                .execute(pool)
                .await
                .map(|_| ()))?;
        }
        Ok(())
    }

    /// Returns whether there was such a key, not yet revoked.
    pub async fn revoke_key(&self, key: &ApiKey, act: &Act) -> Result<bool, StorageError> {
        const REVOKE: &str =
            "UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
        let name = key.name.as_deref();
        let deed = Deed::new(Action::KeyRevoked, key.project)
            .to(&key.id, name)
            .was(told(name, &key.scopes, key.expires_at));
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(REVOKE)
                .bind(act.at)
                .bind(key.id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            act.conclude_if(connection, touched, deed).await
        })
        .await
    }
}
