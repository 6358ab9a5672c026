//! A back-test: past traffic, judged again in its order by the code that judges live traffic.
//!
//! The caller pushes each verification, and each denial that kept none, in the order of their starts, and looks up what the replay asks
//! for. What the rules that are tried would have stopped is not counted; what had been stopped and would not be is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::case::{Case, Moment};
use super::cells::{Cell, Key};
use super::deltas::{Event, PaidSend};
use super::figures::Figures;
use super::findings::{Findings, Stopped, Tally};
use super::judge::judge;
use super::rules::{Mode, Rule, Rules};
use super::verdict::{Fired, Outcome, Owner, Verdict};
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;

/// Room for the cells of a few million verifications: what a back-test forgets, it judges as unknown.
const MAX_BYTES: usize = 256 << 20;
/// Cells of which it is known when they were first sent to: about 100 MB. Of more, the time to the first block is not known.
const MOST_CELLS: usize = 1 << 20;
/// Of denials that share a row, so many change the figures.
const MOST_ALIKE: u32 = 10_000;

/// Whose past the replay needs, to know whether an owner would have been let through: approvals until then.
#[derive(Clone, Debug)]
pub struct Question {
    pub project: ProjectId,
    pub phone: PhoneNumber,
}

/// What happened to a number, in any order.
#[derive(Clone, Debug, Default)]
pub struct Past {
    pub approved: Vec<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Moment(usize),
    Approval,
}

type Due = Reverse<(DateTime<Utc>, Uuid, Kind)>;

pub struct Replay<R> {
    /// The rules that are tried, of a project.
    rules: R,
    /// What came before is counted as it was, and not judged.
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    figures: Figures,
    due: BinaryHeap<Due>,
    open: HashMap<Uuid, Open>,
    waiting: Option<Waiting>,
    total: Tally,
    of_rule: BTreeMap<Rule, Tally>,
    /// Of the first cells; see [`MOST_CELLS`].
    first_seen: HashMap<Key, DateTime<Utc>>,
    /// When owners were let through, by their numbers' hashes.
    excused: HashMap<(ProjectId, [u8; 16]), Vec<DateTime<Utc>>>,
    summed_up: u64,
}

struct Open {
    case: Case,
    left: usize,
    /// What was sent in the replay.
    sent: Vec<PaidSend>,
    /// The total denied its start, so nothing followed.
    is_over: bool,
    /// The code came by a message that the total would have stopped.
    is_lost: bool,
    /// A rule alone would have denied the start.
    denied_by: Vec<Rule>,
}

struct Waiting {
    id: Uuid,
    moment: Moment,
    is_start: bool,
    verdict: Verdict,
}

impl<'a, R: Fn(ProjectId) -> &'a Rules> Replay<R> {
    pub fn new(rules: R, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self {
            rules,
            from,
            to,
            figures: Figures::new(MAX_BYTES),
            due: BinaryHeap::new(),
            open: HashMap::new(),
            waiting: None,
            total: Tally::default(),
            of_rule: Rule::ALL.map(|rule| (rule, Tally::default())).into(),
            first_seen: HashMap::new(),
            excused: HashMap::new(),
            summed_up: 0,
        }
    }

    /// Adds a case. Those that come later start no earlier.
    pub fn push(&mut self, case: Case) {
        let id = case.id;
        for (place, moment) in case.moments.iter().enumerate() {
            self.due.push(Reverse((moment.at, id, Kind::Moment(place))));
        }
        if let Some(approval) = case.approval {
            self.due.push(Reverse((approval.at, id, Kind::Approval)));
        }
        let open = Open {
            left: case.moments.len() + usize::from(case.approval.is_some()),
            case,
            sent: Vec::new(),
            is_over: false,
            is_lost: true,
            denied_by: Vec::new(),
        };
        self.open.insert(id, open);
    }

    /// Goes on to this time, or to a question that [`Replay::answer`] answers first.
    pub fn run(&mut self, until: DateTime<Utc>) -> Option<Question> {
        let until = until.min(self.to);
        while let Some(Reverse((at, id, kind))) = self.due.peek().copied() {
            if at >= until {
                return None;
            }
            self.due.pop();
            match kind {
                Kind::Approval => self.approve(id),
                Kind::Moment(place) => {
                    if let Some(question) = self.meet(id, place) {
                        return Some(question);
                    }
                }
            }
            self.close(id);
        }
        None
    }

    /// What the last question asked for.
    pub fn answer(&mut self, past: &Past) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        let id = waiting.id;
        let owner = self.open.get(&id).map(|open| {
            let number = (open.case.facts.cells.project, open.case.number);
            owner_at(past, self.excused.get(&number), waiting.moment.at)
        });
        self.conclude(waiting, owner);
        self.close(id);
    }

    /// After the last case.
    #[must_use]
    pub fn findings(self) -> Findings {
        let rules = self.of_rule.into_iter();
        Findings {
            total: self.total.counts(),
            rules: rules.map(|(rule, tally)| (rule, tally.counts())).collect(),
            summed_up: self.summed_up,
        }
    }

    fn meet(&mut self, id: Uuid, place: usize) -> Option<Question> {
        let open = self.open.get_mut(&id)?;
        let case = &open.case;
        let moment = *case.moments.get(place)?;
        if open.is_over {
            return None;
        }
        if moment.at < self.from {
            if let Some(paid) = moment.paid {
                let send = PaidSend {
                    at: moment.at,
                    is_stopped: paid.was_stopped,
                };
                open.is_lost &= send.is_stopped;
                open.sent.push(send);
                // A block may be on when the span begins.
                let rules = (self.rules)(case.facts.cells.project);
                let verdict = judge(&case.facts, rules, &self.figures, moment.at);
                let counted = Event::Send {
                    cells: case.facts.cells,
                    send,
                    is_prefix_fired: verdict.has(Rule::UnverifiedPrefix),
                };
                for _ in 0..case.alike.clamp(1, MOST_ALIKE) {
                    self.figures.apply(&counted);
                }
            }
            return None;
        }
        for key in case.facts.cells.all() {
            if self.first_seen.len() < MOST_CELLS {
                self.first_seen.entry(key).or_insert(moment.at);
            }
        }
        let rules = (self.rules)(case.facts.cells.project);
        let verdict = judge(&case.facts, rules, &self.figures, moment.at);
        let question = case.phone.clone().map(|phone| Question {
            project: case.facts.cells.project,
            phone,
        });
        let fired = &mut verdict.rules.iter();
        let is_asked = fired.any(|fired| fired.rule.is_of_destination());
        let waiting = Waiting {
            id,
            moment,
            is_start: place == 0,
            verdict,
        };
        if let Some(question) = question.filter(|_| is_asked) {
            self.waiting = Some(waiting);
            return Some(question);
        }
        self.conclude(waiting, None);
        None
    }

    fn conclude(&mut self, waiting: Waiting, owner: Option<Owner>) {
        let Waiting {
            id,
            moment,
            is_start,
            mut verdict,
        } = waiting;
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        let fired = verdict.rules.clone();
        if let Some(owner) = owner {
            verdict.excuse(owner);
        }
        let case = &open.case;
        let judged = u64::from(case.alike);
        self.summed_up += judged - 1;
        let stopped = |outcome: Outcome| Stopped::of(case, moment, is_start, outcome);
        self.total.counts.judged += judged;
        self.total.stop(&stopped(verdict.outcome), judged);
        let first_stop = |tally: &mut Tally, fired: &Fired| {
            let key = case.facts.cells.key(fired.cell);
            if let (true, Some(first)) = (fired.cell != Cell::Number, self.first_seen.get(&key)) {
                let seconds = (moment.at - *first).num_seconds();
                tally.blocked.entry(key).or_insert(seconds);
            }
        };
        if verdict.outcome != Outcome::Allow {
            let enforced = fired.iter().filter(|fired| fired.mode == Mode::On);
            let stopping = enforced.filter(|fired| fired.effect != Outcome::Allow);
            stopping.for_each(|fired| first_stop(&mut self.total, fired));
        }
        for (rule, tally) in &mut self.of_rule {
            if open.denied_by.contains(rule) || !case.facts.cells.are_judged_by(*rule) {
                continue;
            }
            tally.counts.judged += judged;
            let own = fired.iter().filter(|fired| fired.rule == *rule);
            let Some(strictest) = own.clone().max_by_key(|fired| fired.effect) else {
                continue;
            };
            let is_excused = rule.is_of_destination()
                && owner.is_some_and(|owner| owner.is_let_through(moment.at));
            if is_excused {
                continue;
            }
            let outcome = match strictest.effect {
                Outcome::Challenge if !case.facts.has_challenge_channel => Outcome::Deny,
                outcome => outcome,
            };
            tally.stop(&stopped(outcome), judged);
            if is_start && outcome == Outcome::Deny {
                open.denied_by.push(*rule);
            }
            own.for_each(|fired| first_stop(tally, fired));
        }
        let is_denied = is_start && verdict.outcome == Outcome::Deny;
        open.is_over |= is_denied;
        if moment.paid.is_some() {
            open.is_lost &= verdict.outcome != Outcome::Allow;
        }
        if verdict.is_owner && moment.paid.is_some() {
            let number = (case.facts.cells.project, case.number);
            self.excused.entry(number).or_default().push(moment.at);
        }
        if moment.paid.is_some() || is_denied {
            for _ in 0..case.alike.clamp(1, MOST_ALIKE) {
                let send = self.figures.send(&case.facts.cells, &verdict, moment.at);
                open.sent.push(send);
            }
        }
    }

    fn approve(&mut self, id: Uuid) {
        let Some(open) = self.open.get(&id) else {
            return;
        };
        let Some(approval) = open.case.approval else {
            return;
        };
        if open.is_over || (approval.is_paid && open.is_lost) {
            return;
        }
        let case = &open.case;
        self.figures
            .approve(&case.facts.cells, case.number, &open.sent, approval.at);
    }

    fn close(&mut self, id: Uuid) {
        if let Some(open) = self.open.get_mut(&id) {
            open.left -= 1;
            if open.left == 0 {
                self.open.remove(&id);
            }
        }
    }
}

/// As live traffic sees it.
fn owner_at(past: &Past, excused: Option<&Vec<DateTime<Utc>>>, at: DateTime<Utc>) -> Owner {
    let approved = past.approved.iter().filter(|one| **one < at).max();
    let today = excused.into_iter().flatten();
    let today = today.filter(|one| at - **one < TimeDelta::days(1));
    Owner {
        approved_at: approved.copied(),
        used: u32::try_from(today.count()).unwrap_or(u32::MAX),
    }
}
