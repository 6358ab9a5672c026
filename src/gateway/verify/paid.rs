//! Messages whose termination is paid for: which attempts count as one, and what a verdict holds back.

use crate::abuse::guard::deltas::PaidSend;
use crate::abuse::guard::verdict::{Outcome, Verdict};
use crate::verification::Verification;
use crate::verification::attempt::{Attempt, AttemptStatus, Reason};
use crate::verification::route::{Offer, Skip};

/// What an attempt was counted as; `None`: nothing.
pub(super) fn paid_send(attempt: &Attempt) -> Option<PaidSend> {
    if !attempt.channel.pays_termination() {
        return None;
    }
    let is_stopped = attempt.reason == Some(Reason::Guard);
    // One that was planned, and found its provider paused, has changed since.
    let was_passed_over = attempt.status == AttemptStatus::Failed
        && attempt.reason.is_some_and(Reason::is_skip)
        && attempt.updated_at == attempt.created_at;
    (is_stopped || !was_passed_over).then_some(PaidSend {
        at: attempt.created_at,
        is_stopped,
    })
}

/// What a verification was counted with.
pub(super) fn sends_of(v: &Verification) -> Vec<PaidSend> {
    let mut sends: Vec<PaidSend> = v.record.attempts.iter().filter_map(paid_send).collect();
    // Several providers were held back by one verdict.
    sends.dedup_by_key(|send| (send.at, send.is_stopped));
    sends
}

/// A change that is not stored yet sends something whose termination is paid for.
pub(super) fn plans_paid(v: &Verification) -> bool {
    let new = v.record.attempts.get(v.attempts_stored..);
    new.unwrap_or_default().iter().any(|attempt| {
        let is_planned = matches!(
            attempt.status,
            AttemptStatus::Queued | AttemptStatus::Sending
        );
        is_planned && attempt.channel.pays_termination()
    })
}

/// Withdraws the offers that a verdict holds back.
pub(super) fn hold_back(offers: &mut [Offer], verdict: &Verdict) {
    if verdict.outcome == Outcome::Allow {
        return;
    }
    let paid = |offer: &&mut Offer| offer.channel.pays_termination();
    for offer in offers.iter_mut().filter(paid) {
        offer.estimate = Err(Skip::Guard);
    }
}
