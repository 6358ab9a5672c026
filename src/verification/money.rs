//! Charges and refunds of an attempt. Each is booked once, in whatever order its causes arrive.

use chrono::{DateTime, Utc};

use super::Verification;
use super::attempt::AttemptStatus;
use super::cost::{Basis, Booking, BookingKind, Cost, CostState};
use super::event::EventKind;
use crate::money::{Micros, Money};

impl Verification {
    /// All charges that are not refunded, summed per currency, in order of first appearance.
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

    /// Charges the attempt at the reported price, else at its estimate, unless it is charged already.
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
            // Considered free because it failed, but the provider reports a cost.
            CostState::Free => {
                reported.is_some() && (attempt.entries == 0 || attempt.cost.waived.is_some())
            }
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
            waived: None,
        };
        let owed = Money::new(Micros(-money.amount.0), money.currency);
        self.book(index, BookingKind::Charge, basis, owed, now);
        self.note_money(index, EventKind::Charged, money, now);
    }

    /// Nothing has left, so nothing is owed, nor what was charged because nothing was heard for too long.
    pub(super) fn forgo(&mut self, index: usize, now: DateTime<Utc>) {
        let cost = self.record.attempts[index].cost;
        self.take_back_guess(index, Money::new(Micros::ZERO, cost.money.currency), now);
        self.record.attempts[index].cost.cancel();
    }

    /// Nothing was sent or delivered, says the provider: no estimate is owed, nor one that was charged because nothing was
    /// heard for too long. A price that it reported stays.
    pub(super) fn waive(&mut self, index: usize, now: DateTime<Utc>) {
        let cost = self.record.attempts[index].cost;
        self.take_back_guess(index, Money::new(Micros::ZERO, cost.money.currency), now);
        self.record.attempts[index].cost.waive();
    }

    /// Reverses an estimated charge, so that the reported price can replace it.
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

    /// Reverses the expected refund of an expired message that was delivered after all.
    pub(super) fn expect_no_refund(&mut self, index: usize, now: DateTime<Utc>) {
        let cost = &mut self.record.attempts[index].cost;
        if cost.state == CostState::RefundExpected {
            cost.state = CostState::Charged;
            let back = Money::new(Micros(-cost.money.amount.0), cost.money.currency);
            self.book(index, BookingKind::Refund, Basis::Documented, back, now);
        }
    }

    /// Books a refund that the provider reported.
    pub(super) fn refund(&mut self, index: usize, now: DateTime<Utc>) {
        let attempt = &mut self.record.attempts[index];
        let was = attempt.cost.state;
        if !was.stands_charged() {
            return;
        }
        let money = attempt.cost.money;
        attempt.cost.state = CostState::Refunded;
        if was == CostState::RefundExpected {
            // The expected refund is now reported: reverse the expectation so it does not count twice.
            let back = Money::new(Micros(-money.amount.0), money.currency);
            self.book(index, BookingKind::Refund, Basis::Documented, back, now);
        }
        self.book(index, BookingKind::Refund, Basis::Reported, money, now);
        self.note_money(index, EventKind::Refunded, money, now);
        let attempt = &self.record.attempts[index];
        if attempt.status.rank() >= AttemptStatus::Delivered.rank() {
            // The provider's billing says it was not delivered, its reports say it was.
            let ordinal = attempt.ordinal;
            self.note_attempt(now, EventKind::Drift, Some(ordinal), None);
        }
    }

    /// Books a refund that the provider documents but has not reported.
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
