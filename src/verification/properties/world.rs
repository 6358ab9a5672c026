//! A verification in a random world, and what must hold after each step.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::begin::{RIGHT, STAGE, begin, budget};
use super::input::{Answer, Input, cent, offers};
use crate::money::{Currency, Micros, Money};
use crate::verification::agenda::Task;
use crate::verification::attempt::{Attempt, FollowUpKind, Receipt, Report};
use crate::verification::code::CodeHash;
use crate::verification::cost::BookingKind;
use crate::verification::*;

pub const UNKNOWN_AFTER: Duration = Duration::from_secs(86_400);
const WRONG: CodeHash = CodeHash([2; 32]);

/// The verification under test, and independent bookkeeping to compare it with.
pub struct World {
    pub v: Verification,
    pub now: DateTime<Utc>,
    pub offers: u8,
    pub evaluated: u32,
    /// Words of success that were taken.
    pub vouched: u32,
    /// The (attempt, entry) pairs seen.
    pub entries: HashSet<(AttemptId, u8)>,
    /// Charges of each attempt, less reversed ones.
    pub charges: HashMap<AttemptId, i32>,
    pub refunds: HashSet<AttemptId>,
    pub booked: i64,
    pub documented: i64,
    /// The attempt that the worker is sending.
    pub sending: Option<u8>,
    /// Attempts that a worker that died was sending.
    pub left: HashSet<u8>,
    pub sends: HashSet<u8>,
    /// The attempts of accepted resends.
    pub resent: HashSet<u8>,
    /// Sum of the budget claims.
    pub reserved: i64,
    pub spent: i64,
}

impl World {
    pub fn of(kind: u8, now: DateTime<Utc>) -> Self {
        let mut world = Self {
            v: begin(kind, now),
            now,
            offers: kind,
            evaluated: 0,
            vouched: 0,
            entries: HashSet::new(),
            charges: HashMap::new(),
            refunds: HashSet::new(),
            booked: 0,
            documented: 0,
            sending: None,
            left: HashSet::new(),
            sends: HashSet::new(),
            resent: HashSet::new(),
            reserved: 0,
            spent: 0,
        };
        world.keep();
        world
    }

    pub fn step(&mut self, input: &Input) {
        let before = self.v.record.clone();
        match input {
            Input::Check(right) => {
                let typed = if *right { RIGHT } else { WRONG };
                if self.v.check(&typed, self.now).is_ok() {
                    self.evaluated += 1;
                }
            }
            Input::Resend(asked) => {
                let sent = self.v.resend(*asked, &offers(self.offers), self.now);
                if sent.is_ok() {
                    let newest = self.v.newest().unwrap();
                    assert_eq!(newest.status, AttemptStatus::Queued, "accepted");
                    assert!(self.v.is_pending());
                    self.resent.insert(newest.ordinal);
                } else {
                    assert_eq!(self.v.record, before, "a refused resend changed something");
                }
            }
            Input::Cancel => {
                let _ = self.v.cancel(self.now);
            }
            Input::Vouch => {
                let ended = self.v.record.status;
                if self.v.vouch(self.now).is_ok() {
                    assert!(
                        matches!(ended, Status::Pending | Status::Failed | Status::Expired),
                        "a word of success after {ended:?}"
                    );
                    self.vouched += 1;
                }
            }
            Input::Wait(seconds) => self.now = span::after(self.now, Duration::from_secs(*seconds)),
            Input::Work(answer) => self.work(answer),
            Input::Crash => self.left.extend(self.sending.take()),
            Input::Report(ordinal, reported, source) => {
                let report = Report {
                    message_id: None,
                    status: reported.status,
                    reason: None,
                    cost: reported.priced.then(cent),
                    refunded: reported.refunded,
                };
                let offers = offers(self.offers);
                self.v.report(*ordinal, &report, *source, &offers, self.now);
                let once = self.v.record.clone();
                if *source == Source::Callback {
                    let changed = self.v.report(*ordinal, &report, *source, &offers, self.now);
                    assert!(
                        !changed && once == self.v.record,
                        "a duplicate report changed something"
                    );
                }
            }
            Input::Abandon => {
                self.left.extend(self.sending.take());
                self.v.abandon(self.now);
            }
            Input::Offers(kind) => self.offers = *kind,
        }
        self.check_promises(&before);
        self.keep();
    }

    /// Checks that budget claims add up to the actual and estimated costs of the attempts.
    fn keep(&mut self) {
        let same = |money: Money, to| (money.currency == to).then_some(money.amount);
        for posting in self.v.postings(&[budget()], same) {
            self.reserved += posting.reserve;
            self.spent += posting.spend;
        }
        self.v.was_written();
        // A skipped attempt claims nothing, even if a report later gives it a cost.
        let sum = |counts: fn(&Attempt) -> bool| -> i64 {
            let attempts = self.v.record.attempts.iter();
            let counted = attempts.filter(|a| !a.holds.is_empty() && counts(a));
            counted.map(|a| a.cost.money.amount.0).sum()
        };
        let estimated = sum(|a| a.cost.state == cost::CostState::Estimated);
        assert_eq!(self.reserved, estimated, "what is reserved");
        let charged = sum(|a| a.cost.state.stands_charged());
        assert_eq!(self.spent, charged, "amount spent");
    }

    /// The provider answers the send that the worker waits for.
    fn answer(&mut self, ordinal: u8, answer: &Answer) {
        let answer = match answer {
            Answer::Error(error) => Err(*error),
            Answer::Accepted { priced, named } => Ok(Receipt {
                message_id: named.then(|| "m".to_owned()),
                balance: None,
                cost: priced.then(cent),
            }),
        };
        self.v.sent(ordinal, answer, &offers(self.offers), self.now);
        self.begin_sending();
    }

    /// As the worker does it: an attempt in `sending` that it did not begin itself was interrupted.
    fn work(&mut self, answer: &Answer) {
        if let Some(ordinal) = self.sending.take() {
            self.answer(ordinal, answer);
            return;
        }
        let Some((due, task)) = self.v.next_task(UNKNOWN_AFTER, self.now) else {
            return;
        };
        if due > self.now {
            return;
        }
        let offers = offers(self.offers);
        match task {
            Task::Tick => self.v.tick(UNKNOWN_AFTER, &offers, self.now),
            Task::Interrupted(ordinal) => {
                assert!(self.left.contains(&ordinal), "nothing was interrupted");
                self.v.interrupted(ordinal, &offers, self.now);
            }
            Task::Ask(ordinal) => self.v.ask_failed(ordinal, self.now),
            Task::Bill(ordinal) => {
                let figure = match answer {
                    Answer::Accepted {
                        priced: true,
                        named,
                    } => Some(if *named {
                        cent()
                    } else {
                        Money::new(Micros(12_345), Currency::USD)
                    }),
                    // Reported as free.
                    Answer::Accepted {
                        priced: false,
                        named: true,
                    } => Some(Money::new(Micros::ZERO, Currency::USD)),
                    _ => None,
                };
                let report = Report {
                    cost: figure,
                    ..Report::default()
                };
                let told = matches!(answer, Answer::Accepted { .. });
                self.v
                    .billed(ordinal, told.then_some(&report), &offers, self.now);
            }
            Task::FollowUp(ordinal, kind) => {
                assert!(
                    kind == FollowUpKind::Revoke || self.v.code.is_some(),
                    "the code was forgotten too soon"
                );
                self.v.followed_up(ordinal, None, self.now);
            }
            Task::Send(_) => {
                if !self.begin_sending() {
                    self.v.tick(UNKNOWN_AFTER, &offers, self.now);
                    return;
                }
            }
        }
        if let Some((due, next)) = self.v.next_task(UNKNOWN_AFTER, self.now) {
            let stuck =
                due <= self.now && next == task && matches!(task, Task::Tick | Task::Ask(_));
            assert!(!stuck, "{task:?} is due again at once: a worker would spin");
        }
    }

    fn begin_sending(&mut self) -> bool {
        let Some(ordinal) = self.v.begin_sending(self.now) else {
            return false;
        };
        assert!(self.v.is_pending(), "a send after the end");
        assert!(self.v.code.is_some(), "nothing to send");
        assert!(self.sends.insert(ordinal), "an attempt was sent twice");
        let before = self.sending.replace(ordinal);
        assert_eq!(before, None, "two sends at once");
        true
    }

    fn check_promises(&mut self, before: &Record) {
        let record = &self.v.record;
        assert!(
            record.checks_used <= record.terms.max_checks && self.evaluated == record.checks_used
        );
        assert!(record.sends_used <= record.terms.max_sends);
        let failed_before = before.status == Status::Failed && self.now < before.expires_at;
        assert!(self.vouched <= 1 && record.is_vouched_for == (self.vouched == 1));
        let is_word = record.is_vouched_for && !before.is_vouched_for;
        if before.status != Status::Pending && !failed_before && !is_word {
            assert_eq!(
                record.status, before.status,
                "the verification changed after its end"
            );
            assert_eq!(
                record.attempts.len(),
                before.attempts.len(),
                "an attempt after the end"
            );
        }
        for (now, was) in record.attempts.iter().zip(&before.attempts) {
            assert!(
                now.status.rank() >= was.status.rank(),
                "{was:?} went back to {now:?}"
            );
        }
        for attempt in record
            .attempts
            .iter()
            .filter(|a| !self.sends.contains(&a.ordinal))
        {
            let is_unknown = attempt.status == AttemptStatus::Unknown;
            assert!(!is_unknown, "what never left is unknown");
        }
        for booking in self.v.bookings.drain(..) {
            assert!(
                self.entries.insert((booking.attempt, booking.ordinal)),
                "an entry was numbered twice"
            );
            assert!(booking.ordinal <= 15);
            let amount = booking.money.amount.0;
            match (booking.kind, booking.basis) {
                (BookingKind::Charge, _) => {
                    let standing = self.charges.entry(booking.attempt).or_default();
                    *standing += 1;
                    assert!(amount < 0 && *standing == 1, "charged twice");
                }
                (BookingKind::Refund, cost::Basis::Documented) => self.documented += amount,
                (BookingKind::Refund, cost::Basis::Estimated) => {
                    let standing = self.charges.entry(booking.attempt).or_default();
                    *standing -= 1;
                    assert!(
                        amount > 0 && *standing == 0,
                        "an estimate was reversed that was not booked"
                    );
                }
                (BookingKind::Refund, _) => {
                    assert!(
                        amount > 0 && self.refunds.insert(booking.attempt),
                        "refunded twice"
                    );
                }
            }
            if booking.basis != cost::Basis::Documented {
                self.booked += amount;
            }
        }
        let costs: i64 = self.v.costs().iter().map(|money| money.amount.0).sum();
        assert_eq!(
            -self.booked, costs,
            "the ledger and the verification disagree"
        );
        let expected = record
            .attempts
            .iter()
            .filter(|a| a.cost.state == cost::CostState::RefundExpected);
        assert_eq!(
            self.documented,
            expected.map(|a| a.cost.money.amount.0).sum::<i64>()
        );
        let all_dead = record.attempts.iter().all(|a| a.status.is_dead());
        assert!(
            record.status != Status::Failed
                || all_dead
                || record.events.iter().any(|e| e.kind == EventKind::Failed)
        );
        let life = record.terms.stages.as_ref().map(|_| 3 * STAGE);
        let longest = life.map_or(before.expires_at, |life| span::after(self.now, life));
        assert!(record.expires_at == before.expires_at || record.expires_at <= longest);
        for pair in record.events.windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq + 1);
        }
        let stored: Record = serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap();
        assert_eq!(&stored, record, "a record is not read back as written");
        let unpacked = packed::unpack(&packed::pack(record)).unwrap();
        assert_eq!(&unpacked, record, "nor as packed");
    }
}
