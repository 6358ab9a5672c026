//! The ordered steps of a verification, in stages where a dialect's workflow has them, and the providers currently available for each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::abilities::Abilities;
use super::span;
use crate::money::{Currency, Money};

pub use super::channel::Channel;

/// One step of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub channel: Channel,
    /// How long to wait for evidence of delivery before the next step.
    #[serde(with = "span::text")]
    pub wait: Duration,
    /// After delivery, move on if the code is not entered within this time.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_span"
    )]
    pub approve_within: Option<Duration>,
}

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
    pub(super) fn next(&self, place: usize) -> Option<usize> {
        let mut begins = self.begins.iter().map(|begin| usize::from(*begin));
        begins.find(|begin| *begin > place)
    }

    /// Which stage has the step at `place`, counted from the end: the last one is 0.
    pub(super) fn to_come(&self, place: usize) -> usize {
        let begins = self.begins.iter().map(|begin| usize::from(*begin));
        begins.filter(|begin| *begin > place).count()
    }

    /// How long the step at `place` may keep the next one of its stage from beginning: each has its share. `steps`: of the whole route.
    pub(super) fn share(&self, place: usize, steps: usize) -> Duration {
        let begins = self.begins.iter().map(|begin| usize::from(*begin));
        let first = begins.filter(|begin| *begin <= place).max().unwrap_or(0);
        let own = self.next(place).unwrap_or(steps).saturating_sub(first);
        self.each / u32::try_from(own.max(1)).unwrap_or(u32::MAX)
    }

    pub(super) fn last(&self, stages: usize) -> Duration {
        let stages = u32::try_from(stages).unwrap_or(u32::MAX);
        self.each.saturating_mul(stages)
    }

    /// From the beginning of a stage, with so many to come, to the end of the verification.
    pub(super) fn life(&self, to_come: usize) -> Duration {
        self.last(to_come + 1)
    }
}

/// A provider that could carry a step's channel to this number, or why it cannot now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub channel: Channel,
    pub provider: String,
    /// What its account is billed in.
    pub currency: Currency,
    pub abilities: Abilities,
    /// The estimated cost of one message.
    pub estimate: Result<Money, Skip>,
}

/// Why a provider is skipped. A free, failed attempt records the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    Paused,
    NoPrice,
    /// A budget has no room left.
    Budget,
    /// The channel cannot carry this code.
    CodeNotCarried,
    /// The guard holds paid messages to this number back.
    Guard,
}

pub(super) mod optional_span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::span;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(span) => serializer.serialize_str(&span::format(*span)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| span::parse(&text).map_err(D::Error::custom))
            .transpose()
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
        let share = |place| stages.share(place, 6).as_secs();
        assert_eq!([0, 1, 2, 3, 5].map(share), [150, 150, 300, 100, 100]);
    }
}
