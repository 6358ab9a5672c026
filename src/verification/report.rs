//! Applies delivery reports. They arrive twice, late, out of order, and even before the answer to the send.

use chrono::{DateTime, Utc};

use super::Verification;
use super::abilities::Charged;
use super::attempt::{AttemptStatus, Report};
use super::cost::{Basis, CostState};
use super::event::EventKind;
use super::route::Offer;

/// How a report reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Callback,
    /// The answer to our status query.
    Asked,
}

impl Verification {
    /// Takes a report about attempt `ordinal`. Returns whether anything changed, including the query schedule.
    pub fn report(
        &mut self,
        ordinal: u8,
        report: &Report,
        source: Source,
        offers: &[Offer],
        now: DateTime<Utc>,
    ) -> bool {
        let Some(index) = self.index_of(ordinal) else {
            return false;
        };
        let before = self.record.clone();
        self.run_out(now);
        let was = self.record.attempts[index].status;
        self.learn_message_id(index, report, now);
        self.record.attempts[index].expect_bill(now);
        if let Some(status) = report.status {
            self.observe(index, status, report, now);
        }
        let attempt = &mut self.record.attempts[index];
        if matches!(
            attempt.status,
            AttemptStatus::Delivered | AttemptStatus::Read
        ) {
            attempt.cost.restore();
        }
        let charged_from = match attempt.abilities().charged {
            Charged::OnAcceptance => AttemptStatus::Sent,
            Charged::OnDelivery => AttemptStatus::Delivered,
        };
        let due = report
            .status
            .is_some_and(|status| status.rank() >= charged_from.rank());
        if report.cost.is_some() || (due && attempt.cost.state == CostState::Estimated) {
            let basis = if report.cost.is_some() {
                Basis::Reported
            } else {
                Basis::Estimated
            };
            self.charge(index, report.cost, basis, now);
        }
        let attempt = &self.record.attempts[index];
        if attempt.status.is_dead() && attempt.abilities().charged == Charged::OnDelivery {
            self.waive(index, now);
        }
        if report.refunded {
            self.refund(index, now);
        }
        if source == Source::Asked {
            let attempt = &self.record.attempts[index];
            // Queried again after the expiry was known, and still no refund flag: the refund is only documented. The
            // answer must say `expired` itself, since an older one says nothing about the refund.
            if was == AttemptStatus::Expired
                && attempt.status == AttemptStatus::Expired
                && report.status == Some(AttemptStatus::Expired)
                && !report.refunded
            {
                self.expect_refund(index, now);
            }
        }
        self.plan_next_question(index, was, source, now);
        let attempt = &self.record.attempts[index];
        if attempt.status.is_dead() && !was.is_dead() {
            self.take_over(index, offers, now);
        }
        self.settle_after_evidence(index, now);
        self.record != before
    }

    /// A status query failed: schedule the next one. The step's wait goes on.
    pub fn ask_failed(&mut self, ordinal: u8, now: DateTime<Utc>) {
        if let Some(index) = self.index_of(ordinal) {
            let (wait, ttl) = self.patience(index);
            self.record.attempts[index].ask_later(wait, ttl, now);
        }
    }

    /// Moves the next status query to now; returns whether there was one to move.
    pub fn ask_now(&mut self, ordinal: u8, now: DateTime<Utc>) -> bool {
        let Some(index) = self.index_of(ordinal) else {
            return false;
        };
        match &mut self.record.attempts[index].ask {
            Some(ask) if ask.due > now => {
                ask.due = now;
                true
            }
            _ => false,
        }
    }

    fn learn_message_id(&mut self, index: usize, report: &Report, now: DateTime<Utc>) {
        let (wait, ttl) = self.patience(index);
        let attempt = &mut self.record.attempts[index];
        if attempt.message_id.is_none() && report.message_id.is_some() {
            attempt.message_id.clone_from(&report.message_id);
            attempt.updated_at = now;
            // In case no further report comes.
            attempt.begin_asking(wait, ttl, now);
        }
    }

    fn observe(
        &mut self,
        index: usize,
        status: AttemptStatus,
        report: &Report,
        now: DateTime<Utc>,
    ) {
        let attempt = &mut self.record.attempts[index];
        if status.rank() <= attempt.status.rank() {
            return;
        }
        let refunded = attempt.cost.state == CostState::Refunded;
        let was = attempt.status;
        attempt.status = status;
        attempt.reason = if status.is_dead() {
            report.reason
        } else {
            None
        };
        attempt.updated_at = now;
        let ordinal = attempt.ordinal;
        let reason = attempt.reason;
        let kind = match status {
            AttemptStatus::Sent => EventKind::Sent,
            AttemptStatus::Delivered => EventKind::Delivered,
            AttemptStatus::Read => EventKind::Read,
            AttemptStatus::Expired => EventKind::AttemptExpired,
            AttemptStatus::Undelivered => EventKind::Undelivered,
            AttemptStatus::Refused => EventKind::Refused,
            AttemptStatus::Failed => EventKind::AttemptFailed,
            AttemptStatus::Unknown | AttemptStatus::Queued | AttemptStatus::Sending => {
                EventKind::Unknown
            }
        };
        if status == AttemptStatus::Read && was != AttemptStatus::Delivered {
            // Read implies delivered: emit that event too, for clients that wait for it.
            self.note_attempt(now, EventKind::Delivered, Some(ordinal), None);
        }
        self.note_attempt(now, kind, Some(ordinal), reason);
        if matches!(status, AttemptStatus::Delivered | AttemptStatus::Read) {
            self.expect_no_refund(index, now);
            if self.is_open() {
                self.reopen(now);
            }
        }
        if refunded && matches!(status, AttemptStatus::Delivered | AttemptStatus::Read) {
            self.note_attempt(now, EventKind::Drift, Some(ordinal), None);
        }
    }

    fn plan_next_question(
        &mut self,
        index: usize,
        was: AttemptStatus,
        source: Source,
        now: DateTime<Utc>,
    ) {
        const ENOUGH_TO_SEE_IT_READ: u8 = 6;
        let (wait, ttl) = self.patience(index);
        let pending = self.is_pending();
        let attempt = &mut self.record.attempts[index];
        let Some(ask) = &mut attempt.ask else { return };
        let settled = match attempt.status {
            AttemptStatus::Read => true,
            AttemptStatus::Delivered => {
                ask.reports || !pending || ask.asked >= ENOUGH_TO_SEE_IT_READ
            }
            status if status.is_dead() => attempt.cost.state != CostState::Charged,
            _ => false,
        };
        if settled {
            attempt.ask = None;
        } else if attempt.status == AttemptStatus::Expired && was != AttemptStatus::Expired {
            // Expired without a reported refund: ask immediately.
            ask.due = now;
        } else if source == Source::Asked {
            attempt.ask_later(wait, ttl, now);
        }
    }
}
