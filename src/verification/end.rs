//! How a verification ends (check, cancel, expiry, no channel left) and which follow-ups the provider then gets.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::attempt::{Attempt, AttemptStatus, FollowUp, FollowUpKind, Reason};
use super::code::CodeHash;
use super::cost::{Basis, CostState};
use super::event::EventKind;
use super::route::Offer;
use super::span;
use super::{Refusal, Status, Verification};

/// How long after a code's life the site may still say that it was entered.
const WORD_WITHIN: Duration = Duration::from_hours(24);

/// The result of an evaluated check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    Wrong,
    /// Wrong, and it was the last check.
    Locked,
}

impl Verification {
    /// Compares the visitor's code. The check is counted first, so no result is returned uncounted.
    pub fn check(&mut self, typed: &CodeHash, now: DateTime<Utc>) -> Result<Verdict, Refusal> {
        self.may_check(now)?;
        // Without an attempt there is no code that anybody could have seen.
        let Some(channel) = self.newest().map(|attempt| attempt.channel) else {
            return Err(Refusal::NotPending(self.record.status));
        };
        self.record.checks_used += 1;
        if self.code_hash == *typed {
            self.finish(
                Status::Approved { at: now, channel },
                EventKind::Approved,
                now,
            );
            return Ok(Verdict::Approved);
        }
        self.note(now, EventKind::WrongCode);
        if self.checks_left() == 0 {
            self.finish(Status::Locked, EventKind::Locked, now);
            return Ok(Verdict::Locked);
        }
        Ok(Verdict::Wrong)
    }

    /// Refuses as [`Verification::check`] would, without using up a check.
    pub fn may_check(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.record.status == Status::Locked {
            return Err(Refusal::TooManyChecks);
        }
        self.must_be_open(now)
    }

    /// The site says that the right code was entered, which it compared itself. Approves without a proof, once, up to [`WORD_WITHIN`]
    /// after the end of the code's life.
    pub fn vouch(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let record = &self.record;
        match record.status {
            Status::Pending | Status::Failed | Status::Expired if !self.is_message() => {}
            over => return Err(Refusal::NotPending(over)),
        }
        let channel = self.newest().map(|attempt| attempt.channel);
        let Some(channel) = channel.filter(|_| now < span::after(record.expires_at, WORD_WITHIN))
        else {
            return Err(Refusal::Expired);
        };
        self.record.is_vouched_for = true;
        self.finish(
            Status::Approved { at: now, channel },
            EventKind::Approved,
            now,
        );
        Ok(())
    }

    pub fn cancel(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be_open(now)?;
        self.finish(Status::Canceled, EventKind::Canceled, now);
        Ok(())
    }

    /// Ends what was going on when the state was copied, of which nobody knows what became of it since. Nothing is sent, revoked or
    /// reported any more; a message that was being sent may have been. What it costs is still asked and booked.
    pub fn abandon(&mut self, now: DateTime<Utc>) {
        if self.is_pending() {
            self.finish(Status::Expired, EventKind::Expired, now);
        }
        let sending = |attempt: &&Attempt| attempt.status == AttemptStatus::Sending;
        let sending = self.record.attempts.iter().find(sending);
        if let Some(ordinal) = sending.map(|attempt| attempt.ordinal) {
            self.interrupted(ordinal, &[], now);
        }
        for attempt in &mut self.record.attempts {
            attempt.follow_up = None;
        }
        if self.code.take().is_some() {
            self.is_sealed = false;
        }
    }

    /// Applies what the passing of time causes: expiry, the next step after a wait, and the charge of attempts that
    /// stayed `unknown`.
    pub fn tick(&mut self, unknown_after: Duration, offers: &[Offer], now: DateTime<Utc>) {
        self.run_out(now);
        if let Some(index) = self.overdue_step(now) {
            self.take_over(index, offers, now);
        }
        for index in 0..self.record.attempts.len() {
            let attempt = &self.record.attempts[index];
            let over = now >= span::after(attempt.created_at, unknown_after);
            if over && attempt.awaits_evidence() {
                self.charge(index, None, Basis::Estimated, now);
            }
            let attempt = &mut self.record.attempts[index];
            if over {
                attempt.ask = None;
            }
        }
        self.conclude(now);
        self.forget_code(now);
    }

    /// Ends a follow-up, or schedules its next try at `again`.
    pub fn followed_up(&mut self, ordinal: u8, again: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        if let Some(index) = self.index_of(ordinal) {
            let attempt = &mut self.record.attempts[index];
            attempt.follow_up = match (attempt.follow_up, again) {
                (Some(follow_up), Some(due)) => Some(FollowUp {
                    due,
                    tries: follow_up.tries.saturating_add(1),
                    ..follow_up
                }),
                _ => None,
            };
        }
        self.forget_code(now);
    }

    /// After new evidence about an attempt: schedules its follow-up, and fails the verification if no attempt is left.
    pub(super) fn settle_after_evidence(&mut self, index: usize, now: DateTime<Utc>) {
        if let Some(attempt) = self.record.attempts.get_mut(index) {
            owe(attempt, self.record.status, self.code.is_some(), now);
        }
        self.conclude(now);
        self.forget_code(now);
    }

    /// Ends an overdue verification before later evidence is applied, so that evidence cannot change how it ended.
    pub(super) fn run_out(&mut self, now: DateTime<Utc>) {
        if self.is_overdue(now) {
            if self.is_pending() {
                self.finish(Status::Expired, EventKind::Expired, now);
            }
            self.forget_code(now);
        }
    }

    /// Fails the verification if every attempt is dead. Call it after planning, when the route has nothing more to
    /// offer. One of which the guard held a message back, after another channel was tried, stays pending until it expires: its
    /// answer must not tell whom that channel reaches.
    pub(super) fn conclude(&mut self, now: DateTime<Utc>) {
        let attempts = || self.record.attempts.iter();
        let all_dead = attempts().all(|attempt| attempt.status.is_dead());
        let is_held = |attempt: &Attempt| attempt.reason == Some(Reason::Guard);
        // What no number could have got by a channel tells nothing of this one.
        let is_tried = |attempt: &Attempt| {
            let reason = attempt.reason;
            !matches!(
                reason,
                Some(Reason::Guard | Reason::CodeNotCarried | Reason::NoPrice)
            )
        };
        let is_challenged = attempts().any(is_held) && attempts().any(is_tried);
        if self.is_pending() && all_dead && !is_challenged {
            self.finish(Status::Failed, EventKind::Failed, now);
        }
    }

    pub(super) fn finish(&mut self, status: Status, kind: EventKind, now: DateTime<Utc>) {
        self.record.status = status;
        self.note(now, kind);
        for attempt in &mut self.record.attempts {
            if attempt.status == AttemptStatus::Queued {
                attempt.status = AttemptStatus::Failed;
                attempt.reason = Some(Reason::Canceled);
                attempt.cost.cancel();
                attempt.updated_at = now;
            }
            owe(attempt, status, self.code.is_some(), now);
        }
        self.forget_code(now);
    }

    /// The newest attempt, if its step deadline has passed.
    fn overdue_step(&self, now: DateTime<Utc>) -> Option<usize> {
        let due = self.step_deadline(now)?;
        (self.is_pending() && now >= due).then(|| self.record.attempts.len() - 1)
    }

    /// When the newest attempt gives way to the next step, judging by its current status.
    pub(super) fn step_deadline(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let attempt = self.newest().filter(|attempt| !attempt.gave_way)?;
        let place = usize::from(attempt.step);
        self.record.terms.route.get(place + 1)?;
        let step = self.record.terms.route.get(place)?;
        let seen = match attempt.status {
            AttemptStatus::Sent => Some((attempt.created_at, self.route_wait(attempt))),
            AttemptStatus::Delivered | AttemptStatus::Read => step
                .approve_within
                .filter(|_| !self.is_checked_by_host())
                .map(|within| (attempt.updated_at, within)),
            _ => return None,
        };
        // A stage lasts its time, unless its last message fails.
        let seen = seen.filter(|_| self.next_stage() != Some(place + 1));
        let due = seen.map(|(since, wait)| span::due(span::after(since, wait), wait, now));
        due.into_iter().chain(self.stage_deadline(now)).min()
    }

    fn forget_code(&mut self, now: DateTime<Utc>) {
        let needed = (self.is_open() && now < self.record.expires_at)
            || self.record.attempts.iter().any(|attempt| {
                let reporting = attempt
                    .follow_up
                    .is_some_and(|follow_up| follow_up.kind == FollowUpKind::ReportSuccess);
                reporting || attempt.status.in_flight()
            });
        if !needed && self.code.take().is_some() {
            self.is_sealed = false;
        }
    }
}

/// Schedules the follow-up that the provider still expects: the success report or the revocation.
fn owe(attempt: &mut Attempt, status: Status, has_code: bool, now: DateTime<Utc>) {
    let seen = matches!(
        attempt.status,
        AttemptStatus::Delivered | AttemptStatus::Read
    );
    let out = attempt.status.rank() >= AttemptStatus::Sent.rank() && !attempt.status.is_dead();
    let kind = match status {
        Status::Approved { .. } if out && has_code => FollowUpKind::ReportSuccess,
        Status::Canceled if seen => FollowUpKind::Revoke,
        _ => return,
    };
    let (planned, abilities) = (attempt.follow_up_planned, attempt.abilities());
    let expected = match kind {
        FollowUpKind::ReportSuccess => abilities.told_of_success,
        FollowUpKind::Revoke => abilities.revoke,
    };
    if expected && attempt.message_id.is_some() && attempt.follow_up.is_none() && !planned {
        attempt.follow_up_planned = true;
        attempt.follow_up = Some(FollowUp {
            kind,
            due: now,
            tries: 0,
        });
    }
    if attempt.cost.state == CostState::Charged && seen {
        attempt.ask = None;
    }
}
