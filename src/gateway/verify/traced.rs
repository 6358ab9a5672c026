//! What this room notes of its work in a trace.

use super::room::Verify;
use crate::channels::{Receipt, SendError};
use crate::gateway::error::Error;
use crate::trace::Stage;
use crate::verification::Verification;

/// What each line that is logged meanwhile names, next to the request that caused it. At the level of errors, so that it exists
/// whatever is logged.
fn about(v: &Verification, ordinal: u8) -> tracing::Span {
    let attempt = v.id.attempt(ordinal);
    tracing::error_span!(target: "pinroute::span", "attempt", verification = %v.id, %attempt)
}

/// The outcome of a send in a word.
pub(super) fn word(outcome: &Result<Receipt, SendError>) -> &'static str {
    match outcome {
        Ok(_) => "accepted",
        Err(error) => error.verdict().1.as_str(),
    }
}

/// Notes what became of a start: the verification, and whether it was there already; else the fault, unless the rules refused.
pub(super) fn note(stage: &mut Stage, v: Option<(&Verification, bool)>, fault: Option<&Error>) {
    if !stage.is_open() {
        return;
    }
    stage.conclude(match (v, fault) {
        (Some((_, true)), _) => "reused",
        (Some(_), _) => "started",
        (None, Some(error)) => error.outcome(),
        (None, None) => "refused",
    });
    if let Some((v, _)) = v {
        stage.set("pinroute.verification", v.id.to_string());
        stage.link(v.record.trace.as_deref());
    }
}

impl Verify {
    /// The stage in which an attempt's provider is called, and the span within which.
    pub(super) fn calling(
        &self,
        name: &'static str,
        v: &Verification,
        ordinal: u8,
    ) -> (Stage, tracing::Span) {
        let mut stage = self.core().call(name);
        let span = about(v, ordinal);
        if stage.is_open() {
            stage.surround(&span);
            stage.set("pinroute.attempt", v.id.attempt(ordinal).to_string());
            if let Some(attempt) = v.attempt(ordinal) {
                stage.set("pinroute.provider", attempt.provider.clone());
                stage.set("pinroute.channel", attempt.channel.as_str());
            }
        }
        (stage, span)
    }
}
