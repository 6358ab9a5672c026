//! The guard's lists: read by every replica when they have changed, their values encrypted.

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde_json::{Value, json};
use uuid::Uuid;

use super::engine::connection::{in_transaction, on};
use super::engine::{read, row, touch};
use super::{Act, StorageError, Store};
use crate::abuse::lists::{Entry, List, Match, Matched};
use crate::audit::{Action, Deed, masked};
use crate::verification::id::ProjectId;

const CHANGED: &str = "UPDATE guard_lists_version SET version = version + 1";
const CHANGED_FROM: &str =
    "UPDATE guard_lists_version SET version = version + 1 WHERE version = $1";

row! {
    struct Row {
        id: Uuid,
        project_id: Option<Uuid>,
        list: String,
        matches: String,
        value: Vec<u8>,
        note: String,
        expires_at: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>,
    }
}

fn deed(action: Action, entry: &Entry) -> Deed {
    let deed = Deed::new(action, entry.project).to(&entry.id, None);
    Deed {
        name: Some(shown(&entry.matches)),
        ..deed
    }
}

/// What the audit log tells of an entry.
fn told(entry: &Entry) -> Value {
    json!({
        "kind": entry.list.as_str(),
        "match": entry.matches.kind().as_str(),
        "value": shown(&entry.matches),
        "note": masked(&entry.note),
        "expires_at": entry.expires_at,
    })
}

/// What an entry is about, without what leads to one person: the log is kept longer than the entry. A prefix may look like a number, and
/// is none.
fn shown(matches: &Match) -> String {
    match matches {
        Match::Number(phone) => phone.masked(),
        Match::Ip(IpNet::V4(net)) if net.prefix_len() == net.max_prefix_len() => {
            let [a, b, c, _] = net.addr().octets();
            format!("{a}.{b}.{c}.•")
        }
        Match::Ip(IpNet::V6(net)) if net.prefix_len() == net.max_prefix_len() => {
            let [a, b, c, ..] = net.addr().segments();
            format!("{a:x}:{b:x}:{c:x}:•")
        }
        other => other.value(),
    }
}

impl Store {
    /// Grows with each change of the lists.
    pub async fn guard_lists_version(&self) -> Result<i64, StorageError> {
        const VERSION: &str = "SELECT version FROM guard_lists_version";
        let (version,): (i64,) = read!(&self.engine, |pool| sqlx::query_as(VERSION)
            .fetch_one(pool)
            .await)?;
        Ok(version)
    }

    /// Oldest first.
    pub async fn list_guard_entries(&self) -> Result<Vec<Entry>, StorageError> {
        const LIST: &str = "SELECT id, project_id, list, matches, value, note, expires_at, created_at FROM guard_lists \
            ORDER BY id";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let (id, sealed) = (row.id, row.value.clone());
            let opened = self.open_entry(row);
            if let Ok((entry, false)) = &opened {
                self.seal_anew(id, &sealed, &entry.matches).await?;
            }
            entries.push(opened.map(|(entry, _)| entry));
        }
        Ok(self.readable(entries))
    }

    /// With the current key: without the one that is being retired, a block would be lost.
    async fn seal_anew(
        &self,
        id: Uuid,
        before: &[u8],
        matches: &Match,
    ) -> Result<(), StorageError> {
        const SEAL: &str = "UPDATE guard_lists SET value = $1 WHERE id = $2 AND value = $3";
        let sealed = self.vault.seal(id.as_bytes(), matches.value().as_bytes());
        touch!(self, SEAL, sealed.clone(), id, before.to_vec())?;
        Ok(())
    }

    /// And whether it was sealed with the current key.
    fn open_entry(&self, row: Row) -> Result<(Entry, bool), StorageError> {
        let fault = |column| StorageError::Inconsistent {
            table: "guard_lists",
            column,
            id: row.id.to_string(),
        };
        let value = self.vault.open(row.id.as_bytes(), &row.value);
        let (value, is_current) = value.map_err(|_| fault("value"))?;
        let value = String::from_utf8(value).map_err(|_| fault("value"))?;
        let kind = Matched::parse(&row.matches).ok_or_else(|| fault("matches"))?;
        let entry = Entry {
            id: row.id,
            project: row.project_id.map(ProjectId),
            list: List::parse(&row.list).ok_or_else(|| fault("list"))?,
            matches: Match::parse(kind, &value).map_err(|_| fault("value"))?,
            note: row.note,
            expires_at: row.expires_at,
            created_at: row.created_at,
        };
        Ok((entry, is_current))
    }

    /// Adds an entry in place of others. `made_by`: the key or user that adds it. Returns whether the lists were of this version until then.
    pub async fn add_guard_entry(
        &self,
        (version, instead_of): (i64, &[&Entry]),
        entry: &Entry,
        made_by: Uuid,
        act: &Act,
    ) -> Result<bool, StorageError> {
        const INSERT: &str = "INSERT INTO guard_lists (id, project_id, list, matches, value, note, expires_at, created_at, \
            made_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        const REPLACE: &str = "DELETE FROM guard_lists WHERE id = $1";
        let sealed = self
            .vault
            .seal(entry.id.as_bytes(), entry.matches.value().as_bytes());
        let deed = Deed {
            // At most one: each takes the place of those before it.
            before: instead_of.last().map(|other| told(other)),
            after: Some(told(entry)),
            ..deed(Action::ListEntryAdded, entry)
        };
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(CHANGED_FROM)
                .bind(version)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            if touched == 0 {
                return Ok(false);
            }
            for other in instead_of {
                on!(connection, |to| sqlx::query(REPLACE)
                    .bind(other.id)
                    .execute(to)
                    .await
                    .map(|_| ()))?;
            }
            on!(connection, |to| sqlx::query(INSERT)
                .bind(entry.id)
                .bind(entry.project.map(|project| project.0))
                .bind(entry.list.as_str())
                .bind(entry.matches.kind().as_str())
                .bind(&sealed[..])
                .bind(&entry.note)
                .bind(entry.expires_at)
                .bind(entry.created_at)
                .bind(made_by)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, [deed]).await?;
            Ok(true)
        })
        .await
    }

    /// What an entry is about is known by this from now on. Returns whether there was such an entry.
    pub async fn change_guard_entry(
        &self,
        id: Uuid,
        matches: &Match,
    ) -> Result<bool, StorageError> {
        const CHANGE: &str = "UPDATE guard_lists SET value = $1 WHERE id = $2";
        let sealed = self.vault.seal(id.as_bytes(), matches.value().as_bytes());
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(CHANGE)
                .bind(&sealed[..])
                .bind(id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            on!(connection, |to| sqlx::query(CHANGED)
                .execute(to)
                .await
                .map(|_| ()))?;
            Ok(touched > 0)
        })
        .await
    }

    /// Returns whether there was such an entry.
    pub async fn delete_guard_entry(&self, entry: &Entry, act: &Act) -> Result<bool, StorageError> {
        const DELETE: &str = "DELETE FROM guard_lists WHERE id = $1";
        let deed = Deed {
            before: Some(told(entry)),
            ..deed(Action::ListEntryRemoved, entry)
        };
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(DELETE)
                .bind(entry.id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            on!(connection, |to| sqlx::query(CHANGED)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude_if(connection, touched, deed).await
        })
        .await
    }

    /// Removes entries whose time is over.
    pub async fn drop_lapsed_guard_entries(&self, now: DateTime<Utc>) -> Result<(), StorageError> {
        const DROP: &str = "DELETE FROM guard_lists WHERE expires_at <= $1";
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(DROP)
                .bind(now)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            if touched > 0 {
                on!(connection, |to| sqlx::query(CHANGED)
                    .execute(to)
                    .await
                    .map(|_| ()))?;
            }
            Ok(())
        })
        .await
    }
}
