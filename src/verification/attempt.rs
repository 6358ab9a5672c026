//! One delivery attempt: its status, which only moves to better evidence, and its cost.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::abilities::Abilities;
use super::budget::Hold;
use super::channel::Channel;
use super::cost::Cost;
use crate::money::Money;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1 within the verification; the attempt's id follows from it.
    pub ordinal: u8,
    /// The step of the verification's route that it serves.
    pub step: u8,
    pub channel: Channel,
    pub provider: String,
    /// Its provider's when it was planned, if they are not the usual ones of the channel; see [`Attempt::abilities`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abilities: Option<Abilities>,
    pub status: AttemptStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    pub cost: Cost,
    /// Its reservations and spending in the project's budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The provider's id of the message, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Number of ledger entries so far; the next one is numbered from it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub entries: u8,
    /// The next status query, and how many were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// The next price query, for providers that publish prices after the send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// A success report or revocation still to be sent after the verification ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
    /// The route has moved on from this attempt, or tried to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gave_way: bool,
    /// A follow-up was scheduled before; there is never a second one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[serde(rename = "told")]
    pub follow_up_planned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub due: DateTime<Utc>,
    pub asked: u8,
    /// The provider sends reports by itself; queries are only a safety net.
    pub reports: bool,
}

/// `due` is `None` once the price is known or the queries are exhausted.
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
    /// Report that the code was entered, for the provider's conversion statistics.
    ReportSuccess,
    /// Revoke the message of a canceled verification.
    Revoke,
}

/// `Unknown`: the request left and no clear answer came, so the message may have been sent and charged.
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
    /// A report changes the status only to one of higher rank, because reports arrive late and out of order.
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

    /// The attempt ended without delivery.
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

/// Why an attempt ended. The provider's own words are translated to these in its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The channel cannot reach this number. Deliberately says nothing about whether an account exists.
    Unreachable,
    NumberInvalid,
    Paused,
    NoPrice,
    /// A budget has no room left.
    BudgetExhausted,
    Throttled,
    /// Nothing was sent: no connection, or the provider reported an outage.
    Unavailable,
    /// The provider refuses the account rather than the number (token, balance), or gave an unknown reason.
    ProviderRejected,
    /// The request left and no clear answer came.
    NoAnswer,
    /// The replica that was sending died.
    Interrupted,
    NotDelivered,
    Revoked,
    Canceled,
    /// The channel cannot carry this code, such as one with letters.
    CodeNotCarried,
    /// The guard holds paid messages to this number back.
    Guard,
}

impl Reason {
    /// The provider was passed over: nothing was handed to it.
    #[must_use]
    pub fn is_skip(self) -> bool {
        matches!(
            self,
            Self::Paused
                | Self::NoPrice
                | Self::BudgetExhausted
                | Self::CodeNotCarried
                | Self::Guard
        )
    }

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
            Self::CodeNotCarried => "code_not_carried",
            Self::Guard => "guard",
        }
    }
}

/// What a provider answered to a send that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    pub message_id: Option<String>,
    /// The charge the provider reported; `None` if it reported none, and the estimate applies.
    pub cost: Option<Money>,
    /// The account balance the provider reported; `None` if it reports none that can be trusted.
    pub balance: Option<Money>,
}

/// What to do after a failed send, rather than what the provider said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The channel cannot reach this number; not charged. Go to the next step.
    #[error("the channel cannot reach the number")]
    Refused,
    /// The number does not exist; not charged. The verification fails.
    #[error("the number is invalid")]
    NumberInvalid,
    /// Rate limited, for this long if the provider said so; nothing was sent.
    #[error("throttled for {0:?}")]
    Throttled(Option<Duration>),
    /// Nothing was sent.
    #[error("unavailable, nothing was sent")]
    Unavailable,
    /// May have been sent and billed.
    #[error("no clear answer, it may have been sent")]
    Unknown,
    /// The provider refuses the account until an operator acts; nothing was sent.
    #[error("the provider refuses the account")]
    Misconfigured,
    /// The provider refused for an unknown reason; nothing was sent.
    #[error("the provider refused for a reason that is not known")]
    Unrecognised,
    /// The provider rejected this request; nothing was sent.
    #[error("the provider rejected the request")]
    Rejected,
    /// The verification ended before the send; nothing was sent.
    #[error("the verification is over")]
    Canceled,
    /// The provider is paused and another send is probing it; nothing was sent.
    #[error("the provider is paused")]
    Paused,
}

impl SendError {
    /// The attempt's status and reason after this error.
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

/// A provider's later evidence about an attempt, from a callback or a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub message_id: Option<String>,
    /// `None`: no status that we know, so the attempt is still pending.
    pub status: Option<AttemptStatus>,
    pub reason: Option<Reason>,
    pub cost: Option<Money>,
    pub refunded: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(n: &u8) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::money::{Currency, Micros};
    use crate::verification::abilities::Reports;

    fn attempt(channel: &str) -> serde_json::Value {
        let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        json!({
            "ordinal": 1, "step": 0, "channel": channel, "provider": "main", "status": "sent",
            "cost": { "money": Money::new(Micros(10_000), Currency::USD), "state": "charged" },
            "created_at": at, "updated_at": at,
        })
    }

    #[test]
    fn an_attempt_stored_without_abilities_has_those_of_its_channel() {
        let read = |channel| -> Attempt { serde_json::from_value(attempt(channel)).unwrap() };
        let telegram = read("telegram").abilities();
        assert!(telegram.ask && telegram.revoke && telegram.told_of_success);
        assert_eq!(
            telegram.ttl.within(Duration::from_secs(15)),
            Duration::from_secs(30)
        );
        let sms = read("sms").abilities();
        assert!(!sms.ask && !sms.revoke && !sms.told_of_success);
        assert_eq!(sms.reports, Reports::PerAttempt);
        assert_eq!(read("pigeon").abilities(), Abilities::SENDS_ONLY);
    }

    #[test]
    fn an_attempt_of_a_channel_that_is_not_known_keeps_its_name() {
        let read: Attempt = serde_json::from_value(attempt("carrier_pigeon")).unwrap();
        assert_eq!(read.channel.as_str(), "other");
        let again = serde_json::to_value(&read).unwrap();
        assert_eq!(again["channel"], "carrier_pigeon");
    }
}
