//! A site and its gateway: each message is judged and counted as live traffic is, by the live `judge` and `Figures`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::ops::Sub;

use chrono::{DateTime, TimeDelta, Utc};
use pinroute::abuse::guard::cells::Cells;
use pinroute::abuse::guard::deltas::PaidSend;
use pinroute::abuse::guard::figures::{Figures, MAX_BYTES};
use pinroute::abuse::guard::judge::{Facts, judge};
use pinroute::abuse::guard::rules::{Mode, Rule, Rules};
use pinroute::abuse::guard::verdict::{Outcome, Owner, Verdict};
use pinroute::abuse::network::networks;
use pinroute::verification::id::ProjectId;
use pinroute::verification::origin::TraceHash;
use pinroute::verification::phone::{Country, LineType};
use uuid::Uuid;

/// Of one SMS, and of one message by Telegram, in US cents. Telegram refunds what it cannot deliver.
const SMS: u64 = 5;
const TELEGRAM: u64 = 1;
/// Telegram says at once that a number is not there.
const REFUSAL: TimeDelta = TimeDelta::seconds(1);

/// By what rules a site is guarded, and what their verdicts mean.
#[derive(Clone)]
pub struct Guard {
    pub rules: Rules,
    /// A challenge leaves Telegram to who may use it, and an owner is let through.
    pub is_ours: bool,
}

impl Guard {
    /// Every rule of ours enforced, with these figures.
    pub fn ours(rules: Rules) -> Self {
        Self {
            rules,
            is_ours: true,
        }
    }

    /// The rules and figures that Authgear publishes, alone: unverified messages by country and by address, and countries by address;
    /// each denies.
    pub fn authgears() -> Self {
        let mut rules = Rules::all(Mode::Off);
        for rule in [
            Rule::UnverifiedCountry,
            Rule::UnverifiedIp,
            Rule::CountriesPerIp,
        ] {
            *rules.mode_mut(rule) = Mode::On;
        }
        Self {
            rules,
            is_ours: false,
        }
    }

    pub fn none() -> Self {
        Self {
            rules: Rules::all(Mode::Off),
            is_ours: false,
        }
    }
}

/// How a code is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The usual route, by somebody with Telegram.
    Telegram,
    /// The usual route, which falls to SMS.
    Fallback,
    Sms,
}

#[derive(Clone, Debug)]
pub struct Visitor {
    pub cells: Cells,
    pub number: u64,
    pub way: Way,
    /// How long after the last message the code is entered; `None`: it never is.
    pub enters: Option<TimeDelta>,
    /// How long after the first SMS another one is asked for.
    pub again: Option<TimeDelta>,
    pub is_attack: bool,
}

/// What visitors came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub starts: u64,
    /// Verifications with a challenge.
    pub challenged: u64,
    /// Starts and resends that were denied.
    pub denied: u64,
    /// Messages by SMS that were sent, and held back or denied.
    pub paid: u64,
    pub held: u64,
    /// By Telegram.
    pub telegram: u64,
    /// Entered a code, and would have, had one come.
    pub approved: u64,
    pub kept_out: u64,
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            starts: self.starts - other.starts,
            challenged: self.challenged - other.challenged,
            denied: self.denied - other.denied,
            paid: self.paid - other.paid,
            held: self.held - other.held,
            telegram: self.telegram - other.telegram,
            approved: self.approved - other.approved,
            kept_out: self.kept_out - other.kept_out,
        }
    }
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            starts: self.starts + other.starts,
            challenged: self.challenged + other.challenged,
            denied: self.denied + other.denied,
            paid: self.paid + other.paid,
            held: self.held + other.held,
            telegram: self.telegram + other.telegram,
            approved: self.approved + other.approved,
            kept_out: self.kept_out + other.kept_out,
        }
    }
}

impl Tally {
    /// In cents.
    pub fn cost(&self) -> u64 {
        self.paid * SMS + self.telegram * TELEGRAM
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Fallback,
    Again,
    Enter,
}

struct Open {
    visitor: Visitor,
    sends: Vec<PaidSend>,
    /// Starts and resends.
    asked: u32,
    has_code: bool,
    is_challenged: bool,
}

/// What is known of a number.
#[derive(Default)]
struct Past {
    approved_at: Option<DateTime<Utc>>,
    asked: Vec<DateTime<Utc>>,
}

pub struct Site {
    figures: Figures,
    guard: Guard,
    due: BinaryHeap<Reverse<(DateTime<Utc>, u64, Step)>>,
    open: HashMap<u64, Open>,
    next: u64,
    past: HashMap<u64, Past>,
    pub honest: Tally,
    pub attack: Tally,
    /// Each message that the attack asked for: when, and whether it was sent.
    pub course: Vec<(DateTime<Utc>, bool)>,
    /// Of honest verifications, which rules stopped a message, and over which window.
    pub fired: std::collections::BTreeMap<String, u64>,
}

impl Site {
    pub fn new(guard: Guard) -> Self {
        Self {
            figures: Figures::new(MAX_BYTES),
            guard,
            due: BinaryHeap::new(),
            open: HashMap::new(),
            next: 0,
            past: HashMap::new(),
            honest: Tally::default(),
            attack: Tally::default(),
            course: Vec::new(),
            fired: std::collections::BTreeMap::new(),
        }
    }

    /// Whatever falls due until then: fallbacks, resends, codes that are entered.
    pub fn pass(&mut self, until: DateTime<Utc>) {
        while let Some(Reverse((at, id, step))) = self.due.peek().copied() {
            if at > until {
                return;
            }
            self.due.pop();
            let Some(mut open) = self.open.remove(&id) else {
                continue;
            };
            match step {
                Step::Fallback => self.fall_back(id, &mut open, at),
                Step::Again => self.resend(id, &mut open, at),
                Step::Enter => {
                    self.enter(&open, at);
                    continue;
                }
            }
            self.open.insert(id, open);
        }
    }

    pub fn start(&mut self, visitor: Visitor, at: DateTime<Utc>) {
        self.pass(at);
        self.tally(&visitor).starts += 1;
        let verdict = self.judge(&visitor, 0, at);
        let id = self.next;
        self.next += 1;
        let mut open = Open {
            visitor,
            sends: Vec::new(),
            asked: 1,
            has_code: false,
            is_challenged: false,
        };
        self.note(&mut open, &verdict);
        if verdict.outcome == Outcome::Deny {
            self.figures.send(&open.visitor.cells, &verdict, at);
            self.deny(&open, at);
            return;
        }
        let past = self.past.entry(open.visitor.number).or_default();
        past.asked.retain(|asked| at - *asked < TimeDelta::days(1));
        past.asked.push(at);
        match open.visitor.way {
            Way::Telegram => {
                open.has_code = true;
                self.tally(&open.visitor).telegram += 1;
                self.expect(id, &open, at);
            }
            Way::Fallback => self.due.push(Reverse((at + REFUSAL, id, Step::Fallback))),
            Way::Sms => self.send(id, &mut open, &verdict, at),
        }
        self.open.insert(id, open);
    }

    fn fall_back(&mut self, id: u64, open: &mut Open, at: DateTime<Utc>) {
        let verdict = self.judge(&open.visitor, open.asked, at);
        self.note(open, &verdict);
        self.send(id, open, &verdict, at);
    }

    fn resend(&mut self, id: u64, open: &mut Open, at: DateTime<Utc>) {
        let verdict = self.judge(&open.visitor, open.asked, at);
        self.note(open, &verdict);
        open.visitor.again = None;
        if verdict.outcome == Outcome::Deny {
            self.figures.send(&open.visitor.cells, &verdict, at);
            let tally = self.tally(&open.visitor);
            tally.denied += 1;
            tally.held += 1;
            self.expect(id, open, at);
            return;
        }
        open.asked += 1;
        let past = self.past.entry(open.visitor.number).or_default();
        past.asked.push(at);
        self.send(id, open, &verdict, at);
    }

    fn send(&mut self, id: u64, open: &mut Open, verdict: &Verdict, at: DateTime<Utc>) {
        let sent = self.figures.send(&open.visitor.cells, verdict, at);
        open.sends.push(sent);
        let tally = self.tally(&open.visitor);
        if sent.is_stopped {
            tally.held += 1;
        } else {
            tally.paid += 1;
            open.has_code = true;
        }
        if open.visitor.is_attack {
            self.course.push((at, !sent.is_stopped));
        }
        match open.visitor.again {
            Some(wait) => self.due.push(Reverse((at + wait, id, Step::Again))),
            None => self.expect(id, open, at),
        }
    }

    /// That the code is entered, or would have been.
    fn expect(&mut self, id: u64, open: &Open, at: DateTime<Utc>) {
        if let Some(wait) = open.visitor.enters {
            self.due.push(Reverse((at + wait, id, Step::Enter)));
        }
    }

    fn enter(&mut self, open: &Open, at: DateTime<Utc>) {
        if !open.has_code {
            self.tally(&open.visitor).kept_out += 1;
            return;
        }
        self.tally(&open.visitor).approved += 1;
        let number = u128::from(open.visitor.number).to_be_bytes();
        self.figures
            .approve(&open.visitor.cells, number, &open.sends, at);
        let past = self.past.entry(open.visitor.number).or_default();
        past.approved_at = Some(at);
    }

    fn deny(&mut self, open: &Open, at: DateTime<Utc>) {
        let tally = self.tally(&open.visitor);
        tally.denied += 1;
        tally.held += u64::from(open.visitor.way != Way::Telegram);
        tally.kept_out += u64::from(open.visitor.enters.is_some());
        if open.visitor.is_attack {
            self.course.push((at, false));
        }
    }

    /// As the gateway does: by what is counted now, and an owner is let through.
    fn judge(&self, visitor: &Visitor, own: u32, at: DateTime<Utc>) -> Verdict {
        let facts = Facts {
            cells: visitor.cells,
            line: LineType::Mobile,
            listed: None,
            is_monitored: false,
            has_challenge_channel: self.guard.is_ours && visitor.way != Way::Sms,
        };
        let mut verdict = judge(&facts, &self.guard.rules, &self.figures, at);
        if self.guard.is_ours
            && verdict.may_be_excused()
            && let Some(past) = self.past.get(&visitor.number)
        {
            let today = past
                .asked
                .iter()
                .filter(|asked| at - **asked < TimeDelta::days(1));
            let used = u32::try_from(today.count()).unwrap_or(u32::MAX);
            verdict.excuse(Owner {
                approved_at: past.approved_at,
                used: used.saturating_sub(own),
            });
        }
        verdict
    }

    fn note(&mut self, open: &mut Open, verdict: &Verdict) {
        if verdict.outcome == Outcome::Challenge && !open.is_challenged {
            open.is_challenged = true;
            self.tally(&open.visitor).challenged += 1;
        }
        if verdict.outcome != Outcome::Allow && !open.visitor.is_attack {
            for fired in verdict.rules.iter().filter(|fired| fired.mode == Mode::On) {
                let rule = fired.rule.as_str();
                let what = format!(
                    "{rule} {} {}",
                    fired.window.as_str(),
                    open.visitor.cells.country
                );
                *self.fired.entry(what).or_default() += 1;
            }
        }
    }

    fn tally(&mut self, visitor: &Visitor) -> &mut Tally {
        if visitor.is_attack {
            &mut self.attack
        } else {
            &mut self.honest
        }
    }
}

/// All cells of a visitor; `number`: the digits.
pub fn cells(country: Country, number: u64, ip: IpAddr) -> Cells {
    let hash = |what: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        what(&mut hasher);
        TraceHash(hasher.finish().to_be_bytes())
    };
    let networks = networks(ip);
    let mut networks = networks
        .iter()
        .map(|network| hash(&|hasher| network.hash(hasher)));
    Cells {
        project: ProjectId(Uuid::from_u128(1)),
        country,
        prefix: hash(&|hasher| (number / 10_000).hash(hasher)),
        ip: Some(hash(&|hasher| ip.hash(hasher))),
        networks: [networks.next(), networks.next()],
        asn: None,
        host: None,
    }
}
