//! Sinks of events: which replica sends to one, and its messages, which are deliveries under the sink's id.
//!
//! Unlike a webhook's, a sink's messages are not claimed one by one: the replica that holds the sink sends them in the order in which
//! they became due, and `due_at` changes only when one is delivered, given up or redelivered. So a crash does not change their order.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::engine::{Engine, read, touch};
use super::webhook_deliveries::{Row, columns};
use super::{Delivery, StorageError, Store};

/// A replica's wish to be the one that sends to a sink.
#[derive(Clone, Copy, Debug)]
pub struct Hold<'a> {
    pub sink: Uuid,
    pub name: &'a str,
    pub holder: i64,
    /// From when another may have it.
    pub until: DateTime<Utc>,
}

impl Store {
    /// Takes or keeps a sink. `false`: another replica holds it. On SQLite there is no other, and nothing is written but its name.
    pub async fn hold_sink(
        &self,
        hold: Hold<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StorageError> {
        const HOLD: &str = "INSERT INTO sinks (id, name, holder, held_until) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, holder = excluded.holder, held_until = excluded.held_until \
            WHERE sinks.held_until <= $5 OR sinks.holder = excluded.holder";
        const KNOWN: &str = "SELECT 1 FROM sinks WHERE id = $1";
        let Hold {
            sink,
            name,
            holder,
            until,
        } = hold;
        if let Engine::Sqlite { read, .. } = &self.engine {
            let known: Option<(i64,)> = sqlx::query_as(KNOWN)
                .bind(sink)
                .fetch_optional(read)
                .await?;
            if known.is_some() {
                return Ok(true);
            }
        }
        Ok(touch!(self, HOLD, sink, name, holder, until, now)? > 0)
    }

    /// Lets another replica have it at once.
    pub async fn release_sink(
        &self,
        sink: Uuid,
        holder: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const RELEASE: &str = "UPDATE sinks SET held_until = $1 WHERE id = $2 AND holder = $3";
        if self.is_alone() {
            return Ok(());
        }
        touch!(self, RELEASE, now, sink, holder)?;
        Ok(())
    }

    /// Ids and names of all sinks that were ever sent to, and of which there may still be messages.
    pub async fn list_sinks(&self) -> Result<Vec<(Uuid, String)>, StorageError> {
        const LIST: &str = "SELECT id, name FROM sinks ORDER BY name";
        Ok(read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?)
    }

    /// Forgets a sink without messages.
    pub async fn drop_sink(&self, sink: Uuid) -> Result<(), StorageError> {
        const DROP: &str = "DELETE FROM sinks WHERE id = $1 \
            AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = $1)";
        touch!(self, DROP, sink)?;
        Ok(())
    }

    /// Whether a message to the sink is due.
    pub async fn is_sink_due(&self, sink: Uuid, now: DateTime<Utc>) -> Result<bool, StorageError> {
        const DUE: &str =
            "SELECT 1 FROM webhook_deliveries WHERE webhook_id = $1 AND due_at <= $2 LIMIT 1";
        let any: Option<(i32,)> = read!(&self.engine, |pool| sqlx::query_as(DUE)
            .bind(sink)
            .bind(now)
            .fetch_optional(pool)
            .await)?;
        Ok(any.is_some())
    }

    /// The due messages of a sink, longest due first; those that became due together by their id.
    pub async fn due_to_sink(
        &self,
        sink: Uuid,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Delivery>, StorageError> {
        const DUE: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM webhook_deliveries WHERE webhook_id = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT $3"
        );
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(DUE)
            .bind(sink)
            .bind(now)
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(Delivery::try_from)))
    }

    /// Gives up on up to `limit` messages that have been due since before `since`, and returns how many.
    pub async fn give_up_on(
        &self,
        sink: Uuid,
        since: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, StorageError> {
        const GIVE_UP: &str = "UPDATE webhook_deliveries SET state = 'dead', due_at = NULL WHERE id IN (SELECT d.id \
            FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.due_at < $2 ORDER BY d.due_at LIMIT $3)";
        Ok(touch!(self, GIVE_UP, sink, since, limit)?)
    }

    /// Makes all dead messages due again, in the order of their events, and returns how many.
    pub async fn redeliver_dead(
        &self,
        sink: Uuid,
        now: DateTime<Utc>,
    ) -> Result<u64, StorageError> {
        const AGAIN: &str = "UPDATE webhook_deliveries SET state = 'pending', due_at = $1, round = 0 WHERE id IN (SELECT d.id \
            FROM webhook_deliveries d WHERE d.webhook_id = $2 AND d.state = 'dead' ORDER BY d.id LIMIT $3)";
        const CHUNK: u64 = 1_000;
        let (mut due, mut count) = (now, 0);
        loop {
            let done = touch!(self, AGAIN, due, sink, CHUNK.cast_signed())?;
            count += done;
            if done < CHUNK {
                return Ok(count);
            }
            // So that few are due at the same time: those are sorted for each batch.
            due += TimeDelta::microseconds(1);
        }
    }
}
