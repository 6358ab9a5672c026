//! What the guard decided, and why.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::cells::Cell;
use super::rules::{Mode, Rule};

/// From the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Allow,
    /// Only channels that pay nobody for termination.
    Challenge,
    /// Nothing is sent.
    Deny,
}

impl Outcome {
    pub const ALL: [Self; 3] = [Self::Allow, Self::Challenge, Self::Deny];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

/// What a value was counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Window {
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "1h")]
    Hour,
    /// The prefix is still blocked for what was counted before.
    #[serde(rename = "block")]
    Block,
    /// Nothing was counted.
    #[serde(rename = "now")]
    Now,
}

impl Window {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Hour => "1h",
            Self::Block => "block",
            Self::Now => "now",
        }
    }
}

/// A rule that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    pub rule: Rule,
    /// In which it was decided.
    pub mode: Mode,
    pub cell: Cell,
    /// Sends, or countries, with this one.
    pub value: u32,
    /// The most that would not have fired.
    pub threshold: u32,
    pub window: Window,
    /// Of the rule alone.
    pub effect: Outcome,
}

/// A decision about one send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub outcome: Outcome,
    /// All that fired, shadow rules too. Empty: nothing remarkable.
    pub rules: Vec<Fired>,
    /// It would have been stopped, had the number not proved itself before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_owner: bool,
    pub at: DateTime<Utc>,
}

/// What is known of a number's owner. Looking it up costs a query, so it is asked only of [`Verdict::may_be_excused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// When a verification of this number was last approved in the project.
    pub approved_at: Option<DateTime<Utc>>,
    /// Sends in the last 24 h that this exception let through.
    pub used: u32,
}

impl Owner {
    /// How long an approval vouches for the number.
    pub const DAYS: i64 = 90;
    /// Sends in 24 h.
    pub const MOST: u32 = 3;

    /// The number proved itself, and the exception is not used up.
    #[must_use]
    pub fn is_let_through(&self, at: DateTime<Utc>) -> bool {
        let since = |approved: DateTime<Utc>| at.signed_duration_since(approved).num_days();
        let is_known = self.approved_at.is_some_and(|at| since(at) < Self::DAYS);
        is_known && self.used < Self::MOST
    }
}

impl Verdict {
    /// Nothing is remarkable.
    #[must_use]
    pub fn allow(at: DateTime<Utc>) -> Self {
        Self {
            outcome: Outcome::Allow,
            rules: Vec::new(),
            is_owner: false,
            at,
        }
    }

    /// Live traffic keeps no row for it.
    #[must_use]
    pub fn is_unremarkable(&self) -> bool {
        self.rules.is_empty()
    }

    #[must_use]
    pub fn has(&self, rule: Rule) -> bool {
        self.rules.iter().any(|fired| fired.rule == rule)
    }

    fn enforced(&self) -> impl Iterator<Item = &Fired> {
        self.rules.iter().filter(|fired| fired.mode == Mode::On)
    }

    /// The strictest effect of the rules that are enforced; a challenge that cannot be met is a denial.
    pub(super) fn decide(&mut self, has_challenge_channel: bool) {
        let strictest = self.enforced().map(|fired| fired.effect).max();
        self.outcome = match strictest.unwrap_or(Outcome::Allow) {
            Outcome::Challenge if !has_challenge_channel => Outcome::Deny,
            outcome => outcome,
        };
    }

    /// Whether [`Verdict::excuse`] could change it: it stops a send, and only for where that goes. A range is often pumped through
    /// numbers that nobody owns, so those that proved themselves are not what it is about. An operator's own lists and line
    /// types stand, and so does what a requester's address fired.
    #[must_use]
    pub fn may_be_excused(&self) -> bool {
        let mut stopping = self
            .enforced()
            .filter(|fired| fired.effect != Outcome::Allow);
        self.outcome != Outcome::Allow && stopping.all(|fired| fired.rule.is_of_destination())
    }

    /// Lets an owner through who proved the number within 90 days, three times a day: strangers cannot lock an owner out.
    pub fn excuse(&mut self, owner: Owner) {
        if self.may_be_excused() && owner.is_let_through(self.at) {
            self.outcome = Outcome::Allow;
            self.is_owner = true;
        }
    }

    /// Takes that back: the exception was used up meanwhile.
    pub fn insist(&mut self, has_challenge_channel: bool) {
        self.is_owner = false;
        self.decide(has_challenge_channel);
    }
}
