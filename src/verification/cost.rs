//! What an attempt costs, and its ledger entries. The transitions that change it are in `money` and `bill`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::id::AttemptId;
use crate::money::{Currency, Micros, Money};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub money: Money,
    pub state: CostState,
    /// Charged at our estimate because no price was reported; a price reported later replaces it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// The estimate that was dropped because nothing was sent or delivered, in case a report contradicts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Micros>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostState {
    Estimated,
    Charged,
    Refunded,
    /// The provider documents this refund but has not reported it.
    RefundExpected,
    Free,
}

impl CostState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Estimated => "estimated",
            Self::Charged => "charged",
            Self::Refunded => "refunded",
            Self::RefundExpected => "refund_expected",
            Self::Free => "free",
        }
    }

    /// The charge counts as spent. An expected refund does not count until it is reported.
    #[must_use]
    pub fn stands_charged(self) -> bool {
        matches!(self, Self::Charged | Self::RefundExpected)
    }
}

impl Cost {
    #[must_use]
    pub fn estimated(money: Money) -> Self {
        Self {
            money,
            state: CostState::Estimated,
            guessed: false,
            waived: None,
        }
    }

    #[must_use]
    pub fn free(currency: Currency) -> Self {
        Self {
            money: Money::new(Micros::ZERO, currency),
            state: CostState::Free,
            guessed: false,
            waived: None,
        }
    }

    /// Sets the cost to zero because nothing can have left, unless the provider has already reported a charge.
    pub(super) fn cancel(&mut self) {
        if self.state == CostState::Estimated {
            *self = Self::free(self.money.currency);
        }
    }

    /// Like [`Cost::cancel`], because the provider says that nothing was sent or delivered.
    pub(super) fn waive(&mut self) {
        if self.state == CostState::Estimated {
            *self = Self {
                waived: Some(self.money.amount),
                ..Self::free(self.money.currency)
            };
        }
    }

    /// Takes [`Cost::waive`] back: it was delivered after all.
    pub(super) fn restore(&mut self) {
        if let Some(amount) = self.waived.take() {
            *self = Self::estimated(Money::new(amount, self.money.currency));
        }
    }
}

/// The source of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    Reported,
    Documented,
    Estimated,
    Manual,
}

impl Basis {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Documented => "documented",
            Self::Estimated => "estimated",
            Self::Manual => "manual",
        }
    }
}

/// A ledger entry made by a transition and stored in the same change. Charges are negative, refunds positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    pub attempt: AttemptId,
    /// Counts from 1 within the attempt. The entry's id is derived from it, so it cannot be stored twice.
    pub ordinal: u8,
    pub at: DateTime<Utc>,
    pub kind: BookingKind,
    pub basis: Basis,
    pub money: Money,
    pub channel: Channel,
    pub provider: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookingKind {
    Charge,
    Refund,
}
