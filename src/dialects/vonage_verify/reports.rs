//! Webhooks to the `status_url` of an application: an event when a step of a workflow ends, and a summary when the request does.
//!
//! There is no word for a request that was canceled, so nothing tells of it. What a report says of the end is in its name, because a failed
//! request can go on: a later try says the same.

use std::time::Duration;

use aws_lc_rs::digest;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::wire::CLIENT_REF;
use crate::gateway::{Reports, SiteReport, ToReport};
use crate::integrations::signed;
use crate::secret::random;
use crate::verification::attempt::{Attempt, Reason};
use crate::verification::event::EventKind;
use crate::verification::{Status, Verification, span};

pub const REPORTS: Reports = Reports {
    caused_by,
    write,
    takes: |status| (200..300).contains(&status),
};

/// How a step or a request ended, and when.
type End = (&'static str, DateTime<Utc>);

const COMPLETED: &str = "completed";
const FAILED: &str = "failed";
const EXPIRED: &str = "expired";

/// A start waits so long for the outcome at most; half a second less than for the answer.
const TOLD_WITHIN: Duration = Duration::from_millis(1_500);

/// The names of the reports that the new events cause.
fn caused_by(v: &Verification) -> Vec<String> {
    let stored = v.record.attempts.get(..v.attempts_stored);
    let before = stored.and_then(|stored| stored.last());
    let before = before.map_or(0, |attempt| v.stage_of(attempt));
    let current = current(v);
    // A step may have been passed over, without a message.
    let event = |step: usize| {
        let name = |end| Name::Event(step, end).written();
        first(v, step).and_then(|_| ended(v, step)).map(name)
    };
    let mut names: Vec<String> = (before..current).filter_map(event).collect();
    let is_end = |kind| {
        use EventKind::{Approved, Expired, Failed, Locked};
        matches!(kind, Approved | Expired | Failed | Locked)
    };
    let has_ended = v.news().iter().any(|news| is_end(news.kind));
    if let Some(end) = end(v).filter(|_| has_ended && !was_refused(v)) {
        names.extend([
            Name::Event(current, end).written(),
            Name::Summary(end).written(),
        ]);
    }
    names
}

/// The start was refused: nothing could be sent, or the first provider said at once that there is no such number.
pub fn was_refused(v: &Verification) -> bool {
    let record = &v.record;
    let reason = v.newest().and_then(|attempt| attempt.reason);
    let is_at_once = |(_, at): End| at < span::after(record.created_at, TOLD_WITHIN);
    let no_number = record.status == Status::Failed
        && v.costs().is_empty()
        && reason == Some(Reason::NumberInvalid);
    (v.is_refused() || no_number) && end(v).is_some_and(is_at_once)
}

/// What a report is about, as the name of its delivery.
enum Name {
    /// A step, by its place.
    Event(usize, End),
    Summary(End),
}

impl Name {
    fn written(&self) -> String {
        match self {
            Self::Event(step, (status, at)) => {
                format!("vonage.event.{step}.{status}.{}", at.timestamp_micros())
            }
            Self::Summary((status, at)) => {
                format!("vonage.summary.{status}.{}", at.timestamp_micros())
            }
        }
    }

    fn read(name: &str) -> Option<Self> {
        let mut parts = name.split('.').skip(1);
        let kind = parts.next()?;
        let step = if kind == "event" {
            Some(parts.next()?.parse().ok()?)
        } else {
            None
        };
        let word = parts.next()?;
        let status = [COMPLETED, FAILED, EXPIRED]
            .into_iter()
            .find(|status| *status == word)?;
        let at = DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?;
        let end = (status, at);
        Some(step.map_or(Self::Summary(end), |step| Self::Event(step, end)))
    }
}

fn write(to_report: &ToReport<'_>, name: &str) -> Option<SiteReport> {
    let v = to_report.v;
    let asked = v.record.asked.as_deref()?;
    let mut body = match Name::read(name)? {
        Name::Event(step, end) => event(v, step, end)?,
        Name::Summary(end) => summary(v, end)?,
    };
    let mut tags = asked.tags.iter();
    if let Some(client_ref) = tags.find(|tag| tag.name == CLIENT_REF) {
        body["client_ref"] = json!(client_ref.value);
    }
    let body = body.to_string().into_bytes();
    let claims = json!({
        "iat": to_report.now.timestamp(),
        "jti": Uuid::from_bytes(random()),
        "iss": "Vonage",
        "application_id": asked.key?,
        "payload_hash": hex::encode(digest::digest(&digest::SHA256, &body).as_ref()),
    });
    let token = signed(to_report.secret, &claims);
    Some(SiteReport {
        headers: vec![("authorization", format!("Bearer {token}"))],
        body,
    })
}

fn event(v: &Verification, step: usize, (status, at): End) -> Option<Value> {
    let began = first(v, step)?;
    Some(json!({
        "request_id": v.id.uuid(),
        "triggered_at": time(began.created_at),
        "type": "event",
        "channel": channels(v).nth(step)?,
        "status": status,
        "finalized_at": time(at),
    }))
}

fn summary(v: &Verification, (status, at): End) -> Option<Value> {
    let stages = v.record.terms.stages.as_ref()?;
    let steps = channels(v).enumerate().map(|(step, channel)| {
        let mut shown = json!({ "channel": channel, "status": "unused" });
        if let Some(began) = first(v, step).filter(|began| began.created_at <= at) {
            shown["initiated_at"] = json!(time(began.created_at));
            let before = ended(v, step).filter(|(_, ended)| *ended < at);
            shown["status"] = json!(before.map_or(status, |(status, _)| status));
        }
        shown
    });
    let steps: Vec<Value> = steps.collect();
    Some(json!({
        "request_id": v.id.uuid(),
        "submitted_at": time(v.record.created_at),
        "status": status,
        "type": "summary",
        "channel_timeout": stages.each.as_secs(),
        "workflow": steps,
        "finalized_at": time(at),
    }))
}

fn channels(v: &Verification) -> impl Iterator<Item = &str> {
    let asked = v.record.asked.as_deref();
    let channels = asked.and_then(|asked| asked.channel.as_deref());
    channels.unwrap_or_default().split(',')
}

/// The step that was reached.
fn current(v: &Verification) -> usize {
    v.newest().map_or(0, |newest| v.stage_of(newest))
}

fn first(v: &Verification, step: usize) -> Option<&Attempt> {
    let mut attempts = v.record.attempts.iter();
    attempts.find(|attempt| v.stage_of(attempt) == step)
}

/// How a step ended, and when; `None`: it has not.
fn ended(v: &Verification, step: usize) -> Option<End> {
    if step == current(v) {
        return end(v);
    }
    let mut attempts = v.record.attempts.iter();
    let mut own = attempts
        .clone()
        .filter(|attempt| v.stage_of(attempt) == step);
    let next = attempts.find(|attempt| v.stage_of(attempt) > step)?;
    // What a provider says later does not change it. One that was given up before its time has expired too: there is no other word.
    let had_failed =
        |attempt: &Attempt| attempt.status.is_dead() && attempt.updated_at <= next.created_at;
    let status = if own.all(had_failed) { FAILED } else { EXPIRED };
    Some((status, next.created_at))
}

/// How the request ended, and when; `None`: it has not, or it was canceled.
fn end(v: &Verification) -> Option<End> {
    let (status, kind) = match v.record.status {
        Status::Approved { .. } => (COMPLETED, EventKind::Approved),
        Status::Expired => (EXPIRED, EventKind::Expired),
        Status::Locked => (FAILED, EventKind::Locked),
        Status::Failed => (FAILED, EventKind::Failed),
        Status::Pending | Status::Canceled => return None,
    };
    let mut events = v.record.events.iter().rev();
    let event = events.find(|event| event.kind == kind)?;
    Some((status, event.at))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
