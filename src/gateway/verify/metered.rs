//! What a change adds to the metrics: how far verifications and attempts have come, and what they cost.

use std::time::Duration;

use metrics::counter;

use super::traced::word;
use crate::channels::{Receipt, SendError};
use crate::message::segments;
use crate::verification::Verification;
use crate::verification::attempt::Attempt;
use crate::verification::cost::BookingKind;
use crate::verification::event::{Event, EventKind};

/// Records what `v` has that is not stored yet; called once its change is durable.
pub(super) fn record(v: &Verification) {
    let (record, known) = (&v.record, v.events_stored);
    for attempt in record.attempts.iter().skip(v.attempts_stored) {
        attempt_reached(attempt, "started");
    }
    let before = &record.events[..known.min(record.events.len())];
    for event in v.news() {
        let Some(stage) = stage(event.kind) else {
            continue;
        };
        let Some(attempt) = of(event, &record.attempts) else {
            continue;
        };
        if event.kind != EventKind::Created {
            attempt_reached(attempt, stage);
        }
        if event.kind == EventKind::Delivered {
            let took = (event.at - attempt.created_at).as_seconds_f64().max(0.0);
            metrics::histogram!("pinroute_delivery_seconds", "channel" => attempt.channel.as_str(), "provider" => attempt.provider.clone())
                .record(took);
        }
        // Of a code that a host compares itself, nothing more may ever be known.
        let is_counted = !record.wording.is_message && !record.is_outside_code;
        if is_counted && !before.iter().any(|earlier| earlier.kind == event.kind) {
            counter!("pinroute_funnel_total", "channel" => attempt.channel.as_str(), "stage" => stage)
                .increment(1);
        }
    }
    for booking in &v.bookings {
        let kind = match booking.kind {
            BookingKind::Charge => "charge",
            BookingKind::Refund => "refund",
        };
        let (money, country) = (booking.money, record.country.to_string());
        let currency = money.currency.to_string();
        counter!("pinroute_cost_micros_total", "kind" => kind, "provider" => booking.provider.clone(), "country" => country, "currency" => currency)
            .increment(money.amount.0.unsigned_abs());
    }
}

/// Records a send that took so long; `sms`: its text, if it is one.
pub(super) fn sent(
    provider: &str,
    sms: Option<&str>,
    outcome: &Result<Receipt, SendError>,
    took: Duration,
) {
    let name = || provider.to_owned();
    metrics::histogram!("pinroute_send_seconds", "provider" => name()).record(took);
    counter!("pinroute_sends_total", "provider" => name(), "outcome" => word(outcome)).increment(1);
    match outcome {
        Ok(_) => {
            if let Some(text) = sms {
                counter!("pinroute_segments_total", "provider" => name())
                    .increment(segments::count(text).1.into());
            }
        }
        Err(SendError::Throttled(Some(wait))) => {
            counter!("pinroute_throttle_seconds_total", "provider" => name())
                .increment(wait.as_secs());
        }
        Err(_) => {}
    }
}

/// The attempt that an event is about: without one, the newest.
fn of<'a>(event: &Event, attempts: &'a [Attempt]) -> Option<&'a Attempt> {
    let named = event.attempt;
    let found = named.and_then(|ordinal| attempts.iter().find(|a| a.ordinal == ordinal));
    found.or(attempts.last())
}

fn stage(kind: EventKind) -> Option<&'static str> {
    Some(match kind {
        EventKind::Created => "created",
        EventKind::Sent => "sent",
        EventKind::Delivered => "delivered",
        EventKind::Read => "read",
        EventKind::Approved => "approved",
        _ => return None,
    })
}

fn attempt_reached(attempt: &Attempt, stage: &'static str) {
    counter!("pinroute_attempts_total", "channel" => attempt.channel.as_str(), "provider" => attempt.provider.clone(), "stage" => stage)
        .increment(1);
}
