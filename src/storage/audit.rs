//! The audit log: entries are added in the transaction of what they tell of, and go when their retention is over.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::engine::connection::{Connection, in_transaction};
use super::engine::rows::{Column, Rows};
use super::engine::{read, row, touch};
use super::idempotency::{IdempotencyOp, complete};
use super::spans::ids_between;
use super::{StorageError, Store};
use crate::audit::{Action, Actor, ActorKind, By, Deed, Entry};
use crate::secret::random;
use crate::verification::id::{ProjectId, numbered, time_ordered};

pub(super) const INSERT: &str = "INSERT INTO audit (id, at, actor, actor_id, actor_name, client_ip, action, object, object_id, \
    object_name, project_id, before, after) SELECT r.id, r.at, r.actor, r.actor_id, r.actor_name, r.client_ip, r.action, \
    r.object, r.object_id, r.object_name, r.project_id, r.before, r.after FROM {rows} WHERE true ON CONFLICT (id) DO NOTHING";

/// An administrative change: who makes it, when, and the request that it answers. What it does is in the audit log from the same
/// transaction on.
#[derive(Clone, Debug)]
pub struct Act {
    /// `None`: the program itself, which leaves no entry.
    by: Option<By>,
    pub(super) at: DateTime<Utc>,
    pub(super) answer: Option<IdempotencyOp>,
}

impl Act {
    #[must_use]
    pub fn of(by: &By, at: DateTime<Utc>) -> Self {
        Self {
            by: Some(by.clone()),
            ..Self::of_program(at)
        }
    }

    /// What the program does by itself.
    #[must_use]
    pub fn of_program(at: DateTime<Utc>) -> Self {
        Self {
            by: None,
            at,
            answer: None,
        }
    }

    /// Also completes a request.
    #[must_use]
    pub fn answering(self, answer: Option<IdempotencyOp>) -> Self {
        Self { answer, ..self }
    }

    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    pub(super) fn entries(&self, deeds: impl IntoIterator<Item = Deed>) -> Vec<Entry> {
        /// Entries of one millisecond keep their order.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(by) = &self.by else {
            return Vec::new();
        };
        let entry = |deed| {
            let count = COUNT.fetch_add(1, Ordering::Relaxed) % 4_096;
            Entry {
                id: numbered(self.at, count, random()),
                at: self.at,
                by: by.clone(),
                deed,
            }
        };
        deeds.into_iter().map(entry).collect()
    }

    /// The last part of a change that took effect.
    pub(super) async fn conclude(
        &self,
        connection: &mut Connection,
        deeds: impl IntoIterator<Item = Deed>,
    ) -> sqlx::Result<()> {
        complete(connection, self.answer.as_ref()).await?;
        let entries = self.entries(deeds);
        if entries.is_empty() {
            return Ok(());
        }
        let entries: Vec<&Entry> = entries.iter().collect();
        connection.write(INSERT, rows(&entries)).await.map(|_| ())
    }

    /// Concludes a change if it touched any row. Returns whether it did.
    pub(super) async fn conclude_if(
        &self,
        connection: &mut Connection,
        touched: u64,
        deed: Deed,
    ) -> sqlx::Result<bool> {
        if touched > 0 {
            self.conclude(connection, [deed]).await?;
        }
        Ok(touched > 0)
    }
}

pub(super) fn rows(entries: &[&Entry]) -> Rows<'static> {
    let text = |of: fn(&Entry) -> Option<String>| {
        Column::Text(entries.iter().map(|entry| of(entry)).collect())
    };
    let uuid = |of: fn(&Entry) -> Option<Uuid>| {
        Column::Uuid(entries.iter().map(|entry| of(entry)).collect())
    };
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    let before = entries.iter().map(|entry| json(&entry.deed.before));
    let after = entries.iter().map(|entry| json(&entry.deed.after));
    let times = entries.iter().map(|entry| Some(entry.at));
    Rows::new(
        entries.len(),
        vec![
            ("id", uuid(|entry| Some(entry.id))),
            ("at", Column::Time(times.collect())),
            (
                "actor",
                text(|entry| Some(entry.by.actor.kind.as_str().to_owned())),
            ),
            ("actor_id", uuid(|entry| entry.by.actor.id)),
            ("actor_name", text(|entry| entry.by.actor.name.clone())),
            (
                "client_ip",
                text(|entry| entry.by.client.map(|ip| ip.to_string())),
            ),
            (
                "action",
                text(|entry| Some(entry.deed.action.as_str().to_owned())),
            ),
            (
                "object",
                text(|entry| Some(entry.deed.action.object().to_owned())),
            ),
            ("object_id", text(|entry| entry.deed.id.clone())),
            ("object_name", text(|entry| entry.deed.name.clone())),
            (
                "project_id",
                uuid(|entry| entry.deed.project.map(|it| it.0)),
            ),
            ("before", Column::Text(before.collect())),
            ("after", Column::Text(after.collect())),
        ],
    )
}

/// What entries are listed, newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    pub project: Option<ProjectId>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub action: Option<Action>,
    /// A kind, an id or a name.
    pub actor: Option<String>,
    /// A kind, an id or a name.
    pub object: Option<String>,
    /// Go on after this one.
    pub before: Option<Uuid>,
    pub limit: i64,
}

row! {
    struct Row {
        id: Uuid,
        at: DateTime<Utc>,
        actor: String,
        actor_id: Option<Uuid>,
        actor_name: Option<String>,
        client_ip: Option<String>,
        action: String,
        object_id: Option<String>,
        object_name: Option<String>,
        project_id: Option<Uuid>,
        before: Option<String>,
        after: Option<String>,
    }
}

impl Store {
    /// Adds entries about what changes no row, such as a sign-in that failed.
    pub async fn note_deed(&self, act: &Act, deed: Deed) -> Result<(), StorageError> {
        in_transaction(&self.engine, async |connection| {
            act.conclude(connection, [deed]).await
        })
        .await
    }

    /// Newest first.
    pub async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<Entry>, StorageError> {
        // Each begins with what an index finds. Ids are of their time.
        macro_rules! list {
            ($found_by:literal) => {
                concat!(
                    "SELECT id, at, actor, actor_id, actor_name, client_ip, action, object_id, object_name, project_id, before, ",
                    "after FROM audit WHERE ",
                    $found_by,
                    " AND id >= $2 AND id < $3 AND ($4 IS NULL OR action = $4) ",
                    "AND ($5 IS NULL OR actor = $5 OR actor_name = $5 OR actor_id = $6) ",
                    "AND ($7 IS NULL OR object = $7 OR object_id = $7 OR object_name = $7) ORDER BY id DESC LIMIT $8"
                )
            };
        }
        let sql = match query.project {
            Some(_) => list!("project_id = $1"),
            None => list!("$1 IS NULL"),
        };
        let (since, until) = ids_between(query.from, query.to, query.before);
        let id = |text: &String| Uuid::try_parse(text).ok();
        // As it is stored, however it is written.
        let object = query.object.as_ref();
        let object = object.map(|text| id(text).map_or(text.clone(), |id| id.to_string()));
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(sql)
            .bind(query.project.map(|project| project.0))
            .bind(since)
            .bind(until)
            .bind(query.action.map(Action::as_str))
            .bind(query.actor.clone())
            .bind(query.actor.as_ref().and_then(id))
            .bind(object)
            .bind(query.limit)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(Entry::try_from)))
    }

    /// How many entries there are of before `since`.
    pub async fn count_audit(&self, since: DateTime<Utc>) -> Result<u64, StorageError> {
        const COUNT: &str = "SELECT COUNT(*) FROM audit WHERE id < $1";
        let (count,): (i64,) = read!(&self.engine, |pool| sqlx::query_as(COUNT)
            .bind(time_ordered(since, [0; 8]))
            .fetch_one(pool)
            .await)?;
        Ok(count.unsigned_abs())
    }

    /// Removes up to `limit` entries of before `since`, and returns how many.
    pub async fn drop_audit(&self, since: DateTime<Utc>, limit: i64) -> Result<u64, StorageError> {
        const DROP: &str = "DELETE FROM audit WHERE id IN (SELECT a.id FROM audit a WHERE a.id < $1 ORDER BY a.id LIMIT $2)";
        Ok(touch!(self, DROP, time_ordered(since, [0; 8]), limit)?)
    }
}

impl TryFrom<Row> for Entry {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let fault = |column| StorageError::Inconsistent {
            table: "audit",
            column,
            id: row.id.to_string(),
        };
        let json = |text: &Option<String>, column| {
            let value = text.as_deref().map(serde_json::from_str::<Value>);
            value.transpose().map_err(|_| fault(column))
        };
        let client = row.client_ip.as_ref().map(|ip| ip.parse::<IpAddr>());
        Ok(Self {
            at: row.at,
            by: By {
                actor: Actor {
                    kind: ActorKind::parse(&row.actor).ok_or_else(|| fault("actor"))?,
                    id: row.actor_id,
                    name: row.actor_name.clone(),
                },
                client: client.transpose().map_err(|_| fault("client_ip"))?,
            },
            deed: Deed {
                action: Action::parse(&row.action).ok_or_else(|| fault("action"))?,
                before: json(&row.before, "before")?,
                after: json(&row.after, "after")?,
                id: row.object_id.clone(),
                name: row.object_name.clone(),
                project: row.project_id.map(ProjectId),
            },
            id: row.id,
        })
    }
}
