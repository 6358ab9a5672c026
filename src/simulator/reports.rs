//! Delivery reports: schedules each one and posts it until it is acknowledged.
//!
//! One task watches one heap of due times. It reads the clock at least every [`LOOK`], so a manual clock works too. Where
//! reports may go is decided in [`super::callbacks`], before they are scheduled.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Client, StatusCode, Url, header};
use tokio::sync::{Notify, Semaphore};

use super::digest::TokenHash;
use super::telegram::{self, Delivery, Request};
use super::world::{World, after, lock};

const TRIES: u32 = 10;
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of posting tasks at once.
const POSTING: usize = 256;
/// Capacity of the schedule. Further events are dropped with a warning.
const PLANNED: usize = 100_000;
const LOOK: Duration = Duration::from_millis(50);

/// An event at a scheduled time.
#[derive(Debug)]
pub(super) enum Event {
    /// A Telegram message changes state: book a refund if it expired, and report the changes in this order.
    Telegram {
        request: Arc<Mutex<Request>>,
        changes: &'static [Delivery],
    },
    /// Post these reports one after another.
    Post(Vec<Report>),
}

/// A report. Retries differ only in timestamp and signature.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) url: Url,
    pub(super) body: String,
    pub(super) kind: Kind,
    /// Failed attempts so far.
    pub(super) tries: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Signed; only status 200 acknowledges it.
    Telegram(TokenHash),
    /// Any 2xx acknowledges it.
    Sms,
}

#[derive(Debug)]
struct Planned {
    at: DateTime<Utc>,
    order: u64,
    event: Event,
}

#[derive(Debug, Default)]
struct Heap {
    planned: BinaryHeap<Planned>,
    order: u64,
}

#[derive(Debug, Default)]
pub(super) struct Schedule {
    heap: Mutex<Heap>,
    changed: Notify,
}

impl Schedule {
    pub(super) fn add(&self, at: DateTime<Utc>, event: Event) {
        let mut heap = lock(&self.heap);
        if heap.planned.len() >= PLANNED {
            drop(heap);
            tracing::warn!(
                limit = PLANNED,
                "too many scheduled reports; one was dropped"
            );
            return;
        }
        heap.order += 1;
        let order = heap.order;
        let is_next = heap.planned.peek().is_none_or(|next| at < next.at);
        heap.planned.push(Planned { at, order, event });
        drop(heap);
        if is_next {
            self.changed.notify_one();
        }
    }

    /// The next due event with its scheduled time; otherwise how long to wait, or `None` if nothing is scheduled.
    fn take_due(&self, now: DateTime<Utc>) -> Result<(DateTime<Utc>, Event), Option<Duration>> {
        let mut heap = lock(&self.heap);
        match heap.planned.peek() {
            None => Err(None),
            Some(next) if next.at > now => {
                Err(Some((next.at - now).to_std().unwrap_or(LOOK).min(LOOK)))
            }
            Some(_) => heap
                .planned
                .pop()
                .map(|due| (due.at, due.event))
                .ok_or(None),
        }
    }
}

/// Executes scheduled events until the simulator stops.
pub(super) async fn run(world: Arc<World>, client: Client) {
    let posting = Arc::new(Semaphore::new(POSTING));
    loop {
        // Acquire a slot first: while receivers are slow, due events stay in the bounded heap.
        let place = tokio::select! {
            () = world.stopping.cancelled() => return,
            place = Arc::clone(&posting).acquire_owned() => place,
        };
        let (planned_for, event) = match world.schedule.take_due(world.clock.now()) {
            Ok(due) => due,
            Err(look_again) => {
                drop(place);
                tokio::select! {
                    () = world.stopping.cancelled() => return,
                    () = world.schedule.changed.notified() => {}
                    () = tokio::time::sleep(look_again.unwrap_or(Duration::MAX)), if look_again.is_some() => {}
                }
                continue;
            }
        };
        let reports = match event {
            Event::Post(reports) => reports,
            Event::Telegram { request, changes } => changes
                .iter()
                .filter_map(|change| telegram::happen(&world, &request, *change, planned_for))
                .collect(),
        };
        if reports.is_empty() {
            continue;
        }
        let (sender, client) = (Arc::clone(&world), client.clone());
        world.tasks.spawn(async move {
            let _place = place;
            for report in reports {
                tokio::select! {
                    () = sender.stopping.cancelled() => return,
                    acknowledged = post(&sender, &client, &report) => if !acknowledged {
                        try_again(&sender, report);
                    },
                }
            }
        });
    }
}

fn try_again(world: &World, mut report: Report) {
    report.tries += 1;
    if report.tries >= TRIES {
        tracing::debug!(url = %report.url.origin().ascii_serialization(), "giving up on a report that was never acknowledged");
        return;
    }
    let delay = world
        .pace
        .callback_retry
        .saturating_mul(1 << (report.tries - 1));
    world
        .schedule
        .add(after(world.clock.now(), delay), Event::Post(vec![report]));
}

async fn post(world: &World, client: &Client, report: &Report) -> bool {
    let mut request = client
        .post(report.url.clone())
        .header(header::CONTENT_TYPE, "application/json");
    if let Kind::Telegram(token) = &report.kind {
        let timestamp = world.clock.now().timestamp().to_string();
        let signature = token.sign(&timestamp, &report.body);
        request = request
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_CHARSET, "utf-8")
            .header("X-Request-Timestamp", timestamp)
            .header("X-Request-Signature", signature);
    }
    match request.body(report.body.clone()).send().await {
        Ok(answer) => match report.kind {
            Kind::Telegram(_) => answer.status() == StatusCode::OK,
            Kind::Sms => answer.status().is_success(),
        },
        Err(_) => false,
    }
}

/// # Errors
/// Fails if TLS cannot be set up at all.
pub(super) fn outbound_client() -> reqwest::Result<Client> {
    let settings = || {
        #[expect(
            clippy::disallowed_methods,
            reason = "the simulator acts for third parties and has its own client"
        )]
        Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent("pinroute-simulator")
    };
    // A machine without root certificates can still report over plain HTTP.
    settings()
        .build()
        .or_else(|_| settings().tls_certs_only([]).build())
}

/// Reversed, because `BinaryHeap` pops the greatest: the earliest comes out first.
impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}
