//! The rules of a verification. Pure: no I/O, no clock, no randomness.
//!
//! A [`Verification`] is the whole state. A transition takes the time, the evidence and the current offers, and changes
//! the state or refuses ([`Refusal`]). Its ledger entries wait in `bookings` until the change is written. The next task
//! and its time are computed from the state ([`agenda`]), so no separate list of timers can disagree with it.
//!
//! To add a transition: a method in the file of its verb, and a case in `properties`, which tries all transitions in
//! random order.

pub mod abilities;
pub mod agenda;
pub mod asked;
pub mod attempt;
pub mod budget;
pub mod channel;
pub mod code;
pub mod cost;
pub mod countries;
pub mod digits;
pub mod erase;
pub mod event;
pub mod guard;
pub mod id;
pub mod numbers;
pub mod origin;
pub mod packed;
pub mod phone;
pub mod policy;
pub mod route;

mod bill;
mod deliver;
mod end;
mod money;
#[cfg(test)]
mod properties;
mod renumbering;
mod report;
mod stages;
mod start;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::Wording;
use crate::money::Money;
use crate::trace::Context;
use asked::{Asked, Face, LimitKey};
use attempt::{Attempt, AttemptStatus, Reason};
use code::{Code, CodeHash};
use cost::Booking;
use event::{Event, EventKind};
use id::{AttemptId, ProjectId, VerificationId};
use origin::Origin;
use phone::{Country, PhoneNumber};
use route::{Channel, Stages, Step};

pub use crate::clock::span;
pub use end::Verdict;
pub use report::Source;
pub use start::{Resend, Start};

/// One attempt by a site to verify that a visitor controls a phone number.
#[derive(Clone, Debug)]
pub struct Verification {
    pub id: VerificationId,
    pub project: ProjectId,
    /// Incremented by each stored change.
    pub version: i64,
    /// `None`: it was erased, and so is all that led to it; then the verification is over.
    pub phone: Option<PhoneNumber>,
    pub code_hash: CodeHash,
    /// Erased once no send or success report can need it.
    pub code: Option<Code>,
    /// The number and the code are stored, encrypted, as they are here.
    pub is_sealed: bool,
    pub record: Record,
    /// Ledger entries that are not stored yet.
    pub bookings: Vec<Booking>,
    /// Number of events already stored.
    pub events_stored: usize,
    /// Number of attempts already stored.
    pub attempts_stored: usize,
}

/// The part of a verification that holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub country: Country,
    pub status: Status,
    pub terms: Terms,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// `None`: requested through our own API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Box<Asked>>,
    /// What it draws on besides the number, also when it is sent again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limit_keys: Vec<LimitKey>,
    /// The site made the code, and may compare it itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_outside_code: bool,
    /// Approved by the site's word, not by a check.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_vouched_for: bool,
    #[serde(default, skip_serializing_if = "Wording::is_empty")]
    pub wording: Wording,
    /// `None`: it was started before this was recorded, or the record has passed its age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The request that started it; `None`: nobody traced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Box<Context>>,
    /// Price of each requested send if it went by SMS, for comparison; `None`: no price is known.
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

/// Policy values copied at the start; later policy changes do not affect a running verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub max_checks: u32,
    pub max_sends: u32,
    #[serde(with = "span::text")]
    pub resend_after: std::time::Duration,
    pub route: Vec<Step>,
    /// No step begins later than this after the creation.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "route::optional_span"
    )]
    pub begin_within: Option<std::time::Duration>,
    /// `None`: the route's own waits decide alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Stages>,
}

/// `Pending` may become any other state, and `Failed` too until `expires_at`: that nothing was delivered is hearsay. All
/// other states are final.
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
    /// All checks were used.
    Locked,
    /// No channel could deliver, as far as the providers say.
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

/// Why a transition was refused.
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
    #[error("the channel is not open to this verification now")]
    ChannelUnavailable { open: Vec<Channel> },
}

impl Verification {
    /// Events that are not stored yet.
    #[must_use]
    pub fn news(&self) -> &[Event] {
        self.record
            .events
            .get(self.events_stored..)
            .unwrap_or_default()
    }

    /// Records that the current state is stored, as the next version.
    pub fn was_written(&mut self) {
        self.version += 1;
        self.is_sealed = true;
        self.bookings.clear();
        self.events_stored = self.record.events.len();
        self.attempts_stored = self.record.attempts.len();
    }

    /// Its id was made when it was created, not given out before.
    #[must_use]
    pub fn has_fresh_id(&self) -> bool {
        self.id.made_at() == self.record.created_at.timestamp_millis()
    }

    /// Through which face it was requested.
    #[must_use]
    pub fn face(&self) -> Face {
        self.record
            .asked
            .as_ref()
            .map_or(Face::Native, |asked| asked.face)
    }

    /// A text without a code, which nobody enters anywhere.
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.record.wording.is_message
    }

    /// The site compares the code itself, as far as we know: we have neither checked one nor heard of a success. So a code that
    /// was not entered here says nothing about its delivery.
    #[must_use]
    pub fn is_checked_by_host(&self) -> bool {
        let record = &self.record;
        record.is_outside_code && record.checks_used == 0 && !record.is_vouched_for
    }

    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.record.status == Status::Pending
    }

    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.record.status == Status::Locked
    }

    /// It may still be approved. A failed one has lost its code once it is over.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_pending() || (self.record.status == Status::Failed && self.code.is_some())
    }

    /// Nothing ever left: each attempt was skipped, so nobody waits for a message.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let mut attempts = self.record.attempts.iter();
        let was_skipped = |attempt: &Attempt| {
            attempt.status == AttemptStatus::Failed && attempt.reason.is_some_and(Reason::is_skip)
        };
        self.record.status == Status::Failed && attempts.all(was_skipped)
    }

    /// A pause kept it from being sent, which ends.
    #[must_use]
    pub fn waits_for_provider(&self) -> bool {
        let mut attempts = self.record.attempts.iter();
        attempts.any(|attempt| attempt.reason == Some(Reason::Paused))
    }

    /// Still open, but past `expires_at`: [`Verification::tick`] must run next.
    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.is_open() && now >= self.record.expires_at
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
        let most = self.record.terms.max_checks;
        if self.is_message() {
            return 0;
        }
        most.saturating_sub(self.record.checks_used)
    }

    #[must_use]
    pub fn sends_left(&self) -> u32 {
        self.record
            .terms
            .max_sends
            .saturating_sub(self.record.sends_used)
    }

    /// The earliest time of a resend; `None` if none is possible any more.
    #[must_use]
    pub fn resend_at(&self) -> Option<DateTime<Utc>> {
        (self.is_open() && self.sends_left() > 0)
            .then(|| span::after(self.record.last_send_at, self.record.terms.resend_after))
    }

    /// Refuses unless the verification is open and not expired at `now`.
    fn must_be_open(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        match self.record.status {
            Status::Expired => Err(Refusal::Expired),
            Status::Pending | Status::Failed if now >= self.record.expires_at => {
                Err(Refusal::Expired)
            }
            _ if self.is_open() => Ok(()),
            over => Err(Refusal::NotPending(over)),
        }
    }

    /// A failed verification is pending again.
    fn reopen(&mut self, now: DateTime<Utc>) {
        if self.record.status == Status::Failed {
            self.record.status = Status::Pending;
            self.note(now, EventKind::Reopened);
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
