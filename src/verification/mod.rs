//! The rules of a verification, pure: no I/O, no clock, no chance of its own.
//!
//! A [`Verification`] is the whole state. A transition takes the instant, the evidence and what can be had right now, and
//! changes the state or refuses ([`Refusal`]); ledger entries that it makes wait in it until the change is written.
//! What is due next, and when, is read off the state ([`agenda`]); no second list of timers exists that could disagree.
//!
//! To add a transition: a method in the file of its verb, and a case in `properties`, which tries all in any order.

pub mod agenda;
pub mod attempt;
pub mod budget;
pub mod code;
pub mod digits;
pub mod event;
pub mod id;
pub mod phone;
pub mod policy;
pub mod route;
pub mod span;

mod bill;
mod deliver;
mod end;
mod money;
#[cfg(test)]
mod properties;
mod report;
mod start;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::Wording;
use crate::money::Money;
use attempt::{Attempt, Booking, Reason};
use code::{Code, CodeHash};
use event::{Event, EventKind};
use id::{AttemptId, ProjectId, VerificationId};
use phone::{Country, PhoneNumber};
use route::{Channel, Step};

pub use end::Verdict;
pub use report::Source;
pub use start::Start;

/// The proof that is sought for one phone number.
#[derive(Clone, Debug)]
pub struct Verification {
    pub id: VerificationId,
    pub project: ProjectId,
    /// Grows by one with each change that is kept.
    pub version: i64,
    pub phone: PhoneNumber,
    pub code_hash: CodeHash,
    /// Kept until the verification is over and its success reported, then erased.
    pub code: Option<Code>,
    pub record: Record,
    /// Ledger entries of transitions that are not written yet.
    pub bookings: Vec<Booking>,
    /// How many of its events are written.
    pub told: usize,
    /// How many of its attempts are.
    pub counted: usize,
}

/// The part of a verification that holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub country: Country,
    pub status: Status,
    pub terms: Terms,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(default, skip_serializing_if = "Wording::is_empty")]
    pub wording: Wording,
    /// What each send that is asked for would cost as SMS, for comparison; `None`: there is no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_price: Option<Money>,
    pub attempts: Vec<Attempt>,
    pub checks_used: u32,
    pub sends_used: u32,
    pub last_send_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub events: Vec<Event>,
}

/// The rules that it started under; a later change of the project's policy does not reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub max_checks: u32,
    pub max_sends: u32,
    #[serde(with = "span::text")]
    pub resend_after: std::time::Duration,
    pub route: Vec<Step>,
}

/// Where a verification stands. Only `Pending` ever changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Approved {
        at: DateTime<Utc>,
        channel: Channel,
    },
    Expired,
    Canceled,
    /// The checks are used up.
    Locked,
    /// No channel could deliver.
    Failed,
}

impl Status {
    pub const NAMES: [&'static str; 6] = [
        "pending", "approved", "expired", "canceled", "locked", "failed",
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Locked => "locked",
            Self::Failed => "failed",
        }
    }
}

/// Why a transition does not take place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the verification is over")]
    NotPending(Status),
    #[error("the verification has expired")]
    Expired,
    #[error("no checks are left")]
    TooManyChecks,
    #[error("a resend is possible from {0}")]
    ResendTooSoon(DateTime<Utc>),
    #[error("no sends are left")]
    TooManySends,
    #[error("no budget has room for another send")]
    BudgetExhausted,
    #[error("the channel is not open to this verification")]
    ChannelUnavailable { open: Vec<Channel> },
}

impl Verification {
    /// Events of transitions that are not written yet.
    #[must_use]
    pub fn news(&self) -> &[Event] {
        self.record.events.get(self.told..).unwrap_or_default()
    }

    /// Everything that it holds is written now, as its next version.
    pub fn was_written(&mut self) {
        self.version += 1;
        self.bookings.clear();
        self.told = self.record.events.len();
        self.counted = self.record.attempts.len();
    }

    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.record.status == Status::Pending
    }

    /// Pending by its status, but its time is up: the next transition must be [`Verification::turn`].
    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.is_pending() && now >= self.record.expires_at
    }

    #[must_use]
    pub fn attempt_id(&self, attempt: &Attempt) -> AttemptId {
        self.id.attempt(attempt.ordinal)
    }

    #[must_use]
    pub fn attempt(&self, ordinal: u8) -> Option<&Attempt> {
        self.record.attempts.iter().find(|a| a.ordinal == ordinal)
    }

    #[must_use]
    pub fn newest(&self) -> Option<&Attempt> {
        self.record.attempts.last()
    }

    #[must_use]
    pub fn checks_left(&self) -> u32 {
        self.record
            .terms
            .max_checks
            .saturating_sub(self.record.checks_used)
    }

    #[must_use]
    pub fn sends_left(&self) -> u32 {
        self.record
            .terms
            .max_sends
            .saturating_sub(self.record.sends_used)
    }

    /// From when a resend is possible; `None` when it no longer is.
    #[must_use]
    pub fn resend_at(&self) -> Option<DateTime<Utc>> {
        (self.is_pending() && self.sends_left() > 0)
            .then(|| span::after(self.record.last_send_at, self.record.terms.resend_after))
    }

    /// Refuses unless it is pending at `now`.
    fn must_be_pending(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        match self.record.status {
            Status::Pending if now >= self.record.expires_at => Err(Refusal::Expired),
            Status::Pending => Ok(()),
            Status::Expired => Err(Refusal::Expired),
            over => Err(Refusal::NotPending(over)),
        }
    }

    fn note(&mut self, at: DateTime<Utc>, kind: EventKind) -> &mut Event {
        self.note_attempt(at, kind, None, None)
    }

    fn note_attempt(
        &mut self,
        at: DateTime<Utc>,
        kind: EventKind,
        attempt: Option<u8>,
        reason: Option<Reason>,
    ) -> &mut Event {
        let events = &mut self.record.events;
        let seq = events.last().map_or(1, |last| last.seq + 1);
        events.push(Event {
            seq,
            at,
            kind,
            attempt,
            reason,
            money: None,
        });
        let last = events.len() - 1;
        &mut events[last]
    }
}
