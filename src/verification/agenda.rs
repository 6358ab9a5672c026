//! The next task of a verification, computed from its state. To add a kind of task: a variant of [`Task`] with its
//! urgency, and the state that makes it due.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Verification;
use super::attempt::{Attempt, AttemptStatus, FollowUpKind};
use super::cost::CostState;
use super::span;

/// The longest pause between two questions, or two tries of a follow-up.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// One call to a provider, or a transition that only needs time to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Expiry, the next step, or charging an `unknown` attempt: [`Verification::turn`].
    Tick,
    /// The replica that was sending lost its lease: [`Verification::interrupted`].
    Interrupted(u8),
    /// Send the queued attempt.
    Send(u8),
    /// Ask the provider for the message's status.
    Ask(u8),
    FollowUp(u8, FollowUpKind),
    /// Ask the provider for the price of the message.
    Bill(u8),
}

impl Verification {
    /// The earliest task and its due time; of several at the same time, the most urgent. `None`: no task is left.
    ///
    /// The caller holds the verification's lease, so an attempt in `sending` was left behind by an earlier holder.
    #[must_use]
    pub fn next_task(
        &self,
        unknown_after: Duration,
        now: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, Task)> {
        let mut agenda = Vec::with_capacity(4);
        let is_sending = self.is_sending();
        if self.is_open() {
            agenda.push((self.record.expires_at, Task::Tick));
        }
        for attempt in &self.record.attempts {
            let ordinal = attempt.ordinal;
            match attempt.status {
                // Waits its turn; see `begin_sending`.
                AttemptStatus::Queued if is_sending => {}
                AttemptStatus::Queued => {
                    agenda.push((attempt.updated_at.min(now), Task::Send(ordinal)));
                }
                AttemptStatus::Sending => {
                    agenda.push((attempt.updated_at.min(now), Task::Interrupted(ordinal)));
                }
                _ if attempt.awaits_evidence() && attempt.cost.state == CostState::Estimated => {
                    agenda.push((span::after(attempt.created_at, unknown_after), Task::Tick));
                }
                _ => {}
            }
            if let Some(follow_up) = attempt.follow_up {
                let due = span::due(follow_up.due, LONGEST_PAUSE, now);
                agenda.push((due, Task::FollowUp(ordinal, follow_up.kind)));
            }
            if let Some(due) = attempt.bill.and_then(|bill| bill.due) {
                agenda.push((span::due(due, LONGEST_PAUSE, now), Task::Bill(ordinal)));
            }
            if let Some(ask) = attempt.ask {
                let given_up = span::after(attempt.created_at, unknown_after);
                if ask.due < given_up {
                    let due = span::due(ask.due, LONGEST_PAUSE, now);
                    agenda.push((due, Task::Ask(ordinal)));
                } else {
                    agenda.push((given_up, Task::Tick));
                }
            }
        }
        if let Some(deadline) = self.step_deadline(now).filter(|_| self.is_pending()) {
            agenda.push((deadline, Task::Tick));
        }
        // At equal times, ask the provider before giving up its step.
        agenda
            .into_iter()
            .min_by_key(|(due, task)| (*due, urgency(*task)))
    }

    /// When the next task will be due if the provider accepts the message that is being sent.
    pub fn next_after_send(
        &mut self,
        unknown_after: Duration,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let sending = |attempt: &Attempt| attempt.status == AttemptStatus::Sending;
        let place = self.record.attempts.iter().position(sending)?;
        self.record.attempts[place].status = AttemptStatus::Sent;
        let next = self.next_task(unknown_after, now);
        self.record.attempts[place].status = AttemptStatus::Sending;
        next.map(|(due, _)| due)
    }
}

fn urgency(task: Task) -> u8 {
    match task {
        Task::Interrupted(_) => 0,
        Task::Ask(_) => 1,
        Task::Tick => 2,
        Task::Send(_) => 3,
        Task::FollowUp(..) => 4,
        Task::Bill(_) => 5,
    }
}
