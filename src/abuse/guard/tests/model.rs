//! Figures and formulas against a naive model: lists of what happened and when, searched each time.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::abuse::guard::cells::Key;
use crate::abuse::guard::rules::Rule;
use crate::abuse::guard::verdict::{Outcome, Window};

/// Seconds.
const BUCKET: i64 = 300;

#[derive(Clone, Debug)]
struct Step {
    /// Seconds after the one before.
    wait: i64,
    cells: Cells,
    number: u64,
    /// Whether it is approved within the next step, and whether a send of it was paid for.
    is_approved: bool,
    is_paid: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![3 => 0..120_i64, 2 => 0..3_600_i64, 1 => 0..40_000_i64];
    let who = (0..3_usize, 0..3_u64, 0..3_u64, 0..4_u64);
    (wait, who, any::<bool>(), prop::bool::weighted(0.8)).prop_map(
        |(wait, (country, range, ip, number), is_approved, is_paid)| Step {
            wait,
            cells: Cells {
                networks: [Some(hash(ip / 2 + 100)), (ip == 2).then(|| hash(200))],
                asn: (ip > 0).then_some(64_496),
                ..from(
                    ip,
                    cells(["UZ", "KZ", "001"][country], range + 10 * country as u64),
                )
            },
            number,
            is_approved,
            is_paid,
        },
    )
}

#[derive(Default)]
struct Model {
    /// What was sent to whom and when, in seconds; taken out when it is approved.
    sends: Vec<(Cells, i64)>,
    verified: Vec<(Cells, u64, i64)>,
    /// Every paid send, verified or not.
    all: Vec<(Cells, i64)>,
}

impl Model {
    fn verified_of(&self, key: Key) -> Vec<(Cells, i64)> {
        let mut known = HashSet::new();
        let mut first = Vec::new();
        for (cells, number, at) in &self.verified {
            if cells.all().any(|own| own == key) && known.insert((*number, at / 86_400)) {
                first.push((*cells, *at));
            }
        }
        first
    }

    fn read(&self, key: Key, next: Cells, now: i64) -> Reading {
        let within = |at: &i64, buckets: i64| at / BUCKET > now / BUCKET - buckets;
        let is_own = |cells: &Cells| cells.all().any(|own| own == key);
        let sends: Vec<_> = self.sends.iter().filter(|(it, _)| is_own(it)).collect();
        let verified = self.verified_of(key);
        let count = |list: &[&(Cells, i64)], buckets| {
            let recent = list.iter().filter(|(_, at)| within(at, buckets));
            u32::try_from(recent.count()).unwrap()
        };
        let found: Vec<_> = verified.iter().collect();
        let is_destination = matches!(key.cell, Cell::Country(_) | Cell::Prefix(_));
        let day = |back| now / 86_400 - back;
        let per_day = |back| {
            verified
                .iter()
                .filter(|(_, at)| at / 86_400 == day(back))
                .count()
        };
        let best = |days: std::ops::Range<i64>| {
            let best = days.map(per_day).max().filter(|_| is_destination);
            u32::try_from(best.unwrap_or(0)).unwrap()
        };
        let mut countries = HashSet::from([next.country]);
        countries.extend(
            sends
                .iter()
                .filter(|(_, at)| within(at, 288))
                .map(|(it, _)| it.country),
        );
        for (cells, at) in &verified {
            if within(at, 288) {
                countries.remove(&cells.country);
            }
        }
        let is_address = matches!(key.cell, Cell::Ip(_));
        let mut reading = Reading {
            unverified_day: count(&sends, 288),
            unverified_hour: count(&sends, 12),
            verified_day: count(&found, 288),
            verified_hour: count(&found, 12),
            best_day: best(0..14),
            known_day: best(1..14),
            countries: if is_address {
                u32::try_from(countries.len()).unwrap()
            } else {
                0
            },
            ..Reading::default()
        };
        if matches!(key.cell, Cell::Country(_)) {
            let all: Vec<_> = self.all.iter().filter(|(it, _)| is_own(it)).collect();
            let hour = now / 3_600;
            let per_hour = |hour| all.iter().filter(|(_, at)| at / 3_600 == hour).count();
            let largest = (hour - 337..=hour - 2).map(per_hour).max().unwrap();
            reading.pace.hour = count(&all, 12);
            reading.pace.largest = u32::try_from(largest).unwrap();
            reading.pace.has_week = (hour - 337..=hour - 168).any(|hour| per_hour(hour) > 0);
        }
        reading
    }
}

/// The formulas of the budgets in whole thousandths and sixths, so that nothing is rounded: whether `value` is over the day's and the hour's.
fn is_over(key: Key, reading: &Reading, rules: &Rules) -> [bool; 2] {
    let is_destination = matches!(key.cell, Cell::Country(_) | Cell::Prefix(_));
    let own = match key.cell {
        Cell::Country(_) => &rules.unverified_country.usual,
        Cell::Prefix(_) => &rules.unverified_prefix.usual,
        Cell::Network(_) => &rules.unverified_network.usual,
        Cell::Asn(_) => &rules.unverified_asn.usual,
        _ => &rules.unverified_ip.usual,
    };
    let exact = |count: u32, parts: u64| u64::from(count) * 1_000 * parts;
    let share = |ratio: u16, count: u32| u64::from(ratio) * u64::from(count);
    let (daily, hourly) = (own.daily_ratio.0, own.hourly_ratio.0);
    let day = [
        exact(own.floor_day, 1),
        share(daily, reading.best_day),
        share(daily, reading.verified_day),
    ];
    let usual = if is_destination {
        reading.best_day
    } else {
        reading.verified_day
    };
    let this = if is_destination {
        6 * share(hourly, reading.verified_hour)
    } else {
        0
    };
    let known = match key.cell {
        Cell::Country(_) => reading.known_day.min(own.floor_day / 4),
        _ => 0,
    };
    let hour = [
        exact(own.floor_hour, 6),
        exact(known, 6),
        share(hourly, usual),
        this,
    ];
    [
        day.iter()
            .all(|most| exact(reading.unverified_day + 1, 1) > *most),
        hour.iter()
            .all(|most| exact(reading.unverified_hour + 1, 6) > *most),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn figures_and_formulas_are_those_of_a_list_of_times(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let (figures, rules) = (Figures::new(MAX), Rules::all(Mode::Shadow));
        let mut model = Model::default();
        let mut now = start().timestamp();
        for step in steps {
            now += step.wait;
            let at = DateTime::from_timestamp(now, 0).unwrap();
            let verdict = judge(&facts(step.cells), &rules, &figures, at);
            prop_assert_eq!(verdict.outcome, Outcome::Allow, "shadow rules stop nothing");
            for key in step.cells.all() {
                let expected = model.read(key, step.cells, now);
                prop_assert_eq!(read(&figures, &step.cells, key.cell, at), expected, "{:?}", key);
                for (over, window) in is_over(key, &expected, &rules).into_iter().zip([Window::Day, Window::Hour]) {
                    let has_fired = verdict.rules.iter().any(|fired| {
                        let is_counted = !matches!(fired.rule, Rule::Velocity | Rule::CountriesPerIp);
                        is_counted && fired.cell == key.cell && fired.window == window
                    });
                    prop_assert_eq!(has_fired, over, "{:?} {:?} {:?}", key, window, verdict.rules);
                }
            }
            let mut own = Vec::new();
            if step.is_paid {
                own.push(figures.send(&step.cells, &verdict, at));
                model.all.push((step.cells, now));
                model.sends.push((step.cells, now));
            }
            if step.is_approved {
                now += step.wait / 2;
                let at = DateTime::from_timestamp(now, 0).unwrap();
                figures.approve(&step.cells, number(step.number), &own, at);
                if step.is_paid {
                    model.sends.pop();
                }
                model.verified.push((step.cells, step.number, now));
            }
        }
    }
}
