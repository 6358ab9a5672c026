//! The events of a verification, in order. The timeline, live events and webhooks are all rendered from them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::attempt::Reason;
use crate::money::Money;

/// One line of a verification's timeline. Never contains a code or a phone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1 within the verification.
    pub seq: u32,
    pub at: DateTime<Utc>,
    pub kind: EventKind,
    /// The ordinal of the attempt concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    #[serde(rename = "verification.created")]
    Created,
    #[serde(rename = "verification.sent")]
    Sent,
    #[serde(rename = "verification.delivered")]
    Delivered,
    #[serde(rename = "verification.read")]
    Read,
    #[serde(rename = "verification.fallback")]
    Fallback,
    #[serde(rename = "verification.approved")]
    Approved,
    #[serde(rename = "verification.locked")]
    Locked,
    #[serde(rename = "verification.expired")]
    Expired,
    #[serde(rename = "verification.failed")]
    Failed,
    /// What had failed may be delivered after all.
    #[serde(rename = "verification.reopened")]
    Reopened,
    #[serde(rename = "verification.canceled")]
    Canceled,
    #[serde(rename = "verification.resend")]
    Resend,
    #[serde(rename = "check.wrong")]
    WrongCode,
    #[serde(rename = "attempt.refused")]
    Refused,
    #[serde(rename = "attempt.failed")]
    AttemptFailed,
    #[serde(rename = "attempt.undelivered")]
    Undelivered,
    #[serde(rename = "attempt.expired")]
    AttemptExpired,
    #[serde(rename = "attempt.unknown")]
    Unknown,
    #[serde(rename = "attempt.charged")]
    Charged,
    #[serde(rename = "attempt.refunded")]
    Refunded,
    #[serde(rename = "attempt.refund_expected")]
    RefundExpected,
    /// Delivered and refunded: the provider's billing and its reports disagree.
    #[serde(rename = "attempt.drift")]
    Drift,
}

impl EventKind {
    /// The name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "verification.created",
            Self::Sent => "verification.sent",
            Self::Delivered => "verification.delivered",
            Self::Read => "verification.read",
            Self::Fallback => "verification.fallback",
            Self::Approved => "verification.approved",
            Self::Locked => "verification.locked",
            Self::Expired => "verification.expired",
            Self::Failed => "verification.failed",
            Self::Reopened => "verification.reopened",
            Self::Canceled => "verification.canceled",
            Self::Resend => "verification.resend",
            Self::WrongCode => "check.wrong",
            Self::Refused => "attempt.refused",
            Self::AttemptFailed => "attempt.failed",
            Self::Undelivered => "attempt.undelivered",
            Self::AttemptExpired => "attempt.expired",
            Self::Unknown => "attempt.unknown",
            Self::Charged => "attempt.charged",
            Self::Refunded => "attempt.refunded",
            Self::RefundExpected => "attempt.refund_expected",
            Self::Drift => "attempt.drift",
        }
    }
}
