//! A sink as this process serves it: its messages, and whether it takes any at present.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::secret::random;
use crate::storage::Delivery;
use crate::verification::event::Event;
use crate::verification::id::{numbered, time_ordered};
use crate::verification::{Verification, span};
use crate::webhooks::sinks::Sink;

/// The pause after a failure; each is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Outlet {
    pub sink: Sink,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// In a row.
    failures: u32,
    /// Nothing is sent before.
    rests_until: Option<DateTime<Utc>>,
}

impl Outlet {
    pub fn new(sink: Sink) -> Self {
        Self {
            sink,
            health: Mutex::default(),
        }
    }

    pub fn wants(&self, kind: &str) -> bool {
        self.sink.wants(kind)
    }

    /// The message for an event of `v`, if the sink wants it.
    ///
    /// Messages are sent in the order in which they became due, then by id. So that the events of a verification keep their order, none is
    /// due before an earlier one, even if another replica's clock is behind, and their ids are numbered.
    pub fn message(&self, v: &Verification, event: &Event) -> Option<Delivery> {
        let kind = event.kind.name();
        if !self.wants(kind) {
            return None;
        }
        let before = v.record.events.iter().take_while(|it| it.seq < event.seq);
        let due = before.map(|it| it.at).fold(event.at, DateTime::max);
        let id = numbered(due, event.seq, random());
        Some(Delivery {
            verification: Some(v.id),
            due_at: Some(due),
            ..Delivery::new(id, self.sink.id, kind, event.at)
        })
    }

    /// The message about something that concerns no verification.
    pub fn announcement(&self, kind: &str, data: &Value, now: DateTime<Utc>) -> Delivery {
        Delivery {
            data: Some(data.to_string()),
            ..Delivery::new(time_ordered(now, random()), self.sink.id, kind, now)
        }
    }

    /// Whether nothing is sent at present.
    pub fn rests(&self, now: DateTime<Utc>) -> bool {
        self.health().rests_until.is_some_and(|until| now < until)
    }

    /// Leaves it to the replica that holds it for a while.
    pub fn leave(&self, until: DateTime<Utc>) {
        self.health().rests_until = Some(until);
    }

    pub fn is_failing(&self) -> bool {
        self.health().failures > 0
    }

    /// Logs the first failure in a row.
    pub fn failed(&self, now: DateTime<Utc>, error: &str) {
        let before = {
            let mut health = self.health();
            let before = health.failures;
            let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(before));
            health.failures = before.saturating_add(1);
            health.rests_until = Some(span::after(now, pause.min(LONGEST_PAUSE)));
            before
        };
        if before == 0 {
            tracing::warn!(
                sink = self.sink.name,
                error,
                "a sink takes no events; they wait, and it is tried again"
            );
        }
    }

    /// Logs that failures are over.
    pub fn took(&self) {
        let before = std::mem::take(&mut *self.health());
        if before.failures > 0 {
            tracing::info!(sink = self.sink.name, "a sink takes events again");
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
