//! Attacks and honest traffic, seeded, with every rule enforced.
//!
//! A site with 2,000 verifications a day, Telegram first and 30 % by SMS, of which 70 % are approved. Most visitors share the addresses
//! of four mobile operators. One in ten is abroad.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;
use crate::abuse::guard::rules::Rule;
use crate::abuse::guard::verdict::Outcome;

const PER_DAY: u64 = 2_000;
/// Per mille of a day's visitors in each hour.
const HOURLY: [u64; 24] = [
    10, 6, 4, 3, 4, 8, 18, 34, 50, 58, 60, 60, 58, 56, 56, 58, 60, 62, 64, 66, 68, 62, 47, 28,
];

/// What honest days came to.
#[derive(Debug, Default)]
struct Count {
    judged: u32,
    paid: u32,
    challenged: u32,
    /// Messages that were held back.
    held: u32,
    denied: u32,
    /// By rule and window, to explain a failure.
    fired: std::collections::BTreeMap<String, u32>,
}

impl Count {
    fn add(&mut self, verdict: &Verdict) {
        self.judged += 1;
        self.challenged += u32::from(verdict.outcome == Outcome::Challenge);
        self.denied += u32::from(verdict.outcome == Outcome::Deny);
        for fired in &verdict.rules {
            let what = format!("{} {:?}", fired.rule.as_str(), fired.window);
            *self.fired.entry(what).or_default() += 1;
        }
    }
}

struct Site {
    figures: Figures,
    rules: Rules,
    chance: Chance,
    people: u64,
    /// Approvals to come: when, whose, and their sends.
    due: BinaryHeap<Reverse<(DateTime<Utc>, u64)>>,
    pending: std::collections::HashMap<u64, (Cells, Vec<PaidSend>)>,
}

impl Site {
    fn new(seed: u64, rules: Rules) -> Self {
        Self {
            figures: Figures::new(32 << 20),
            rules,
            chance: Chance(seed),
            people: 0,
            due: BinaryHeap::new(),
            pending: std::collections::HashMap::new(),
        }
    }

    fn visitor(&mut self) -> Cells {
        let abroad = ["KZ", "KG", "TJ", "RU", "TR"];
        let is_abroad = self.chance.percent(10);
        let (code, ranges) = if is_abroad {
            (abroad[usize::try_from(self.chance.below(5)).unwrap()], 400)
        } else {
            ("UZ", 800)
        };
        let letters = u64::from(code.as_bytes()[0]) * 256 + u64::from(code.as_bytes()[1]);
        let range = self.chance.below(ranges);
        // Operators translate many subscribers to few addresses.
        let (operator, host) = if self.chance.percent(60) {
            let operator = self.chance.below(4);
            (operator, operator * 1_000 + self.chance.below(60))
        } else {
            (
                4 + self.chance.below(6),
                10_000 + self.chance.below(200_000),
            )
        };
        Cells {
            networks: [Some(hash(host / 20)), None],
            asn: Some(u32::try_from(operator).unwrap()),
            ..from(host, cells(code, letters * 1_000 + range))
        }
    }

    fn approve_until(&mut self, now: DateTime<Utc>) {
        while self.due.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, person))) = self.due.pop() else {
                return;
            };
            let (cells, sends) = self.pending.remove(&person).unwrap();
            self.figures.approve(&cells, number(person), &sends, at);
        }
    }

    /// One honest visitor: judged at the create, and again when the code goes by SMS, once or twice.
    fn visit(&mut self, at: DateTime<Utc>, count: &mut Count) {
        self.approve_until(at);
        let cells = self.visitor();
        self.people += 1;
        let verdict = judge(&facts(cells), &self.rules, &self.figures, at);
        count.add(&verdict);
        let mut sends = Vec::new();
        let is_approved = self.chance.percent(70);
        if self.chance.percent(30) {
            let again = !is_approved && self.chance.percent(30);
            for _ in 0..=u32::from(again) {
                let (verdict, sent) = send(&self.figures, &self.rules, cells, at);
                count.add(&verdict);
                count.paid += 1;
                count.held += u32::from(sent.is_stopped);
                sends.push(sent);
            }
        }
        if is_approved {
            let wait = 15 + i64::try_from(self.chance.below(120)).unwrap();
            self.due
                .push(Reverse((at + TimeDelta::seconds(wait), self.people)));
            self.pending.insert(self.people, (cells, sends));
        }
    }

    /// A day from `day` days after the start; `campaign` triples one hour.
    fn day(&mut self, day: i64, campaign: Option<usize>, count: &mut Count) {
        for (hour, share) in HOURLY.into_iter().enumerate() {
            self.hour(day, hour, share, campaign, count);
        }
    }

    fn hour(
        &mut self,
        day: i64,
        hour: usize,
        share: u64,
        campaign: Option<usize>,
        count: &mut Count,
    ) {
        let times = if campaign == Some(hour) { 3 } else { 1 };
        let visitors = PER_DAY * share * times / 1_000;
        let begin = start() + TimeDelta::days(day) + hours(i64::try_from(hour).unwrap());
        let mut seconds: Vec<i64> = (0..visitors)
            .map(|_| i64::try_from(self.chance.below(3_600)).unwrap())
            .collect();
        seconds.sort_unstable();
        for second in seconds {
            self.visit(begin + TimeDelta::seconds(second), count);
        }
    }

    /// With two weeks behind it.
    fn with_history(seed: u64, rules: Rules) -> Self {
        let mut site = Self::new(seed, rules);
        for day in 0..14 {
            site.day(day, None, &mut Count::default());
        }
        site
    }

    /// Sends a second apart, each from another address, until one is challenged; how many were counted before.
    fn attack(&self, fresh: u64, target: impl Fn(u64) -> Cells, begin: DateTime<Utc>) -> u64 {
        let mut counted = 0;
        for second in 0..500 {
            let at = begin + TimeDelta::seconds(second);
            let other = (fresh + second.unsigned_abs()) * 1_000;
            let cells = Cells {
                networks: [Some(hash(other / 20)), None],
                asn: Some(u32::try_from(fresh + second.unsigned_abs()).unwrap()),
                ..from(other, target(counted))
            };
            let (verdict, _) = send(&self.figures, &self.rules, cells, at);
            if verdict.outcome != Outcome::Allow {
                return counted;
            }
            counted += 1;
        }
        counted
    }
}

#[test]
fn attacks_are_challenged_early_at_any_hour() {
    let rules = Rules::all(Mode::On);
    let mut site = Site::with_history(1, rules);
    for (hour, share) in HOURLY.into_iter().enumerate() {
        site.hour(14, hour, share, None, &mut Count::default());
        if !matches!(hour, 3 | 11 | 20) {
            continue;
        }
        let hour = i64::try_from(hour).unwrap() + 1;
        let now = start() + TimeDelta::days(14) + hours(hour);
        let mut fresh = hour.unsigned_abs() * 1_000_000;
        let mut rotating = |code| {
            fresh += 10_000;
            site.attack(fresh, |place| cells(code, fresh + place), now)
        };
        let (home, abroad, unknown) = (rotating("UZ"), rotating("TJ"), rotating("ET"));
        let later = now + hours(2);
        let one = site.attack(fresh + 20_000, |_| cells("UZ", fresh + 20_000), later);
        println!(
            "at {hour} h: sends before the challenge: home {home}, abroad {abroad}, unknown {unknown}, one prefix {one}"
        );
        assert!(home <= 60 && abroad <= 60 && unknown <= 60, "rotating");
        assert!(one <= 10, "one prefix: {one}");
    }
}

#[test]
fn honest_traffic_with_a_campaign_is_hardly_challenged_and_never_denied() {
    let mut addresses = Rules::all(Mode::On);
    for rule in [Rule::UnverifiedNetwork, Rule::UnverifiedAsn] {
        *addresses.mode_mut(rule) = Mode::Shadow;
    }
    for (name, rules) in [
        ("all rules", Rules::all(Mode::On)),
        ("networks in shadow", addresses),
    ] {
        let mut all = Count::default();
        for seed in [1, 3] {
            let mut site = Site::with_history(seed, rules.clone());
            site.day(14, None, &mut all);
            site.day(15, Some(20), &mut all);
        }
        println!("{name}: {all:?}");
        assert!(all.judged > 10_000 && all.paid > 2_500);
        assert!(all.challenged * 1_000 < all.judged * 5, "{all:?}");
        assert!(all.held * 100 < all.paid, "of messages alone: {all:?}");
        assert_eq!(all.denied, 0);
    }
}
