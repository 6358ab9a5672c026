//! Reports to the `callback_url` of a send: the status of the request, signed as Telegram signs.

use std::time::Duration;

use aws_lc_rs::hmac;

use super::answer::RequestStatus;
use crate::gateway::{Reports, SiteReport, ToReport};
use crate::verification::event::EventKind;
use crate::verification::{Verification, span};

pub const REPORTS: Reports = Reports {
    caused_by,
    write: |to_report, _| Some(report(to_report)),
    takes: |status| status == 200,
};

/// How the deliveries are called.
const REPORT: &str = "dialect.report";

/// How long an answer to a send waits for the first provider.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

fn caused_by(v: &Verification) -> Vec<String> {
    let mut news = v.news().iter();
    let is_news = news.any(|event| is_news(event.kind)) && !was_answered_as_refused(v);
    is_news.then(|| REPORT.to_owned()).into_iter().collect()
}

/// The key of the signature is the SHA-256 of the access token, and the text is the time, a line feed and the body.
fn report(to_report: &ToReport<'_>) -> SiteReport {
    let body = RequestStatus::of(to_report.v, to_report.convert).json();
    let timestamp = to_report.now.timestamp().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, to_report.secret);
    let signature = hmac::sign(&key, format!("{timestamp}\n{body}").as_bytes());
    SiteReport {
        headers: vec![
            ("x-request-timestamp", timestamp),
            ("x-request-signature", hex::encode(signature.as_ref())),
        ],
        body: body.get().as_bytes().to_vec(),
    }
}

/// Whether nothing was sent by the time of the answer, so that the caller was told that the send failed.
fn was_answered_as_refused(v: &Verification) -> bool {
    let mut events = v.record.events.iter();
    let was_sent = events.any(|event| event.kind == EventKind::Sent);
    let failed = v
        .news()
        .iter()
        .find(|event| event.kind == EventKind::Failed);
    let answered_by = span::after(v.record.created_at, ANSWERED_WITHIN);
    !was_sent && failed.is_some_and(|event| event.at < answered_by)
}

/// What changes the status that is reported. The site's own checks do not: it has their answers.
fn is_news(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Delivered
            | EventKind::Read
            | EventKind::Failed
            | EventKind::Expired
            | EventKind::Canceled
            | EventKind::Refunded
    )
}
