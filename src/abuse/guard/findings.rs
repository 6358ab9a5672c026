//! What a back-test found: what rules would have stopped, in money and in people.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::case::{Case, Moment};
use super::cells::Key;
use super::rules::Rule;
use super::verdict::Outcome;
use crate::money::Micros;

/// What rules would have done to a span of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Starts, and later messages whose termination is paid for; of a rule about visitors, those whose address is known.
    pub judged: u64,
    pub would_deny: u64,
    pub would_challenge: u64,
    /// Of those: somebody entered the code that would not have come.
    pub false_blocks: u64,
    /// Of those: stopped then, so nobody knows.
    pub unknown_outcome: u64,
    /// On what would not have been sent.
    pub spent: Micros,
    /// That, without the false blocks.
    pub saved: Micros,
    /// From the first message about a cell to the first that would have been stopped: the median of the cells.
    pub seconds_to_first_block: Option<u64>,
}

impl Counts {
    /// The part that was entered of what would have been stopped and whose end is known, to four decimals.
    #[must_use]
    pub fn false_block_rate(&self) -> f64 {
        let stopped = self.would_deny + self.would_challenge;
        let known = stopped.saturating_sub(self.unknown_outcome);
        let parts = (self.false_blocks * 10_000).checked_div(known);
        let parts = parts.and_then(|parts| u32::try_from(parts).ok());
        f64::from(parts.unwrap_or_default()) / 10_000.0
    }

    fn json(&self) -> Value {
        json!({
            "judged": self.judged,
            "would_deny": self.would_deny,
            "would_challenge": self.would_challenge,
            "false_blocks": self.false_blocks,
            "false_block_rate": self.false_block_rate(),
            "unknown_outcome": self.unknown_outcome,
            "spent": self.spent.to_decimal(2),
            "saved": self.saved.to_decimal(2),
            "seconds_to_first_block": self.seconds_to_first_block,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// By the modes of the rules.
    pub total: Counts,
    /// Each as if it alone were on.
    pub rules: BTreeMap<Rule, Counts>,
    /// Denials of which only the first of a minute is kept; the others count like it.
    pub summed_up: u64,
}

impl Findings {
    /// As answers show them.
    #[must_use]
    pub fn json(&self) -> Value {
        let rules: Map<String, Value> = self
            .rules
            .iter()
            .map(|(rule, own)| (rule.as_str().to_owned(), own.json()))
            .collect();
        json!({ "total": self.total.json(), "rules": rules, "summed_up": self.summed_up })
    }
}

#[derive(Default)]
pub(super) struct Tally {
    pub counts: Counts,
    wrongly: Micros,
    pub blocked: HashMap<Key, i64>,
}

/// What a verdict would have stopped.
pub(super) struct Stopped {
    outcome: Outcome,
    spent: Micros,
    /// Somebody entered the code.
    is_false: bool,
    is_unknown: bool,
}

impl Stopped {
    pub(super) fn of(case: &Case, moment: Moment, is_start: bool, outcome: Outcome) -> Self {
        let is_denied = is_start && outcome == Outcome::Deny;
        let of_moment = moment.paid.map_or(Micros::ZERO, |paid| paid.spent);
        let later = case
            .approval
            .filter(|approval| approval.at >= moment.at && (is_denied || approval.is_paid));
        Self {
            outcome,
            spent: if is_denied { case.spent } else { of_moment },
            is_false: later.is_some() && (is_denied || moment.paid.is_some()),
            is_unknown: case.was_refused || moment.paid.is_some_and(|paid| paid.was_stopped),
        }
    }
}

impl Tally {
    pub(super) fn stop(&mut self, stopped: &Stopped, count: u64) {
        let counts = &mut self.counts;
        match stopped.outcome {
            Outcome::Allow => return,
            Outcome::Challenge => counts.would_challenge += count,
            Outcome::Deny => counts.would_deny += count,
        }
        let sum = |one: Micros, other: Micros| Micros(one.0.saturating_add(other.0));
        counts.spent = sum(counts.spent, stopped.spent);
        if stopped.is_unknown {
            counts.unknown_outcome += count;
        } else if stopped.is_false {
            counts.false_blocks += count;
            self.wrongly = sum(self.wrongly, stopped.spent);
        }
    }

    pub(super) fn counts(mut self) -> Counts {
        self.counts.saved = Micros(self.counts.spent.0.saturating_sub(self.wrongly.0));
        let mut seconds: Vec<i64> = self.blocked.into_values().collect();
        seconds.sort_unstable();
        let median = seconds.get(seconds.len() / 2).copied();
        self.counts.seconds_to_first_block = median.and_then(|seconds| u64::try_from(seconds).ok());
        self.counts
    }
}
