//! The one decision of the guard. Live traffic and a back-test call it; it reads figures and changes nothing.

use chrono::{DateTime, Utc};

use super::cells::{Cell, Cells, Key};
use super::figures::{Figures, Reading};
use super::rules::{Mode, Rule, Rules, Thresholds, Unverified};
use super::verdict::{Fired, Outcome, Verdict, Window};
use crate::abuse::lists::List;
use crate::verification::phone::LineType;

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub cells: Cells,
    pub line: LineType,
    /// What the lists say.
    pub listed: Option<List>,
    /// `countries.monitor` has it.
    pub is_monitored: bool,
    /// The route has one of [`Rules::challenge_channels`]; without one, a challenge is a denial.
    pub has_challenge_channel: bool,
}

/// Judges one send: a create, a resend, or a step that pays for termination. An unremarkable allow allocates nothing.
#[must_use]
pub fn judge(facts: &Facts, rules: &Rules, figures: &Figures, now: DateTime<Utc>) -> Verdict {
    let mut verdict = Verdict::allow(now);
    if facts.listed == Some(List::Allow) {
        return verdict;
    }
    let judging = Judging {
        facts,
        rules,
        figures,
        now,
    };
    judging.number(&mut |fired| verdict.rules.push(fired));
    // Without its past, a country's best days are not known, and honest traffic would be stopped.
    let most = if figures.knows_past() {
        Mode::On
    } else {
        Mode::Shadow
    };
    judging.destination(&mut |fired: Fired| {
        let mode = fired.mode.min(most);
        verdict.rules.push(Fired { mode, ..fired });
    });
    judging.requester(&mut |fired| verdict.rules.push(fired));
    verdict.decide(facts.has_challenge_channel);
    verdict
}

struct Judging<'a> {
    facts: &'a Facts,
    rules: &'a Rules,
    figures: &'a Figures,
    now: DateTime<Utc>,
}

/// The most sends without a verification.
#[derive(Clone, Copy)]
struct Budget {
    day: u32,
    hour: u32,
}

impl Budget {
    /// Authgear's, but for the hour of a country in which people were approved before today: it has room for as many as on the best day,
    /// up to a quarter of the day's floor. With three, most honest people that are challenged at all are those of countries with a
    /// few visitors a day (`benches/merit`).
    fn of_country(own: &Thresholds, reading: &Reading) -> Self {
        let mut budget = Self::of_destination(own, reading);
        budget.hour = budget.hour.max(reading.known_day.min(own.floor_day / 4));
        budget
    }

    /// Authgear's for a country. The best of 14 days, not their mean, so that it does not fall after a busy day; what was verified
    /// lately raises it during a true peak.
    fn of_destination(own: &Thresholds, reading: &Reading) -> Self {
        let (daily, hourly) = (own.daily_ratio, own.hourly_ratio);
        let day = daily.of(reading.best_day.max(reading.verified_day), 1);
        let usual_hour = hourly.of(reading.best_day, 6);
        let this_hour = hourly.of(reading.verified_hour, 1);
        Self {
            day: own.floor_day.max(day),
            hour: own.floor_hour.max(usual_hour).max(this_hour),
        }
    }

    /// Authgear's for an address, which has no past.
    fn of_requester(own: &Thresholds, reading: &Reading) -> Self {
        let day = own.daily_ratio.of(reading.verified_day, 1);
        let hour = own.hourly_ratio.of(reading.verified_day, 6);
        Self {
            day: own.floor_day.max(day),
            hour: own.floor_hour.max(hour),
        }
    }
}

impl Judging<'_> {
    /// What counts nothing.
    fn number(&self, fire: &mut impl FnMut(Fired)) {
        let line = &self.rules.line_type;
        let is_denied = line.deny.contains(&self.facts.line);
        let is_listed = self.facts.listed == Some(List::Block);
        let (listed, monitored) = (self.rules.listed, self.rules.monitored);
        let is_monitored = self.facts.is_monitored;
        for (rule, mode, has_fired, effect) in [
            (Rule::Listed, listed, is_listed, Outcome::Deny),
            (Rule::LineType, line.mode, is_denied, Outcome::Deny),
            (Rule::Monitored, monitored, is_monitored, Outcome::Allow),
        ] {
            if has_fired && mode != Mode::Off {
                fire(Fired {
                    rule,
                    mode,
                    cell: Cell::Number,
                    value: 1,
                    threshold: 0,
                    window: Window::Now,
                    effect,
                });
            }
        }
    }

    fn destination(&self, fire: &mut impl FnMut(Fired)) {
        let (facts, rules) = (self.facts, self.rules);
        let country = Cell::Country(facts.cells.country);
        let own_rule = &rules.unverified_country;
        if own_rule.mode != Mode::Off || rules.velocity.mode != Mode::Off {
            let reading = self.read(country);
            if own_rule.mode != Mode::Off {
                let own = own_rule.thresholds(facts.cells.country);
                let budget = Budget::of_country(own, &reading);
                let rule = Rule::UnverifiedCountry;
                unverified(rule, own_rule, country, &reading, budget, fire);
            }
            self.velocity(country, &reading, fire);
        }
        let own_rule = &rules.unverified_prefix;
        if own_rule.mode != Mode::Off {
            let prefix = Cell::Prefix(facts.cells.prefix);
            let reading = self.read(prefix);
            let own = own_rule.thresholds(facts.cells.country);
            let budget = Budget::of_destination(own, &reading);
            let rule = Rule::UnverifiedPrefix;
            unverified(rule, own_rule, prefix, &reading, budget, fire);
            if self.figures.is_blocked(&self.key(prefix), self.now) {
                fire(Fired {
                    rule,
                    mode: own_rule.mode,
                    cell: prefix,
                    value: reading.unverified_day.saturating_add(1),
                    threshold: budget.day,
                    window: Window::Block,
                    effect: Outcome::Challenge,
                });
            }
        }
    }

    fn requester(&self, fire: &mut impl FnMut(Fired)) {
        let (cells, rules) = (&self.facts.cells, self.rules);
        if let Some(ip) = cells.ip.map(Cell::Ip) {
            let countries = &rules.countries_per_ip;
            let has_ip = rules.unverified_ip.mode != Mode::Off || countries.mode != Mode::Off;
            let reading = if has_ip {
                self.read(ip)
            } else {
                Reading::default()
            };
            requester_cell(Rule::UnverifiedIp, &rules.unverified_ip, ip, &reading, fire);
            if countries.mode != Mode::Off && reading.countries > countries.max {
                fire(Fired {
                    rule: Rule::CountriesPerIp,
                    mode: countries.mode,
                    cell: ip,
                    value: reading.countries,
                    threshold: countries.max,
                    window: Window::Day,
                    effect: Outcome::Challenge,
                });
            }
        }
        let networks = cells.networks.into_iter().flatten().map(Cell::Network);
        for (rule, own, cell) in networks
            .map(|cell| (Rule::UnverifiedNetwork, &rules.unverified_network, cell))
            .chain(
                cells
                    .asn
                    .map(|asn| (Rule::UnverifiedAsn, &rules.unverified_asn, Cell::Asn(asn))),
            )
        {
            if own.mode != Mode::Off {
                requester_cell(rule, own, cell, &self.read(cell), fire);
            }
        }
    }

    fn velocity(&self, cell: Cell, reading: &Reading, fire: &mut impl FnMut(Fired)) {
        let velocity = &self.rules.velocity;
        let surge = velocity.surge(self.facts.cells.country);
        let pace = &reading.pace;
        let value = pace.hour.saturating_add(1);
        let threshold = surge.minimum.max(pace.largest.saturating_mul(surge.k));
        // Without a week of history nothing is known of what is usual.
        let most = if pace.has_week {
            Mode::On
        } else {
            Mode::Shadow
        };
        let mode = velocity.mode.min(most);
        if mode != Mode::Off && value > threshold {
            fire(Fired {
                rule: Rule::Velocity,
                mode,
                cell,
                value,
                threshold,
                window: Window::Hour,
                effect: Outcome::Challenge,
            });
        }
    }

    fn read(&self, cell: Cell) -> Reading {
        let next = matches!(cell, Cell::Ip(_)).then_some(self.facts.cells.country);
        self.figures.read(&self.key(cell), next, self.now)
    }

    fn key(&self, cell: Cell) -> Key {
        self.facts.cells.key(cell)
    }
}

/// Fires once for each window that this send would overrun.
fn unverified(
    rule: Rule,
    own: &Unverified,
    cell: Cell,
    reading: &Reading,
    budget: Budget,
    fire: &mut impl FnMut(Fired),
) {
    for (counted, threshold, window) in [
        (reading.unverified_day, budget.day, Window::Day),
        (reading.unverified_hour, budget.hour, Window::Hour),
    ] {
        let value = counted.saturating_add(1);
        if value <= threshold {
            continue;
        }
        // One address is one requester; a range, a network or a country has honest ones too.
        let is_denied = rule == Rule::UnverifiedIp && value >= threshold.saturating_mul(2);
        fire(Fired {
            rule,
            mode: own.mode,
            cell,
            value,
            threshold,
            window,
            effect: if is_denied {
                Outcome::Deny
            } else {
                Outcome::Challenge
            },
        });
    }
}

fn requester_cell(
    rule: Rule,
    own: &Unverified,
    cell: Cell,
    reading: &Reading,
    fire: &mut impl FnMut(Fired),
) {
    if own.mode != Mode::Off {
        let budget = Budget::of_requester(&own.usual, reading);
        unverified(rule, own, cell, reading, budget, fire);
    }
}
