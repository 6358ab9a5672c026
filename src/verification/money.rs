//! Charges and refunds of an attempt: each booked once, whatever order its causes come in.

use chrono::{DateTime, Utc};

use super::Verification;
use super::attempt::{AttemptStatus, Basis, Booking, BookingKind, Cost, CostState};
use super::event::EventKind;
use crate::money::{Micros, Money};

impl Verification {
    /// What stands charged, summed per currency, in the order in which currencies first appear.
    #[must_use]
    pub fn costs(&self) -> Vec<Money> {
        let mut sums: Vec<Money> = Vec::new();
        let charged = self
            .record
            .attempts
            .iter()
            .filter(|a| a.cost.state.stands_charged());
        for money in charged.map(|attempt| attempt.cost.money) {
            match sums.iter_mut().find(|sum| sum.currency == money.currency) {
                Some(sum) => sum.amount.0 = sum.amount.0.saturating_add(money.amount.0),
                None => sums.push(money),
            }
        }
        sums
    }

    /// Charges the attempt at what is reported, else at its estimate; only while nothing is booked for it.
    pub(super) fn charge(
        &mut self,
        index: usize,
        reported: Option<Money>,
        basis: Basis,
        now: DateTime<Utc>,
    ) {
        if let Some(reported) = reported {
            self.take_back_guess(index, reported, now);
        }
        let attempt = &mut self.record.attempts[index];
        let open = match attempt.cost.state {
            CostState::Estimated => true,
            // Thought free (it "failed"), and yet the provider reports a cost.
            CostState::Free => reported.is_some() && attempt.entries == 0,
            CostState::Charged | CostState::Refunded | CostState::RefundExpected => false,
        };
        if !open {
            return;
        }
        let money = reported.unwrap_or(attempt.cost.money);
        if money.amount <= Micros::ZERO {
            attempt.cost = Cost::free(money.currency);
            return;
        }
        attempt.cost = Cost {
            money,
            state: CostState::Charged,
            guessed: basis == Basis::Estimated,
        };
        let owed = Money::new(Micros(-money.amount.0), money.currency);
        self.book(index, BookingKind::Charge, basis, owed, now);
        self.note_money(index, EventKind::Charged, money, now);
    }

    /// A charge that was only estimated gives way to the figure that the provider reports.
    fn take_back_guess(&mut self, index: usize, reported: Money, now: DateTime<Utc>) {
        let cost = &mut self.record.attempts[index].cost;
        if cost.state != CostState::Charged || !cost.guessed {
            return;
        }
        cost.guessed = false;
        let guessed = cost.money;
        if guessed != reported {
            cost.state = CostState::Estimated;
            self.book(index, BookingKind::Refund, Basis::Estimated, guessed, now);
        }
    }

    /// It was delivered after all, so what the documents promised for an expired message is not due.
    pub(super) fn expect_no_refund(&mut self, index: usize, now: DateTime<Utc>) {
        let cost = &mut self.record.attempts[index].cost;
        if cost.state == CostState::RefundExpected {
            cost.state = CostState::Charged;
            let back = Money::new(Micros(-cost.money.amount.0), cost.money.currency);
            self.book(index, BookingKind::Refund, Basis::Documented, back, now);
        }
    }

    /// Books the refund that the provider reports, once.
    pub(super) fn refund(&mut self, index: usize, now: DateTime<Utc>) {
        let attempt = &mut self.record.attempts[index];
        let was = attempt.cost.state;
        if !was.stands_charged() {
            return;
        }
        let money = attempt.cost.money;
        attempt.cost.state = CostState::Refunded;
        if was == CostState::RefundExpected {
            // What was only documented is now reported: take the expectation back, so that it does not count twice.
            let back = Money::new(Micros(-money.amount.0), money.currency);
            self.book(index, BookingKind::Refund, Basis::Documented, back, now);
        }
        self.book(index, BookingKind::Refund, Basis::Reported, money, now);
        self.note_money(index, EventKind::Refunded, money, now);
        let attempt = &self.record.attempts[index];
        if attempt.status.rank() >= AttemptStatus::Delivered.rank() {
            // Its books say that it never arrived, its reports that it did.
            let ordinal = attempt.ordinal;
            self.note_attempt(now, EventKind::Drift, Some(ordinal), None);
        }
    }

    /// The provider's documents promise a refund that its reports do not show.
    pub(super) fn expect_refund(&mut self, index: usize, now: DateTime<Utc>) {
        let attempt = &mut self.record.attempts[index];
        if attempt.cost.state != CostState::Charged {
            return;
        }
        let money = attempt.cost.money;
        attempt.cost.state = CostState::RefundExpected;
        self.book(index, BookingKind::Refund, Basis::Documented, money, now);
        self.note_money(index, EventKind::RefundExpected, money, now);
    }

    fn book(
        &mut self,
        index: usize,
        kind: BookingKind,
        basis: Basis,
        money: Money,
        at: DateTime<Utc>,
    ) {
        let attempt = &mut self.record.attempts[index];
        attempt.entries += 1;
        self.bookings.push(Booking {
            attempt: self.id.attempt(attempt.ordinal),
            ordinal: attempt.entries,
            at,
            kind,
            basis,
            money,
            channel: attempt.channel,
            provider: attempt.provider.clone(),
        });
    }

    fn note_money(&mut self, index: usize, kind: EventKind, money: Money, now: DateTime<Utc>) {
        let ordinal = self.record.attempts[index].ordinal;
        self.note_attempt(now, kind, Some(ordinal), None).money = Some(money);
    }
}
