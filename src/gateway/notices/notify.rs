//! Sends webhook messages. A message is stored in the same commit as the change it reports, and sent afterwards.
//!
//! Each endpoint is served by a task of its own, so that a slow or dead one does not delay the others. An endpoint is a project's webhook,
//! a host that a dialect reports to, or a sink.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use super::room::Notices;
use crate::gateway::error::Error;
use crate::secret::random;
use crate::storage::{Delivery, DeliveryState, StorageError, Try, Webhook};
use crate::trace::{Context, Stage};
use crate::verification::Verification;
use crate::verification::event::{Event, EventKind};
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::span;
use crate::webhooks::client::{LIMIT, Message, Outcome};
use crate::webhooks::{TEST, pause_after, wants};

/// Messages to one endpoint that are claimed together, and how many of them are sent concurrently.
const BATCH: usize = 32;
const AT_ONCE: usize = 16;
/// How long a claim lasts: every message of the batch may take its full timeout, plus time to record the outcomes.
pub(in crate::gateway) const CLAIM: Duration =
    Duration::from_secs(LIMIT.as_secs() * (BATCH / AT_ONCE) as u64 + 10);

impl Notices {
    /// Messages that do not concern a verification, for all endpoints subscribed to `kind`. `None`: of all projects.
    pub(in crate::gateway) fn announcements(
        &self,
        project: Option<ProjectId>,
        kind: &str,
        data: &Value,
    ) -> Vec<Delivery> {
        let now = self.core().now();
        let mut messages = Vec::new();
        for webhook in self.core().directory.webhooks() {
            let concerned = project.is_none_or(|project| webhook.project == project);
            if concerned && wants(&webhook.events, kind) {
                let id = time_ordered(now, random());
                messages.push(Delivery {
                    data: Some(data.to_string()),
                    ..Delivery::new(id, webhook.id, kind, now)
                });
            }
        }
        for sink in self.sinks().iter().filter(|sink| sink.wants(kind)) {
            messages.push(sink.announcement(kind, data, now));
        }
        messages
    }

    /// The messages for the new events of `v`. They are stored in the same change as the events, so that none is lost
    /// or sent for a change that failed.
    pub(in crate::gateway) fn messages(&self, v: &Verification) -> Vec<Delivery> {
        // That the time of a message is over is no news.
        let is_news = |event: &&Event| !(v.is_message() && event.kind == EventKind::Expired);
        let mut messages = Vec::new();
        for webhook in self.core().directory.webhooks_of(v.project) {
            for event in v.news().iter().filter(is_news) {
                let kind = event.kind.name();
                if wants(&webhook.events, kind) {
                    let id = time_ordered(event.at, random());
                    messages.push(Delivery {
                        verification: Some(v.id),
                        ..Delivery::new(id, webhook.id, kind, event.at)
                    });
                }
            }
        }
        for sink in self.sinks() {
            let news = v.news().iter().filter(is_news);
            messages.extend(news.filter_map(|event| sink.message(v, event)));
        }
        messages
    }

    /// Starts sending due messages, with a task per endpoint. Returns the number of tasks started.
    pub async fn start_deliveries(&self) -> Result<usize, StorageError> {
        if self.core().directory.webhooks().is_empty() {
            return Ok(0);
        }
        let due = self.core().db.find_due_webhooks(self.core().now()).await?;
        // One that is not known yet may have just been created on another replica.
        let known = due
            .into_iter()
            .filter_map(|id| self.core().directory.find_webhook(id));
        Ok(known
            .filter(|webhook| self.serve(Arc::clone(webhook)))
            .count())
    }

    /// Starts sending what is due at an endpoint, unless this process already does.
    pub(in crate::gateway) fn serve(&self, endpoint: Arc<impl Endpoint>) -> bool {
        let id = endpoint.id();
        if !self.busy().insert(id) {
            return false;
        }
        let turn = Turn {
            notices: self.clone(),
            id,
        };
        self.core().spawn(async move {
            if let Err(error) = endpoint.send_due(&turn.notices).await {
                tracing::warn!(endpoint = %turn.id, %error, "cannot record the outcome of deliveries; they will be sent again");
            }
        });
        true
    }

    /// Claims and sends what is due at an endpoint, message by message.
    pub(in crate::gateway) async fn deliver_each(
        &self,
        endpoint: &impl OneByOne,
    ) -> Result<(), StorageError> {
        loop {
            let now = self.core().now();
            let until = span::after(now, CLAIM);
            let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
            let due = self
                .core()
                .db
                .claim_deliveries(endpoint.id(), now, until, limit)
                .await?;
            let full = due.len() == BATCH;
            // Record finished sends while slower ones still run.
            let mut done = stream::iter(due)
                .map(|delivery| endpoint.try_once(self, delivery))
                .buffer_unordered(AT_ONCE)
                .ready_chunks(BATCH)
                .boxed();
            while let Some(done) = done.next().await {
                self.core().db.record_deliveries(&done, None).await?;
                endpoint.answered(&done).await?;
            }
            if !full || self.core().stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Sends a claimed message once, and returns it updated with the outcome, for recording.
    pub(in crate::gateway) async fn try_delivery(
        &self,
        webhook: &Webhook,
        delivery: Delivery,
    ) -> Delivery {
        let began = self.core().now();
        let outcome = match self.body(&delivery).await {
            Ok((body, begun)) => {
                let (stage, trace) = self.core().sends("webhook", begun.as_deref());
                let message = Message {
                    id: delivery.id.to_string(),
                    timestamp: began.timestamp(),
                    body,
                    trace,
                };
                let secrets = webhook.secrets(began);
                let outcome = self.client().send(&webhook.url, &secrets, message).await;
                note(stage, &delivery, &outcome);
                outcome
            }
            // The body could not be read, so nothing was sent; the message is due again when the claim expires.
            Err(_) => return delivery,
        };
        let [chance] = random();
        // A test message is not retried, because its sender sees the result.
        let pause = pause_after(delivery.round + 1, chance).filter(|_| delivery.event != TEST);
        self.tried(delivery, began, outcome, pause)
    }

    /// The delivery after a try, with when it is tried again; `pause` is `None` after the last one.
    pub(in crate::gateway) fn tried(
        &self,
        mut delivery: Delivery,
        began: DateTime<Utc>,
        outcome: Outcome,
        pause: Option<Duration>,
    ) -> Delivery {
        let word = if outcome.error.is_none() {
            "taken"
        } else {
            "failed"
        };
        metrics::counter!("pinroute_webhook_tries_total", "outcome" => word).increment(1);
        let now = self.core().now();
        (delivery.state, delivery.due_at) = match pause {
            _ if outcome.error.is_none() => (DeliveryState::Delivered, None),
            Some(pause) => (DeliveryState::Pending, Some(span::after(now, pause))),
            None => {
                let verification = delivery.verification.map(tracing::field::display);
                tracing::warn!(endpoint = %delivery.webhook, delivery = %delivery.id, event = delivery.event, verification, "giving up on a message");
                (DeliveryState::Dead, None)
            }
        };
        delivery.note(Try {
            at: began,
            status: outcome.status,
            error: outcome.error,
            duration_ms: u32::try_from(outcome.took.as_millis()).unwrap_or(u32::MAX),
        });
        delivery
    }

    /// Renders the message when it is sent, from the verification's current state, so that no second copy of a phone
    /// number is stored; with the trace in which the verification was started.
    async fn body(&self, delivery: &Delivery) -> Result<(Vec<u8>, Option<Box<Context>>), Error> {
        let mut trace = None;
        let data: Value = match (delivery.verification, &delivery.data) {
            (Some(id), _) => {
                let mut v = self.core().db.find(id).await?.ok_or(Error::NotFound)?;
                trace = v.record.trace.take();
                (self.core().settings.render)(&v)
            }
            (None, Some(data)) => serde_json::from_str(data).unwrap_or(Value::Null),
            (None, None) => Value::Null,
        };
        let timestamp = delivery.at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let body = json!({ "type": delivery.event, "timestamp": timestamp, "data": data });
        Ok((body.to_string().into_bytes(), trace))
    }

    /// Whether a task of this process sends to an endpoint.
    pub(in crate::gateway) fn is_busy(&self) -> bool {
        !self.busy().is_empty()
    }

    /// Waits until every due message was tried. For tests, which run work by name.
    pub async fn deliver_due_webhooks(&self) -> Result<(), StorageError> {
        loop {
            let turns = self.start_deliveries().await?;
            if turns == 0 && !self.is_busy() {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Notes in the trace what became of a try, and ends its stage.
pub(in crate::gateway) fn note(mut stage: Stage, delivery: &Delivery, outcome: &Outcome) {
    if !stage.is_open() {
        return;
    }
    stage.set("pinroute.delivery", delivery.id.to_string());
    stage.set("pinroute.webhook", delivery.webhook.to_string());
    stage.set("pinroute.event", delivery.event.clone());
    if let Some(id) = delivery.verification {
        stage.set("pinroute.verification", id.to_string());
    }
    if let Some(status) = outcome.status {
        stage.set("http.response.status_code", status);
    }
    let is_taken = outcome.error.is_none();
    stage.conclude(if is_taken { "taken" } else { "failed" });
}

/// Where messages go: a webhook, a host that a dialect reports to, or a sink.
pub(in crate::gateway) trait Endpoint: Send + Sync + 'static {
    /// Under which its deliveries are stored.
    fn id(&self) -> Uuid;

    /// Sends what is due.
    fn send_due<'a>(&'a self, notices: &'a Notices) -> BoxFuture<'a, Result<(), StorageError>>;
}

/// An endpoint that takes messages one by one, in no order.
pub(in crate::gateway) trait OneByOne: Endpoint {
    /// Sends a claimed message once, and returns it with the outcome.
    fn try_once<'a>(&'a self, notices: &'a Notices, delivery: Delivery) -> BoxFuture<'a, Delivery>;

    /// These were tried.
    fn answered<'a>(&'a self, _: &'a [Delivery]) -> BoxFuture<'a, Result<(), StorageError>> {
        std::future::ready(Ok(())).boxed()
    }
}

impl Endpoint for Webhook {
    fn id(&self) -> Uuid {
        self.id
    }

    fn send_due<'a>(&'a self, notices: &'a Notices) -> BoxFuture<'a, Result<(), StorageError>> {
        notices.deliver_each(self).boxed()
    }
}

impl OneByOne for Webhook {
    fn try_once<'a>(&'a self, notices: &'a Notices, delivery: Delivery) -> BoxFuture<'a, Delivery> {
        notices.try_delivery(self, delivery).boxed()
    }
}

/// Marks an endpoint as being served by this process. The mark is removed on drop.
struct Turn {
    notices: Notices,
    id: Uuid,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.notices.busy().remove(&self.id);
    }
}
