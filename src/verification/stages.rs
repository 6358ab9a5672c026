//! Stages of a route. A dialect's workflow has steps of its own, each of which lasts a fixed time, whatever became of its messages: such a
//! step is a stage here, with one or more steps of the route in it.

use chrono::{DateTime, Utc};

use super::Verification;
use super::attempt::Attempt;
use super::span;

impl Verification {
    /// The stage of an attempt, from 0.
    #[must_use]
    pub fn stage_of(&self, attempt: &Attempt) -> usize {
        let stages = self.record.terms.stages.as_ref();
        let begins = stages.into_iter().flat_map(|stages| &stages.begins);
        let begun = begins.filter(|begin| **begin <= attempt.step).count();
        begun.saturating_sub(1)
    }

    /// The place of the first step of the stage after the current one.
    pub(super) fn next_stage(&self) -> Option<usize> {
        let stages = self.record.terms.stages.as_ref()?;
        stages.next(usize::from(self.newest()?.step))
    }

    /// When the stage of the newest attempt gives way to the next one; `None`: there is none.
    pub(super) fn stage_deadline(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let stages = self.record.terms.stages.as_ref()?;
        let to_come = stages.to_come(usize::from(self.newest()?.step));
        let end = span::before(self.record.expires_at, stages.last(to_come));
        (to_come > 0).then(|| span::due(end, stages.each, now))
    }

    /// The next attempt is of the step at `place`. If that begins another stage, the verification lasts for it and those to come.
    pub(super) fn enter_stage(&mut self, place: usize, now: DateTime<Utc>) {
        let Some(stages) = &self.record.terms.stages else {
            return;
        };
        let current = self
            .newest()
            .map(|attempt| stages.to_come(usize::from(attempt.step)));
        let entered = stages.to_come(place);
        if current != Some(entered) {
            self.record.expires_at = span::after(now, stages.life(entered));
        }
    }
}
