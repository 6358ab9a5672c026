//! What the guard's decisions came to: how many in each period, country and range; and by rule and range in money and in people.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::room::Verify;
use crate::abuse::guard::cells::{Cell, Key};
use crate::abuse::guard::figures::Reading;
use crate::abuse::guard::rules::{Mode, Rule};
use crate::abuse::guard::verdict::Outcome;
use crate::gateway::error::Error;
use crate::money::{Currency, Micros, Money};
use crate::storage::{
    Decided, DecidedIn, DecidedOn, Decision, DecisionQuery, MOST_RANGES, Outcomes, StorageError,
};
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::origin::TraceHash;

/// Decisions whose verifications are looked up, the newest first.
const MOST: usize = 10_000;
/// Ranges that are listed.
const RANGES: i64 = 50;

/// What became of the verifications of some decisions.
#[derive(Clone, Debug, Default)]
pub struct Sequel {
    /// Verifications that were kept.
    pub verifications: i64,
    /// Of these, approved at last: people.
    pub approved: i64,
    /// What their messages cost.
    pub spent: Vec<Money>,
    /// Of that, for those that were not approved.
    pub wasted: Vec<Money>,
}

/// Decisions in which a rule fired, and what became of them.
#[derive(Clone, Debug, Default)]
pub struct RuleOutcome {
    /// What it would have stopped; `allowed` counts nothing.
    pub in_shadow: Decided,
    /// What was sent all the same.
    pub sequel: Sequel,
    /// What was decided while it was enforced, together with other rules that fired.
    pub enforced: Decided,
}

/// The decisions about a range of numbers.
#[derive(Clone, Debug)]
pub struct RangeOutcome {
    pub on: DecidedOn,
    pub sequel: Sequel,
    /// What is counted now, if it is among the fullest.
    pub now: Option<Reading>,
}

/// What the decisions of a time came to.
#[derive(Debug, Default)]
pub struct GuardOutcomes {
    /// By period and country.
    pub by_country: Vec<DecidedIn>,
    /// The ranges with the most decisions, the one with most first.
    pub ranges: Vec<RangeOutcome>,
    /// About the first of `ranges`: the period's place, the range, and how many.
    pub by_range: Vec<(usize, String, i64)>,
    pub rules: BTreeMap<Rule, RuleOutcome>,
    /// Decisions of which only the first of a minute is kept: they count, but what became of their verifications is not known.
    pub summed_up: i64,
    /// Figures by rule, and what became of verifications, are those since then: there were too many decisions. `None`: of all.
    pub since: Option<DateTime<Utc>>,
}

impl Verify {
    /// What the decisions of these consecutive periods came to, in one project or in all.
    pub async fn guard_outcomes(
        &self,
        project: Option<ProjectId>,
        periods: &[(DateTime<Utc>, DateTime<Utc>)],
    ) -> Result<GuardOutcomes, Error> {
        let (Some((from, _)), Some((_, before))) = (periods.first(), periods.last()) else {
            return Ok(GuardOutcomes::default());
        };
        let db = &self.core().db;
        let by_country = db.decided_in(project, periods).await?;
        let ranges = db.decided_on(project, *from, *before, RANGES).await?;
        let first = ranges.iter().take(MOST_RANGES);
        let first: Vec<String> = first.map(|range| range.prefix.clone()).collect();
        let by_range = db.decided_about(project, periods, &first).await?;
        let query = DecisionQuery {
            project,
            from: Some(*from),
            to: Some(*before),
            limit: i64::try_from(MOST + 1).unwrap_or(i64::MAX),
            ..DecisionQuery::default()
        };
        let mut decisions = self.list_decisions(&query).await?;
        let is_cut = decisions.len() > MOST;
        decisions.truncate(MOST);
        let since = decisions.last().filter(|_| is_cut).map(|last| last.at);
        let known = self.known(&decisions).await?;
        let mut now = self.now_by_range(project);
        let mut sequels = by_range_of(&decisions, &known);
        let ranges = ranges.into_iter().map(|on| {
            let key = (on.project, on.prefix_hash);
            RangeOutcome {
                sequel: sequels.remove(&key).unwrap_or_default(),
                now: now.remove(&key),
                on,
            }
        });
        Ok(GuardOutcomes {
            by_country,
            ranges: ranges.collect(),
            by_range,
            rules: by_rule(&decisions, &known),
            summed_up: decisions.iter().map(|one| i64::from(one.count) - 1).sum(),
            since,
        })
    }

    /// What became of the verifications of decisions.
    async fn known(&self, decisions: &[Decision]) -> Result<HashMap<Uuid, Outcomes>, StorageError> {
        let ids: HashSet<VerificationId> = decisions
            .iter()
            .filter_map(|one| one.verification)
            .collect();
        let ids: Vec<VerificationId> = ids.into_iter().collect();
        self.core().db.outcomes_of(&ids).await
    }

    fn now_by_range(&self, project: Option<ProjectId>) -> HashMap<(ProjectId, TraceHash), Reading> {
        let full = self.fullest_cells(project, Rule::UnverifiedPrefix);
        let range = |(key, reading): (Key, Reading)| match key.cell {
            Cell::Prefix(hash) => Some(((key.project, hash), reading)),
            _ => None,
        };
        full.into_iter().filter_map(range).collect()
    }
}

/// Verifications that are each counted once.
#[derive(Default)]
struct Counted {
    seen: HashSet<VerificationId>,
    approved: i64,
    spent: BTreeMap<Currency, i64>,
    wasted: BTreeMap<Currency, i64>,
}

fn add(sums: &mut BTreeMap<Currency, i64>, money: Money) {
    let sum = sums.entry(money.currency).or_default();
    *sum = sum.saturating_add(money.amount.0);
}

impl Counted {
    fn add(&mut self, decision: &Decision, known: &HashMap<Uuid, Outcomes>) {
        let Some(id) = decision.verification else {
            return;
        };
        let Some(outcome) = known.get(&id.uuid()).filter(|_| self.seen.insert(id)) else {
            return;
        };
        self.approved += i64::from(outcome.is_approved);
        for money in &outcome.spent {
            add(&mut self.spent, *money);
            if !outcome.is_approved {
                add(&mut self.wasted, *money);
            }
        }
    }

    fn sequel(self) -> Sequel {
        let money = |sums: BTreeMap<Currency, i64>| {
            let sums = sums.into_iter();
            sums.map(|(currency, sum)| Money::new(Micros(sum), currency))
                .collect()
        };
        Sequel {
            verifications: i64::try_from(self.seen.len()).unwrap_or(i64::MAX),
            approved: self.approved,
            spent: money(self.spent),
            wasted: money(self.wasted),
        }
    }
}

fn by_range_of(
    decisions: &[Decision],
    known: &HashMap<Uuid, Outcomes>,
) -> HashMap<(ProjectId, TraceHash), Sequel> {
    let mut all: HashMap<_, Counted> = HashMap::new();
    for one in decisions {
        let cells = &one.facts.cells;
        let key = (cells.project, cells.prefix);
        all.entry(key).or_default().add(one, known);
    }
    let all = all.into_iter();
    all.map(|(key, counted)| (key, counted.sequel())).collect()
}

fn by_rule(decisions: &[Decision], known: &HashMap<Uuid, Outcomes>) -> BTreeMap<Rule, RuleOutcome> {
    let mut all: BTreeMap<Rule, (RuleOutcome, Counted)> = BTreeMap::new();
    for one in decisions {
        // A rule fires once for each window that is overrun.
        let mut effects: BTreeMap<Rule, (Mode, Outcome)> = BTreeMap::new();
        for fired in &one.rules {
            let strictest = effects
                .entry(fired.rule)
                .or_insert((fired.mode, fired.effect));
            strictest.1 = strictest.1.max(fired.effect);
        }
        for (rule, (mode, effect)) in effects {
            let (outcome, counted) = all.entry(rule).or_default();
            let count = i64::from(one.count);
            if mode == Mode::On {
                outcome.enforced.add(one.outcome, count);
            } else {
                outcome.in_shadow.add(effect, count);
                counted.add(one, known);
            }
        }
    }
    let all = all.into_iter().map(|(rule, (mut outcome, counted))| {
        outcome.sequel = counted.sequel();
        (rule, outcome)
    });
    all.collect()
}
