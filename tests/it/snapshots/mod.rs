//! Complete output: body and headers of every kind of answer and webhook, compared with the
//! files in `accepted/`. A changed field, word or header fails here first.
//!
//! Each test is a transcript of one subject and has one file, the same on both engines. What differs from run to run is
//! replaced, so that references remain recognisable: see `redact`.
//!
//! To accept a change, write the files, read the difference, and compare once more:
//!
//! ```sh
//! INSTA_UPDATE=always ./scripts/test --test it snapshots   # writes
//! git diff tests/it/snapshots/accepted
//! ./scripts/test --test it snapshots                       # compares; fails if the engines differ
//! ```
//!
//! Without that variable a difference or a missing file is a failure and nothing is written, on a developer's machine
//! as in CI (`.config/insta.yaml`). A new kind of answer is a new line in the transcript of its subject; a new subject
//! is a new test with a [`Transcript`] of its own.

mod redact;

mod administration;
mod finance;
mod problems;
mod verifications;
mod webhooks;

use std::fmt::Write as _;

use serde_json::Value;

use crate::stage::{Reply, Stage};
use crate::world::Seen;
use redact::Redactor;

/// Headers of the transport, which say nothing about the answer.
const TRANSPORT: [&str; 5] = [
    "accept-encoding",
    "connection",
    "content-length",
    "date",
    "transfer-encoding",
];

/// Answers and messages in the order in which they came, as the accepted file holds them.
pub struct Transcript {
    text: String,
    redactor: Redactor,
    /// Of the first answer; later ones show only where theirs differ.
    common: Option<Vec<(String, String)>>,
}

impl Transcript {
    pub fn new(stage: &Stage) -> Self {
        Self {
            text: String::new(),
            redactor: Redactor::new(stage.clock.now()),
            common: None,
        }
    }

    /// Records an answer under a title, and returns its body.
    #[track_caller]
    pub fn answer(&mut self, title: &str, reply: &Reply, status: u16) -> Value {
        reply.expect(status);
        let body = reply.body.clone();
        let headers = reply.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let headers = self.headers(headers.collect());
        let shown = match &self.common {
            None => headers.clone(),
            Some(common) => difference(common, &headers),
        };
        self.common.get_or_insert(headers);
        self.add(&format!("{title}\n{status}"), &shown, &body, &reply.text);
        body
    }

    /// Records a request that the program sent.
    pub fn message(&mut self, seen: &Seen) {
        let body = seen.json();
        let title = format!(
            "{}\n{} {}",
            body["type"].as_str().unwrap_or("?"),
            seen.method,
            seen.target
        );
        let headers = seen.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let headers = self.headers(headers.collect());
        self.add(&title, &headers, &body, &seen.text);
    }

    /// Records what was taken out of an answer.
    pub fn value(&mut self, title: &str, value: &Value) {
        self.add(title, &[], value, "");
    }

    /// Compares the whole with the accepted file of this name.
    #[track_caller]
    pub fn finish(self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("accepted");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.text));
    }

    /// Redacted and sorted, without those of the transport.
    fn headers(&mut self, headers: Vec<(&str, &str)>) -> Vec<(String, String)> {
        let mut shown: Vec<(String, String)> = headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| !TRANSPORT.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), self.redactor.header(&name, value)))
            .collect();
        shown.sort();
        shown
    }

    fn add(&mut self, title: &str, headers: &[(String, String)], body: &Value, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let title = self.redactor.text(title);
        writeln!(self.text, "## {title}").unwrap();
        for (name, value) in headers {
            writeln!(self.text, "{name}: {value}").unwrap();
        }
        let body = match body {
            Value::Null => self.redactor.text(text),
            body => serde_json::to_string_pretty(&self.redactor.value(body)).unwrap(),
        };
        if !body.is_empty() {
            writeln!(self.text, "\n{}", body.trim_end()).unwrap();
        }
    }
}

/// The headers that are not the common ones, and the common ones that are absent.
fn difference(common: &[(String, String)], headers: &[(String, String)]) -> Vec<(String, String)> {
    let absent = common
        .iter()
        .filter(|(name, _)| headers.iter().all(|(other, _)| other != name))
        .map(|(name, _)| (name.clone(), "(absent)".to_owned()));
    let other = headers.iter().filter(|header| !common.contains(header));
    let mut shown: Vec<(String, String)> = absent.chain(other.cloned()).collect();
    shown.sort();
    shown
}
