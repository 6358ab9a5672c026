//! Sending an attempt, taking the provider's answer, and moving on to the next step.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Verification;
use super::abilities::{Abilities, Charged};
use super::attempt::{Ask, Attempt, AttemptStatus, Reason, Receipt, SendError};
use super::cost::Basis;
use super::event::EventKind;
use super::route::{Offer, Stages};
use super::span;
use super::start::Cursor;

impl Verification {
    /// Marks the first queued attempt as `sending`. Store this before the request leaves. `None`: nothing may be sent, or another
    /// attempt is being sent. Only one is sent at a time, so that a replica can tell its own send from one that was left behind.
    pub fn begin_sending(&mut self, now: DateTime<Utc>) -> Option<u8> {
        if !self.is_pending() || self.is_overdue(now) || self.is_sending() {
            return None;
        }
        let attempt = self
            .record
            .attempts
            .iter_mut()
            .find(|attempt| attempt.status == AttemptStatus::Queued)?;
        attempt.status = AttemptStatus::Sending;
        attempt.updated_at = now;
        Some(attempt.ordinal)
    }

    /// Takes the provider's answer to a send.
    pub fn sent(
        &mut self,
        ordinal: u8,
        answer: Result<Receipt, SendError>,
        offers: &[Offer],
        now: DateTime<Utc>,
    ) {
        let Some(index) = self.index_of(ordinal) else {
            return;
        };
        self.run_out(now);
        match answer {
            Ok(receipt) => {
                let cost = receipt.cost;
                self.accept(index, receipt, now);
                let basis = if cost.is_some() {
                    Basis::Reported
                } else {
                    Basis::Estimated
                };
                let charged = self.record.attempts[index].abilities().charged;
                if cost.is_some() || charged == Charged::OnAcceptance {
                    self.charge(index, cost, basis, now);
                }
            }
            Err(error) => {
                // A callback may have arrived first, with better evidence than this error.
                let attempt = &mut self.record.attempts[index];
                let (status, reason) = error.verdict();
                if attempt.status.rank() < status.rank() {
                    attempt.status = status;
                    attempt.reason = Some(reason);
                    attempt.updated_at = now;
                    match error {
                        SendError::Unknown => {}
                        SendError::Canceled | SendError::Paused => self.forgo(index, now),
                        _ => self.waive(index, now),
                    }
                    let kind = match status {
                        AttemptStatus::Refused => EventKind::Refused,
                        AttemptStatus::Unknown => EventKind::Unknown,
                        _ => EventKind::AttemptFailed,
                    };
                    self.note_attempt(now, kind, Some(ordinal), Some(reason));
                    self.take_over(index, offers, now);
                }
            }
        }
        self.settle_after_evidence(index, now);
    }

    /// The lease was lost while the attempt was `sending`. The request may have left, so the attempt becomes `unknown`.
    pub fn interrupted(&mut self, ordinal: u8, offers: &[Offer], now: DateTime<Utc>) {
        let Some(index) = self.index_of(ordinal) else {
            return;
        };
        if self.record.attempts[index].status != AttemptStatus::Sending {
            return;
        }
        self.sent(ordinal, Err(SendError::Unknown), offers, now);
        self.record.attempts[index].reason = Some(Reason::Interrupted);
    }

    fn accept(&mut self, index: usize, receipt: Receipt, now: DateTime<Utc>) {
        let (wait, ttl) = self.patience(index);
        let attempt = &mut self.record.attempts[index];
        let ordinal = attempt.ordinal;
        if receipt.message_id.is_some() {
            attempt.message_id = receipt.message_id;
        }
        attempt.begin_asking(wait, ttl, now);
        attempt.expect_bill(now);
        if attempt.status.rank() < AttemptStatus::Sent.rank() {
            attempt.status = AttemptStatus::Sent;
            attempt.reason = None;
            attempt.updated_at = now;
            self.note_attempt(now, EventKind::Sent, Some(ordinal), None);
        }
    }

    /// Plans the next step, if `index` is the newest attempt and the verification is still open.
    pub(super) fn take_over(&mut self, index: usize, offers: &[Offer], now: DateTime<Utc>) {
        let is_newest = index + 1 == self.record.attempts.len();
        if !self.is_pending() || self.is_overdue(now) || !is_newest {
            return;
        }
        self.record.attempts[index].gave_way = true;
        let attempt = &self.record.attempts[index];
        if attempt.reason == Some(Reason::NumberInvalid) {
            // No channel can reach a number that does not exist.
            return;
        }
        let step = usize::from(attempt.step);
        // Try another provider of the same channel only if this one certainly sent nothing and the number is not the
        // cause.
        let is_over = self.stage_deadline(now).is_some_and(|end| now >= end);
        let next_stage = self.next_stage().filter(|_| is_over);
        let stays = attempt.status == AttemptStatus::Failed && next_stage.is_none();
        let unknown = |a: &&Attempt| a.status == AttemptStatus::Unknown;
        let cursor = Cursor {
            step: next_stage.unwrap_or(if stays { step } else { step + 1 }),
            after: stays.then(|| attempt.provider.clone()),
            barred: self
                .record
                .attempts
                .iter()
                .filter(unknown)
                .map(|a| a.channel)
                .collect(),
        };
        if self.plan(cursor, offers, now) {
            let newest = self.newest().map(|a| a.ordinal);
            self.note_attempt(now, EventKind::Fallback, newest, None);
        }
    }

    /// How long the provider may try to deliver an attempt's message.
    #[must_use]
    pub fn message_ttl(&self, attempt: &Attempt) -> Duration {
        attempt.abilities().ttl.within(self.step_wait(attempt))
    }

    /// The step's wait of attempt `index`, and the `ttl` that its message carries.
    pub(super) fn patience(&self, index: usize) -> (Duration, Duration) {
        let attempt = &self.record.attempts[index];
        (self.step_wait(attempt), self.message_ttl(attempt))
    }

    /// Not longer than its stage, nor than until the last step may begin: what is delivered later finds nobody waiting.
    fn step_wait(&self, attempt: &Attempt) -> Duration {
        let terms = &self.record.terms;
        let wait = self.route_wait(attempt);
        terms.begin_within.map_or(wait, |within| wait.min(within))
    }

    /// The step's wait, or its share of its stage.
    pub(super) fn route_wait(&self, attempt: &Attempt) -> Duration {
        let terms = &self.record.terms;
        let place = usize::from(attempt.step);
        let wait = terms
            .route
            .get(place)
            .map_or(Duration::ZERO, |step| step.wait);
        let share = |stages: &Stages| stages.share(place, terms.route.len());
        terms
            .stages
            .as_ref()
            .map_or(wait, |stages| wait.min(share(stages)))
    }

    /// A message is on its way to its provider.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        let mut attempts = self.record.attempts.iter();
        attempts.any(|attempt| attempt.status == AttemptStatus::Sending)
    }

    pub(super) fn index_of(&self, ordinal: u8) -> Option<usize> {
        self.record
            .attempts
            .iter()
            .position(|a| a.ordinal == ordinal)
    }
}

/// When the status is asked next.
///
/// Without reports: 2, 5, 10, 20, 40 s … after the send, up to hourly. With reports, queries are a safety net and
/// twelve times rarer. Either way there is a query at the end of the step's wait and one after the message's `ttl`.
pub(super) fn ask_due(
    ask: &Ask,
    sent_at: DateTime<Utc>,
    wait: Duration,
    ttl: Duration,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    const HOUR: Duration = Duration::from_secs(3_600);
    let deadline = span::after(sent_at, wait);
    let after_ttl = span::after(sent_at, ttl + Duration::from_secs(3));
    let seconds = match ask.asked {
        0 => 2,
        1 => 3,
        asked => 5_u64 << (asked.min(12) - 2),
    };
    let rarely = if ask.reports { 12 } else { 1 };
    let next = span::after(now, Duration::from_secs(seconds * rarely).min(HOUR));
    [deadline, after_ttl]
        .into_iter()
        .filter(|moment| *moment > now)
        .fold(next, Ord::min)
}

impl Attempt {
    /// What its provider can do.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.abilities
            .unwrap_or_else(|| Abilities::usual_for(self.channel))
    }

    /// Whether evidence that may never come decides if it is charged; after a while it is, at its estimate.
    pub(super) fn awaits_evidence(&self) -> bool {
        match self.status {
            AttemptStatus::Unknown => true,
            AttemptStatus::Sent => self.abilities().charged == Charged::OnDelivery,
            _ => false,
        }
    }

    /// From now on its status is asked for, where the provider can be asked and knows the message.
    pub(super) fn begin_asking(&mut self, wait: Duration, ttl: Duration, now: DateTime<Utc>) {
        let abilities = self.abilities();
        if abilities.ask && self.message_id.is_some() && self.ask.is_none() {
            let mut ask = Ask {
                due: now,
                asked: 0,
                reports: abilities.reports.arrive(),
            };
            ask.due = ask_due(&ask, self.created_at, wait, ttl, now);
            self.ask = Some(ask);
        }
    }

    /// Puts the next question off by the schedule of [`ask_due`].
    pub(super) fn ask_later(&mut self, wait: Duration, ttl: Duration, now: DateTime<Utc>) {
        if let Some(mut ask) = self.ask {
            ask.asked = ask.asked.saturating_add(1);
            ask.due = ask_due(&ask, self.created_at, wait, ttl, now);
            self.ask = Some(ask);
        }
    }
}
