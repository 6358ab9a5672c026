//! One delivery try: its evidence, which has a rank and never moves backwards, and its cost.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::budget::Hold;
use super::id::AttemptId;
use super::route::Channel;
use crate::money::{Currency, Micros, Money};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1 within the verification; the attempt's id follows from it.
    pub ordinal: u8,
    /// The step of the verification's route that it serves.
    pub step: u8,
    pub channel: Channel,
    pub provider: String,
    pub status: AttemptStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    pub cost: Cost,
    /// What it has claimed of the project's budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The provider's own id of the message, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Ledger entries made so far; numbers the next one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub entries: u8,
    /// When the provider's status is asked next, and how often it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// When the price of the message is asked next, of a provider that tells it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// What is still owed to the provider now that the verification is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
    /// Its turn is over: the route has gone on from it, or tried to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gave_way: bool,
    /// Whether a follow-up was ever planned: the provider is told once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub due: DateTime<Utc>,
    pub asked: u8,
    /// Whether the provider reports by itself, so that asking is only the safety net.
    pub reports: bool,
}

/// `due` is `None` once the price is known, or nobody asks any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DateTime<Utc>>,
    pub asked: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    pub kind: FollowUpKind,
    pub due: DateTime<Utc>,
    pub tries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpKind {
    /// The right code was entered: the provider keeps conversion statistics.
    ReportSuccess,
    /// The verification was canceled and the message may be seen.
    Revoke,
}

/// `unknown` is a state: the request left, and no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    Queued,
    Sending,
    Unknown,
    Sent,
    Expired,
    Undelivered,
    Failed,
    Refused,
    Delivered,
    Read,
}

impl AttemptStatus {
    /// Later evidence replaces earlier evidence only if its rank is higher.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sending => 1,
            Self::Unknown => 2,
            Self::Sent => 3,
            Self::Expired | Self::Undelivered | Self::Failed | Self::Refused => 4,
            Self::Delivered => 5,
            Self::Read => 6,
        }
    }

    /// It is over and nothing arrived.
    #[must_use]
    pub fn is_dead(self) -> bool {
        self.rank() == 4
    }

    /// A send is under way or about to be.
    #[must_use]
    pub fn in_flight(self) -> bool {
        matches!(self, Self::Queued | Self::Sending)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Sent => "sent",
            Self::Expired => "expired",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// Why an attempt ended as it did, in our words; a provider's own never leave its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The channel cannot reach this number. Never says more about the account.
    Unreachable,
    NumberInvalid,
    Paused,
    NoPrice,
    /// A spend cap leaves no room.
    BudgetExhausted,
    Throttled,
    /// Nothing could be sent: no connection, or the provider said so.
    Unavailable,
    /// The provider refuses us, not the number: token, balance, or a word that we do not know.
    ProviderRejected,
    /// The request left and no clear answer came.
    NoAnswer,
    /// The replica that was sending died.
    Interrupted,
    NotDelivered,
    Revoked,
    Canceled,
}

impl Reason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::NumberInvalid => "number_invalid",
            Self::Paused => "paused",
            Self::NoPrice => "no_price",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::ProviderRejected => "provider_rejected",
            Self::NoAnswer => "no_answer",
            Self::Interrupted => "interrupted",
            Self::NotDelivered => "not_delivered",
            Self::Revoked => "revoked",
            Self::Canceled => "canceled",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub money: Money,
    pub state: CostState,
    /// Charged at our estimate, since nobody told the figure; a figure that is told later takes its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostState {
    Estimated,
    Charged,
    Refunded,
    /// Documented by the provider, not yet reported.
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

    /// Whether the money is gone as far as anyone has reported.
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
        }
    }

    #[must_use]
    pub fn free(currency: Currency) -> Self {
        Self {
            money: Money::new(Micros::ZERO, currency),
            state: CostState::Free,
            guessed: false,
        }
    }

    /// Nothing was sent, so nothing is due, unless the provider has already said otherwise.
    pub(super) fn waive(&mut self) {
        if self.state == CostState::Estimated {
            *self = Self::free(self.money.currency);
        }
    }
}

/// Where a figure comes from.
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

/// A ledger entry that a transition makes, to be written in the same change. A charge is negative, a refund positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    pub attempt: AttemptId,
    /// Numbers the attempt's entries from 1: an entry's id follows from it, so none can be written twice.
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

/// What a provider answered to a send that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    pub message_id: Option<String>,
    /// What it says that it charges; `None` where it does not say, and the estimate stands.
    pub cost: Option<Money>,
    /// What it says is left in the account; `None` where it does not say it truly.
    pub balance: Option<Money>,
    /// Whether it will report by itself to the address that we gave.
    pub reports: bool,
    /// Whether it tells the true price only when it is asked some time later.
    pub priced_later: bool,
}

/// What to do after a send that was not taken; never what the provider said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not this number on this channel; free. Next step.
    #[error("the channel cannot reach the number")]
    Refused,
    /// No such number anywhere; free. No further step.
    #[error("the number is invalid")]
    NumberInvalid,
    /// Too fast; nothing was sent.
    #[error("throttled for {0:?}")]
    Throttled(Option<Duration>),
    /// Nothing was sent.
    #[error("unavailable, nothing was sent")]
    Unavailable,
    /// May have been sent and billed.
    #[error("no clear answer, it may have been sent")]
    Unknown,
    /// The provider refuses us, and will until someone acts; nothing was sent.
    #[error("the provider refuses the account")]
    Misconfigured,
    /// It answered with a refusal that we do not know; nothing was sent.
    #[error("the provider refused for a reason that is not known")]
    Unrecognised,
    /// It refused this request; nothing was sent.
    #[error("the provider rejected the request")]
    Rejected,
    /// The verification was over before its turn came; nothing was sent.
    #[error("the verification is over")]
    Canceled,
    /// Another send is probing the paused provider; nothing was sent.
    #[error("the provider is paused")]
    Paused,
}

impl SendError {
    /// The status, reason and freedom from cost that it leaves the attempt with.
    #[must_use]
    pub fn verdict(self) -> (AttemptStatus, Reason) {
        match self {
            Self::Refused => (AttemptStatus::Refused, Reason::Unreachable),
            Self::NumberInvalid => (AttemptStatus::Refused, Reason::NumberInvalid),
            Self::Throttled(_) => (AttemptStatus::Failed, Reason::Throttled),
            Self::Unavailable => (AttemptStatus::Failed, Reason::Unavailable),
            Self::Unknown => (AttemptStatus::Unknown, Reason::NoAnswer),
            Self::Misconfigured | Self::Unrecognised | Self::Rejected => {
                (AttemptStatus::Failed, Reason::ProviderRejected)
            }
            Self::Paused => (AttemptStatus::Failed, Reason::Paused),
            Self::Canceled => (AttemptStatus::Failed, Reason::Canceled),
        }
    }
}

/// What a provider says later about an attempt, by callback or when asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub message_id: Option<String>,
    /// `None`: nothing that we understand, so still pending.
    pub status: Option<AttemptStatus>,
    pub reason: Option<Reason>,
    pub cost: Option<Money>,
    pub refunded: bool,
    /// As in [`Receipt`].
    pub priced_later: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(n: &u8) -> bool {
    *n == 0
}
