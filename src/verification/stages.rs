//! Stages of a route. A dialect's workflow has steps of its own, each of which lasts a fixed time, whatever became of its messages: such a
//! step is a stage here, with one or more steps of the route in it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Verification;
use super::route::Step;
use super::span;

/// What a request asks for instead of the policy's route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    /// The steps of each stage.
    pub stages: Vec<Vec<Step>>,
    /// How long each stage lasts; the last one ends with the verification.
    pub each: Duration,
    /// Where the policy allows more checks than these.
    pub max_checks: u32,
}

impl Workflow {
    /// Only the steps that `keep` admits; `None`: a stage would be left without any.
    pub(super) fn filtered(&self, keep: impl Fn(&&Step) -> bool) -> Option<(Vec<Step>, Stages)> {
        let (mut route, mut begins) = (Vec::new(), Vec::new());
        for stage in &self.stages {
            let before = route.len();
            route.extend(stage.iter().filter(&keep).cloned());
            if route.len() == before {
                return None;
            }
            begins.push(u8::try_from(before).ok()?);
        }
        let each = self.each;
        Some((route, Stages { begins, each })).filter(|(route, _)| !route.is_empty())
    }
}

/// Where the stages of a route begin, and how long each lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// The place of each stage's first step in the route, ascending.
    pub begins: Vec<u8>,
    #[serde(with = "span::text")]
    pub each: Duration,
}

impl Stages {
    /// The place of the first step after the stage of the step at `place`.
    fn next(&self, place: usize) -> Option<usize> {
        let mut begins = self.begins.iter().map(|begin| usize::from(*begin));
        begins.find(|begin| *begin > place)
    }

    /// Which stage has the step at `place`, counted from the end: the last one is 0.
    fn to_come(&self, place: usize) -> usize {
        let begins = self.begins.iter().map(|begin| usize::from(*begin));
        begins.filter(|begin| *begin > place).count()
    }

    fn last(&self, stages: usize) -> Duration {
        let stages = u32::try_from(stages).unwrap_or(u32::MAX);
        self.each.saturating_mul(stages)
    }

    /// From the beginning of a stage, with so many to come, to the end of the verification.
    pub(super) fn life(&self, to_come: usize) -> Duration {
        self.last(to_come + 1)
    }
}

impl Verification {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_belongs_to_the_stage_that_began_last() {
        let stages = Stages {
            begins: vec![0, 2, 3],
            each: Duration::from_secs(300),
        };
        let of = |place| (stages.to_come(place), stages.next(place));
        assert_eq!([of(0), of(1)], [(2, Some(2)); 2]);
        assert_eq!([of(2), of(3), of(9)], [(1, Some(3)), (0, None), (0, None)]);
        assert_eq!(stages.life(2), Duration::from_mins(15));
    }
}
