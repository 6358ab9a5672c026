//! Messages to projects' webhooks: written with their cause, claimed when due, listed.
//!
//! A claim moves the due time to when the try counts as lost, so a replica that dies blocks nothing and no lease needs
//! renewing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::engine::connection::in_transaction;
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row, write};
use super::idempotency::{IdempotencyOp, complete_if_claimed};
use super::store::count;
use super::{StorageError, Store};
use crate::verification::id::VerificationId;

/// A message to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The `webhook-id`, the same for all tries.
    pub id: Uuid,
    /// The endpoint: a webhook, the host of a dialect's reports, or a sink.
    pub webhook: Uuid,
    pub event: String,
    /// When the event happened.
    pub at: DateTime<Utc>,
    /// The verification that the message is rendered from.
    pub verification: Option<VerificationId>,
    /// JSON, if the event is about no verification.
    pub data: Option<String>,
    pub state: DeliveryState,
    /// `None`: it will not be tried again by itself.
    pub due_at: Option<DateTime<Utc>>,
    pub tried: u32,
    /// Tries since it was created or redelivered.
    pub round: u32,
    /// The newest tries, oldest first.
    pub history: Vec<Try>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up after the last try.
    Dead,
}

impl DeliveryState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// The outcome of one try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    pub at: DateTime<Utc>,
    /// The receiver's HTTP status; `None`: no answer.
    pub status: Option<u16>,
    /// `None`: it was accepted.
    pub error: Option<String>,
    pub duration_ms: u32,
}

impl Delivery {
    /// How many tries are kept.
    pub const HISTORY: usize = 20;

    /// A message that is due immediately.
    #[must_use]
    pub fn new(id: Uuid, webhook: Uuid, event: &str, at: DateTime<Utc>) -> Self {
        Self {
            id,
            webhook,
            event: event.to_owned(),
            at,
            verification: None,
            data: None,
            state: DeliveryState::Pending,
            due_at: Some(at),
            tried: 0,
            round: 0,
            history: Vec::new(),
        }
    }

    /// Counts a try, and keeps it among the newest.
    pub fn note(&mut self, one: Try) {
        self.tried += 1;
        self.round += 1;
        if self.history.len() >= Self::HISTORY {
            self.history.remove(0);
        }
        self.history.push(one);
    }
}

/// Which deliveries of an endpoint to list, newest first.
#[derive(Clone, Debug)]
pub struct DeliveryQuery {
    pub webhook: Uuid,
    pub state: Option<DeliveryState>,
    /// Older than this.
    pub cursor: Option<Uuid>,
    pub limit: i64,
}

row! {
    pub(super) struct Row {
        id: Uuid,
        webhook_id: Uuid,
        event: String,
        at: DateTime<Utc>,
        verification_id: Option<Uuid>,
        data: Option<String>,
        state: String,
        due_at: Option<DateTime<Utc>>,
        tried: i64,
        round: i64,
        history: String,
    }
}

macro_rules! columns {
    () => {
        "id, webhook_id, event, at, verification_id, data, state, due_at, tried, round, history"
    };
}

pub(super) use columns;

impl TryFrom<Row> for Delivery {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let fault = |column| StorageError::Inconsistent {
            table: "webhook_deliveries",
            column,
            id: row.id.to_string(),
        };
        Ok(Self {
            id: row.id,
            webhook: row.webhook_id,
            state: DeliveryState::parse(&row.state).ok_or_else(|| fault("state"))?,
            tried: u32::try_from(row.tried).map_err(|_| fault("tried"))?,
            round: u32::try_from(row.round).map_err(|_| fault("round"))?,
            history: serde_json::from_str(&row.history).map_err(|_| fault("history"))?,
            event: row.event,
            at: row.at,
            verification: row.verification_id.map(VerificationId::from_uuid),
            data: row.data,
            due_at: row.due_at,
        })
    }
}

pub(super) const INSERT: &str = "INSERT INTO webhook_deliveries (id, webhook_id, event, at, verification_id, data, state, \
    due_at, tried, round, history) SELECT r.id, r.webhook_id, r.event, r.at, r.verification_id, r.data, r.state, r.due_at, \
    r.tried, r.round, r.history FROM {rows} WHERE true ON CONFLICT DO NOTHING";

pub(super) fn rows(deliveries: &[&Delivery]) -> Rows<'static> {
    let text = |get: &dyn Fn(&Delivery) -> Option<String>| {
        Column::Text(deliveries.iter().map(|d| get(d)).collect())
    };
    let uuid = |get: &dyn Fn(&Delivery) -> Option<Uuid>| {
        Column::Uuid(deliveries.iter().map(|d| get(d)).collect())
    };
    let time = |get: &dyn Fn(&Delivery) -> Option<DateTime<Utc>>| {
        Column::Time(deliveries.iter().map(|d| get(d)).collect())
    };
    let int = |get: &dyn Fn(&Delivery) -> u32| {
        Column::Int(deliveries.iter().map(|d| Some(get(d).into())).collect())
    };
    Rows::new(
        deliveries.len(),
        vec![
            ("id", uuid(&|d| Some(d.id))),
            ("webhook_id", uuid(&|d| Some(d.webhook))),
            ("event", text(&|d| Some(d.event.clone()))),
            ("at", time(&|d| Some(d.at))),
            (
                "verification_id",
                uuid(&|d| d.verification.map(VerificationId::uuid)),
            ),
            ("data", text(&|d| d.data.clone())),
            ("state", text(&|d| Some(d.state.as_str().to_owned()))),
            ("due_at", time(&|d| d.due_at)),
            ("tried", int(&|d| d.tried)),
            ("round", int(&|d| d.round)),
            (
                "history",
                text(&|d| {
                    Some(
                        serde_json::to_string(&d.history)
                            .expect("a try consists of strings, numbers and times"),
                    )
                }),
            ),
        ],
    )
}

impl Store {
    /// Writes messages whose cause is not itself a change in the store.
    pub async fn create_deliveries(&self, deliveries: &[&Delivery]) -> Result<(), StorageError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let rows = rows(deliveries);
        match &self.engine {
            Engine::Postgres(pool) => rows.postgres(INSERT).execute(pool).await.map(|_| ()),
            Engine::Sqlite { write, .. } => rows.sqlite(INSERT).execute(write).await.map(|_| ()),
        }?;
        Ok(())
    }

    /// Webhooks with something due.
    pub async fn find_due_webhooks(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>, StorageError> {
        const DUE: &str = "SELECT w.id FROM webhooks w WHERE EXISTS (SELECT 1 FROM webhook_deliveries d \
            WHERE d.webhook_id = w.id AND d.due_at <= $1)";
        let ids: Vec<(Uuid,)> = read!(&self.engine, |pool| sqlx::query_as(DUE)
            .bind(now)
            .fetch_all(pool)
            .await)?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// Claims the due deliveries of one webhook, longest due first. A delivery not recorded by `until` becomes due again.
    pub async fn claim_deliveries(
        &self,
        webhook: Uuid,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Delivery>, StorageError> {
        macro_rules! claim {
            ($lock:literal) => {
                concat!(
                    "UPDATE webhook_deliveries SET due_at = $1 WHERE id IN (SELECT d.id FROM webhook_deliveries d ",
                    "WHERE d.webhook_id = $2 AND d.due_at <= $3 ORDER BY d.due_at LIMIT $4 ", $lock, ") RETURNING ",
                    columns!()
                )
            };
        }
        let sql = match &self.engine {
            Engine::Postgres(_) => claim!("FOR UPDATE SKIP LOCKED"),
            Engine::Sqlite { .. } => claim!(""),
        };
        let rows: Vec<Row> = write!(&self.engine, |pool| sqlx::query_as(sql)
            .bind(until)
            .bind(webhook)
            .bind(now)
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(Delivery::try_from)))
    }

    /// Records the outcomes. A delivery that was tried elsewhere in the meantime is left unchanged.
    pub async fn record_deliveries(
        &self,
        deliveries: &[Delivery],
        completion: Option<&IdempotencyOp>,
    ) -> Result<(), StorageError> {
        const RECORD: &str = "UPDATE webhook_deliveries SET state = r.state, due_at = r.due_at, tried = r.tried, \
            round = r.round, history = r.history FROM {rows} \
            WHERE webhook_deliveries.id = r.id AND webhook_deliveries.tried = r.tried - 1";
        let mut in_order: Vec<&Delivery> = deliveries.iter().collect();
        in_order.sort_unstable_by_key(|delivery| delivery.id);
        if in_order.is_empty() {
            return Ok(());
        }
        let rows = rows(&in_order);
        in_transaction(&self.engine, async |connection| {
            connection.write(RECORD, rows).await?;
            complete_if_claimed(connection, completion).await
        })
        .await
    }

    /// Starts a new round of tries, claimed until `until`; `None`: the webhook has no such delivery.
    pub async fn redeliver(
        &self,
        webhook: Uuid,
        id: Uuid,
        until: DateTime<Utc>,
    ) -> Result<Option<Delivery>, StorageError> {
        const AGAIN: &str = concat!(
            "UPDATE webhook_deliveries SET state = 'pending', due_at = $1, round = 0 ",
            "WHERE id = $2 AND webhook_id = $3 RETURNING ",
            columns!()
        );
        let row: Option<Row> = write!(&self.engine, |pool| sqlx::query_as(AGAIN)
            .bind(until)
            .bind(id)
            .bind(webhook)
            .fetch_optional(pool)
            .await)?;
        self.read_one(row.map(Delivery::try_from))
    }

    pub async fn find_delivery(&self, id: Uuid) -> Result<Option<Delivery>, StorageError> {
        const FIND: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM webhook_deliveries WHERE id = $1"
        );
        let row: Option<Row> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        self.read_one(row.map(Delivery::try_from))
    }

    /// Fewer than the limit only at the end: for a row that cannot be read, the next one comes.
    pub async fn list_deliveries(
        &self,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, StorageError> {
        let mut rest = query.clone();
        let mut found = Vec::new();
        loop {
            let rows = self.delivery_rows(&rest).await?;
            let is_end = count(&rows) < rest.limit;
            rest.cursor = rows.last().map(|row| row.id);
            found.extend(self.readable(rows.into_iter().map(Delivery::try_from)));
            rest.limit = query.limit - count(&found);
            if is_end || rest.limit <= 0 {
                return Ok(found);
            }
        }
    }

    async fn delivery_rows(&self, query: &DeliveryQuery) -> sqlx::Result<Vec<Row>> {
        const LIST: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM webhook_deliveries WHERE webhook_id = $1 AND id < $2 AND ($3 = '' OR state = $3) ",
            "ORDER BY id DESC LIMIT $4"
        );
        read!(&self.engine, |pool| sqlx::query_as(LIST)
            .bind(query.webhook)
            .bind(query.cursor.unwrap_or(Uuid::max()))
            .bind(query.state.map_or("", DeliveryState::as_str))
            .bind(query.limit)
            .fetch_all(pool)
            .await)
    }

    /// Removes up to `limit` deliveries of one webhook and returns how many.
    pub async fn drop_deliveries_of(&self, webhook: Uuid, limit: i64) -> Result<u64, StorageError> {
        const OF: &str = "DELETE FROM webhook_deliveries WHERE id IN (SELECT d.id FROM webhook_deliveries d \
            WHERE d.webhook_id = $1 LIMIT $2)";
        self.drop_deliveries(OF, webhook, limit).await
    }

    pub(super) async fn drop_deliveries(
        &self,
        sql: &'static str,
        which: Uuid,
        limit: i64,
    ) -> Result<u64, StorageError> {
        Ok(write!(&self.engine, |pool| sqlx::query(sql)
            .bind(which)
            .bind(limit)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
