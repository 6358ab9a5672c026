//! Webhooks to the `status_url` of an application: an event when a step of a workflow ends, and a summary when the request does.
//!
//! There is no word for a request that was canceled, so nothing tells of it.

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
use crate::verification::{Status, Verification};

pub const REPORTS: Reports = Reports {
    caused_by,
    write,
    takes: |status| (200..300).contains(&status),
};

/// Before the number of the step.
const EVENT: &str = "vonage.event.";
const SUMMARY: &str = "vonage.summary";

/// The names of the reports that the new events cause.
fn caused_by(v: &Verification) -> Vec<String> {
    let stored = v.record.attempts.get(..v.attempts_stored);
    let before = stored.and_then(|stored| stored.last());
    let before = before.map_or(0, |attempt| v.stage_of(attempt));
    let current = current(v);
    let event = |step: usize| format!("{EVENT}{step}");
    let mut names: Vec<String> = (before..current).map(event).collect();
    let is_end = |kind| {
        use EventKind::{Approved, Expired, Failed, Locked};
        matches!(kind, Approved | Expired | Failed | Locked)
    };
    let has_ended = v.news().iter().any(|news| is_end(news.kind));
    if has_ended && end(v).is_some() && !was_refused(v) {
        names.extend([event(current), SUMMARY.to_owned()]);
    }
    names
}

/// The start was answered with 422.
pub fn was_refused(v: &Verification) -> bool {
    let reason = v.newest().and_then(|attempt| attempt.reason);
    v.record.status == Status::Failed
        && v.costs().is_empty()
        && reason == Some(Reason::NumberInvalid)
}

fn write(to_report: &ToReport<'_>, name: &str) -> Option<SiteReport> {
    let v = to_report.v;
    let asked = v.record.asked.as_deref()?;
    let mut body = match name.strip_prefix(EVENT) {
        Some(step) => event(v, step.parse().ok()?)?,
        None => summary(v)?,
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
        "payload_hash": hex(digest::digest(&digest::SHA256, &body).as_ref()),
    });
    let token = signed(to_report.secret, &claims);
    Some(SiteReport {
        headers: vec![("authorization", format!("Bearer {token}"))],
        body,
    })
}

fn event(v: &Verification, step: usize) -> Option<Value> {
    let began = first(v, step)?;
    let (status, at) = ended(v, step)?;
    Some(json!({
        "request_id": v.id.uuid(),
        "triggered_at": time(began.created_at),
        "type": "event",
        "channel": channels(v).nth(step)?,
        "status": status,
        "finalized_at": time(at),
    }))
}

fn summary(v: &Verification) -> Option<Value> {
    let (status, at) = end(v)?;
    let stages = v.record.terms.stages.as_ref()?;
    let steps = channels(v).enumerate().map(|(step, channel)| {
        let mut shown = json!({ "channel": channel, "status": "unused" });
        if let (Some(began), Some((status, _))) = (first(v, step), ended(v, step)) {
            shown["initiated_at"] = json!(time(began.created_at));
            shown["status"] = json!(status);
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
fn ended(v: &Verification, step: usize) -> Option<(&'static str, DateTime<Utc>)> {
    if step == current(v) {
        return end(v);
    }
    let mut attempts = v.record.attempts.iter();
    let mut own = attempts
        .clone()
        .filter(|attempt| v.stage_of(attempt) == step);
    let next = attempts.find(|attempt| v.stage_of(attempt) > step)?;
    // One that was given up before its time has expired too: there is no other word.
    let status = if own.all(|attempt| attempt.status.is_dead()) {
        "failed"
    } else {
        "expired"
    };
    Some((status, next.created_at))
}

/// How the request ended, and when; `None`: it has not, or it was canceled.
fn end(v: &Verification) -> Option<(&'static str, DateTime<Utc>)> {
    let (status, kind) = match v.record.status {
        Status::Approved { .. } => ("completed", EventKind::Approved),
        Status::Expired => ("expired", EventKind::Expired),
        Status::Locked => ("failed", EventKind::Locked),
        Status::Failed => ("failed", EventKind::Failed),
        Status::Pending | Status::Canceled => return None,
    };
    let mut events = v.record.events.iter().rev();
    let event = events.find(|event| event.kind == kind)?;
    Some((status, event.at))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
