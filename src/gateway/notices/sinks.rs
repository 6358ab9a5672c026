//! Sends messages to sinks, in batches and in order.
//!
//! One replica at a time holds a sink. It sends the oldest due messages together and records them; what fails stays where it is in the
//! order, and the sink rests. So messages of a verification come in order, and after a crash the same ones come again. Nothing waits for a sink but
//! its own messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde_json::Value;
use uuid::Uuid;

use super::notify::Endpoint;
use super::outlet::Outlet;
use super::room::Notices;
use crate::storage::{Delivery, DeliveryState, Hold, StorageError, Try};
use crate::verification::id::{VerificationId, number_of};
use crate::verification::{Verification, span};
use crate::webhooks::sinks::{About, LIMIT, Numbers, cloud_event};

/// Messages that are sent together.
const BATCH: i64 = 500;
/// How long a replica holds a sink unless it says so again.
const HOLD: Duration = Duration::from_secs(15);
/// How long a sink is left to the replica that holds it.
const LEFT: Duration = Duration::from_secs(1);

/// The verifications that messages are rendered from; `None`: it is gone or cannot be read.
type Found = HashMap<VerificationId, Option<Verification>>;

impl Endpoint for Outlet {
    fn id(&self) -> Uuid {
        self.sink.id
    }

    fn send_due<'a>(&'a self, notices: &'a Notices) -> BoxFuture<'a, Result<(), StorageError>> {
        notices.drain(self).boxed()
    }
}

impl Notices {
    /// Starts sending to the sinks with due messages, with a task per sink. Returns the number of tasks started.
    pub async fn start_sinks(&self) -> Result<usize, StorageError> {
        let core = self.core();
        let mut started = 0;
        for outlet in self.sinks() {
            let now = core.now();
            if !outlet.rests(now)
                && core.db.is_sink_due(outlet.sink.id, now).await?
                && self.serve(Arc::clone(outlet))
            {
                started += 1;
            }
        }
        Ok(started)
    }

    /// Waits until every due message to a sink that does not rest was tried. For tests, which run work by name.
    pub async fn deliver_due_to_sinks(&self) -> Result<(), StorageError> {
        while self.start_sinks().await? > 0 || self.is_busy() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn drain(&self, outlet: &Outlet) -> Result<(), StorageError> {
        let (core, sink) = (self.core(), &outlet.sink);
        // Another task may have failed since this one was wanted.
        if outlet.rests(core.now()) {
            return Ok(());
        }
        loop {
            let now = core.now();
            let hold = Hold {
                sink: sink.id,
                name: &sink.name,
                holder: self.replica(),
                until: span::after(now, HOLD),
            };
            if !core.db.hold_sink(hold, now).await? {
                outlet.leave(span::after(now, LEFT));
                return Ok(());
            }
            // One message shows whether a sink that failed takes any again.
            let limit = if outlet.is_failing() { 1 } else { BATCH };
            let due = core.db.due_to_sink(sink.id, now, limit).await?;
            if due.is_empty() {
                break;
            }
            let found = self.find_all(&due).await?;
            // Reading may have taken so long that another replica holds the sink before this one has sent.
            if span::after(core.now(), LIMIT) >= hold.until {
                continue;
            }
            let (tried, taken) = self.try_batch(outlet, due, &found).await;
            core.db.record_deliveries(&tried, None).await?;
            if !taken || core.stop.is_cancelled() {
                break;
            }
        }
        let now = core.now();
        core.db.release_sink(sink.id, self.replica(), now).await
    }

    /// Sends a batch once. Returns it with the outcome, for recording, and whether the sink took it.
    async fn try_batch(
        &self,
        outlet: &Outlet,
        due: Vec<Delivery>,
        found: &Found,
    ) -> (Vec<Delivery>, bool) {
        let (core, sink) = (self.core(), &outlet.sink);
        let (at, began) = (core.now(), Instant::now());
        let (mut texts, mut sent, mut tried) = (Vec::new(), Vec::new(), Vec::new());
        for mut delivery in due {
            if let Some(text) = self.event(&delivery, found, sink.numbers) {
                texts.push(text);
                sent.push(delivery);
            } else {
                // It must not block the others. It can be redelivered when it can be read again.
                delivery.note(Try {
                    at,
                    status: None,
                    error: Some("its verification cannot be read".to_owned()),
                    duration_ms: 0,
                });
                (delivery.state, delivery.due_at) = (DeliveryState::Dead, None);
                tried.push(delivery);
            }
        }
        if sent.is_empty() {
            return (tried, true);
        }
        let error = sink.append(texts, at).await.err();
        let word = if error.is_none() {
            "delivered"
        } else {
            "failed"
        };
        let count = u64::try_from(sent.len()).unwrap_or(u64::MAX);
        metrics::counter!("pinroute_sink_tries_total", "sink" => sink.name.clone(), "outcome" => word)
            .increment(count);
        match &error {
            None => outlet.took(),
            Some(error) => outlet.failed(core.now(), error),
        }
        let duration_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        for mut delivery in sent {
            delivery.note(Try {
                at,
                status: None,
                error: error.clone(),
                duration_ms,
            });
            if error.is_none() {
                (delivery.state, delivery.due_at) = (DeliveryState::Delivered, None);
            }
            tried.push(delivery);
        }
        (tried, error.is_none())
    }

    /// The verifications that messages are about, read together.
    async fn find_all(&self, due: &[Delivery]) -> Result<Found, StorageError> {
        let mut ids: Vec<VerificationId> = due.iter().filter_map(|it| it.verification).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = join_all(ids.iter().map(|id| self.core().db.find(*id))).await;
        let found = ids.into_iter().zip(found).map(|(id, found)| match found {
            Ok(v) => Ok((id, v)),
            Err(StorageError::Unavailable(error)) => Err(StorageError::Unavailable(error)),
            // The store has logged it.
            Err(_) => Ok((id, None)),
        });
        found.collect()
    }

    /// The event on one line, rendered when it is sent, so that no second copy of a phone number is stored.
    fn event(&self, delivery: &Delivery, found: &Found, numbers: Numbers) -> Option<String> {
        let core = self.core();
        let (v, data) = match (delivery.verification, &delivery.data) {
            (Some(id), _) => {
                let v = found.get(&id)?.as_ref()?;
                let mut data = (core.settings.render)(v);
                if numbers == Numbers::Masked {
                    mask(&mut data, v);
                }
                (Some(v), data)
            }
            (None, Some(data)) => (None, serde_json::from_str(data).unwrap_or(Value::Null)),
            (None, None) => (None, Value::Null),
        };
        let project = match v {
            Some(v) => core.directory.project_name(v.project),
            None => data
                .get("project")
                .and_then(Value::as_str)
                .map(str::to_owned),
        };
        let about = About {
            id: delivery.id,
            source: core.settings.public_url.trim_end_matches('/'),
            kind: &delivery.event,
            at: delivery.at,
            verification: delivery.verification.map(VerificationId::uuid),
            sequence: v.map(|_| number_of(delivery.id)),
            project: project.as_deref(),
        };
        Some(cloud_event(&about, &data))
    }

    /// Counts what waits for each sink.
    pub async fn measure_sinks(&self) -> Result<(), StorageError> {
        let core = self.core();
        for outlet in self.sinks() {
            let (now, name) = (core.now(), || outlet.sink.name.clone());
            let backlog = core.db.backlog(outlet.sink.id).await?;
            for (state, count) in [("pending", backlog.pending), ("dead", backlog.dead)] {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                metrics::gauge!("pinroute_sink_messages", "sink" => name(), "state" => state)
                    .set(count);
            }
            let age = backlog.age(now).unwrap_or_default();
            metrics::gauge!("pinroute_sink_oldest_seconds", "sink" => name())
                .set(age.as_seconds_f64());
        }
        Ok(())
    }

    /// Gives up on messages that were due too long, at most `most` of each sink, also of sinks that are no longer configured. Returns the
    /// most of one sink.
    pub(in crate::gateway) async fn sweep_sinks(&self, most: u64) -> Result<u64, StorageError> {
        let core = self.core();
        let since = span::before(core.now(), core.settings.outbox_max_age);
        let mut greatest = 0;
        for (id, name) in core.db.list_sinks().await? {
            let count = core.db.give_up_on(id, since, most.cast_signed()).await?;
            if count > 0 {
                tracing::warn!(
                    sink = name,
                    count,
                    "gave up on events that a sink did not take in time; `pinroute sinks redeliver` sends them again"
                );
            }
            greatest = greatest.max(count);
            if !self.sinks().iter().any(|outlet| outlet.sink.id == id) {
                core.db.drop_sink(id).await?;
            }
        }
        Ok(greatest)
    }
}

/// A verification has its number in one place.
fn mask(data: &mut Value, v: &Verification) {
    if let (Some(number), Some(phone)) = (data.get_mut("phone_number"), &v.phone) {
        *number = Value::String(phone.masked());
    }
}
