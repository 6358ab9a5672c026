//! The figures as Markdown, and what misses the marks that the guard has set itself.

use std::fmt::Write as _;

use clap::ValueEnum as _;
use pinroute::abuse::guard::rules::{Mode, Ratio, Rules, Thresholds};
use pinroute::simulator::visitors::Kind;

use crate::traffic::{
    Attack, Course, Guard, Mark, Mix, Scene, Tally, honest, in_a_sandbox, marks, measure,
};

/// Each with people of its own.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;
/// Of a day, at which attacks begin: a quiet one, and two busy ones. The tables show the second.
const HOURS: [i64; 3] = [3, 11, 20];

/// What fits a site that sends everything by SMS: a challenge leaves nobody another channel there.
fn for_sms_alone() -> Rules {
    let mut rules = Rules::all(Mode::On);
    let budget = |floor_day, floor_hour| Thresholds {
        daily_ratio: Ratio(650),
        hourly_ratio: Ratio(650),
        floor_day,
        floor_hour,
    };
    rules.unverified_country.usual = budget(30, 10);
    rules.unverified_prefix.usual = budget(8, 5);
    rules.unverified_ip.usual = budget(15, 8);
    rules.unverified_network.usual = budget(80, 40);
    rules
}

/// The figures, and the marks that are missed.
pub fn all() -> (String, Vec<String>) {
    let (mut text, mut missed) = (String::new(), Vec::new());
    let ours = Guard::ours(Rules::all(Mode::On));
    let fitted = Guard::ours(for_sms_alone());
    people(&mut text, &mut missed, &ours, &fitted);
    attacks(&mut text, &mut missed, &ours);
    compared(&mut text);
    by_sms_alone(&mut text, &fitted);
    sandbox(&mut text, &ours);
    (text, missed)
}

fn people(text: &mut String, missed: &mut Vec<String>, ours: &Guard, fitted: &Guard) {
    text.push_str(
        "| honest traffic | rules | verifications | challenged | denied | kept out |\n|---|---|---:|---:|---:|---:|\n",
    );
    let authgears = Guard::authgears();
    for (traffic, rules, guard, mix) in [
        ("Telegram first", "ours", ours, Mix::TelegramFirst),
        ("", "Authgear's", &authgears, Mix::TelegramFirst),
        ("SMS alone", "ours", ours, Mix::SmsOnly),
        ("", "ours, fitted", fitted, Mix::SmsOnly),
        ("", "Authgear's", &authgears, Mix::SmsOnly),
    ] {
        let (mut all, mut why) = (Tally::default(), String::new());
        for seed in SEEDS {
            let (tally, fired) = honest(guard, scene(mix, seed));
            all = all + tally;
            let _ = write!(why, "{fired:?} ");
        }
        let _ = writeln!(
            text,
            "| {traffic} | {rules} | {} | {} |",
            thousands(all.starts),
            hurt(&all)
        );
        if traffic == "Telegram first" && !marks::spares(&all) {
            missed.push(format!("honest people: {}: {why}", hurt(&all)));
        }
    }
    text.push('\n');
}

fn attacks(text: &mut String, missed: &mut Vec<String>, ours: &Guard) {
    text.push_str(
        "| attack | starts | first stopped | stopped for good | paid in the first hour | in 24 h | cost | without a guard | honest: challenged | denied | kept out |\n|---|---:|---|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (name, attack) in a_day_each() {
        for hour in HOURS {
            let attack = Attack { hour, ..attack };
            let course = measured(ours, Mix::TelegramFirst, attack);
            if let Some(late) = marks::late(attack, &course) {
                missed.push(format!("{name} at {hour} h: {late}"));
            }
            if hour != HOURS[1] {
                continue;
            }
            let none = measured(&Guard::none(), Mix::TelegramFirst, attack);
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
                thousands(course.attack.starts),
                mark(course.first_stop),
                mark(course.stays_stopped),
                course.paid_in_first_hour,
                thousands(course.attack.paid),
                dollars(course.attack.cost()),
                dollars(none.attack.cost()),
                hurt(&course.honest)
            );
        }
    }
    text.push('\n');
}

fn compared(text: &mut String) {
    text.push_str("| attack, by Authgear's rules | first stopped | stopped for good | paid in the first hour | in 24 h | cost | honest: challenged | denied | kept out |\n|---|---|---|---:|---:|---:|---:|---:|---:|\n");
    rows(text, &Guard::authgears(), Mix::TelegramFirst);
}

fn by_sms_alone(text: &mut String, fitted: &Guard) {
    text.push_str("| attack, on SMS alone, fitted | first stopped | stopped for good | paid in the first hour | in 24 h | cost | honest: challenged | denied | kept out |\n|---|---|---|---:|---:|---:|---:|---:|---:|\n");
    rows(text, fitted, Mix::SmsOnly);
}

fn rows(text: &mut String, guard: &Guard, mix: Mix) {
    for (name, attack) in a_day_each() {
        let course = measured(guard, mix, attack);
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            mark(course.first_stop),
            mark(course.stays_stopped),
            course.paid_in_first_hour,
            thousands(course.attack.paid),
            dollars(course.attack.cost()),
            hurt(&course.honest)
        );
    }
    text.push('\n');
}

fn sandbox(text: &mut String, ours: &Guard) {
    text.push_str("| attack, on a new sandbox | first stopped | paid in all | honest: starts | denied |\n|---|---|---:|---:|---:|\n");
    for kind in Kind::value_variants() {
        let Course {
            first_stop,
            attack,
            honest,
            ..
        } = in_a_sandbox(ours, *kind);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            name(*kind),
            mark(first_stop),
            attack.paid,
            honest.starts,
            honest.denied
        );
    }
}

/// Each attack with its name: a day long, one start a second, or what `slow` makes of it.
fn a_day_each() -> Vec<(String, Attack)> {
    let attack = |kind: Kind, is_elsewhere| Attack {
        kind,
        rate: 1.0,
        seconds: 86_400,
        hour: HOURS[1],
        is_elsewhere,
    };
    let kinds = Kind::value_variants().iter();
    let mut all: Vec<(String, Attack)> = kinds
        .map(|kind| (name(*kind), attack(*kind, false)))
        .collect();
    let name = format!("{} elsewhere", name(Kind::RotatingPrefix));
    all.insert(2, (name, attack(Kind::RotatingPrefix, true)));
    all
}

/// With two weeks of history.
fn scene(mix: Mix, seed: u64) -> Scene {
    Scene {
        mix,
        history: 14,
        seed,
    }
}

fn measured(guard: &Guard, mix: Mix, attack: Attack) -> Course {
    let mut courses = measure(guard, scene(mix, 1), &[attack]);
    courses.remove(0)
}

fn name(kind: Kind) -> String {
    let value = kind.to_possible_value();
    let name = value.as_ref().map_or("", |value| value.get_name());
    format!("`{name}`")
}

fn mark(mark: Option<Mark>) -> String {
    let Some(Mark { paid, seconds }) = mark else {
        return "never".to_owned();
    };
    let time = match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    };
    format!("{paid} paid, {time}")
}

/// Of honest verifications: challenged, denied, and of those who would have entered a code, kept out.
fn hurt(tally: &Tally) -> String {
    let share = |count: u64, of: u64| {
        if count == 0 {
            return "0".to_owned();
        }
        let parts = (count * 10_000).div_ceil(of.max(1));
        format!("{}.{:02} %", parts / 100, parts % 100)
    };
    format!(
        "{} | {} | {}",
        share(tally.challenged, tally.starts),
        share(tally.denied, tally.starts),
        share(tally.kept_out, tally.approved + tally.kept_out)
    )
}

fn dollars(cents: u64) -> String {
    format!("${}.{:02}", thousands(cents / 100), cents % 100)
}

fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
