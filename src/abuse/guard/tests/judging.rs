//! Which rule fires when, and what follows.

use super::*;
use crate::abuse::guard::rules::{Ratio, Rule, Thresholds};
use crate::abuse::guard::verdict::{Outcome, Owner, Window};
use crate::abuse::lists::List;
use crate::verification::channel::Channel;

fn on(rule: Rule) -> Rules {
    let mut rules = Rules::all(Mode::Off);
    *rules.mode_mut(rule) = Mode::On;
    rules
}

/// What became of sends a second apart.
fn outcomes(
    figures: &Figures,
    rules: &Rules,
    all: impl IntoIterator<Item = Cells>,
) -> Vec<Outcome> {
    let sends = all.into_iter().zip(0..);
    let at = |second| start() + TimeDelta::seconds(second);
    sends
        .map(|(cells, second)| send(figures, rules, cells, at(second)).0.outcome)
        .collect()
}

fn allowed(outcomes: &[Outcome]) -> usize {
    let allowed = |outcome: &&Outcome| **outcome == Outcome::Allow;
    outcomes.iter().take_while(allowed).count()
}

/// So many people were verified.
fn verify(figures: &Figures, cells: Cells, people: u64, at: DateTime<Utc>) {
    for person in 0..people {
        figures.approve(&cells, number(person), &[], at);
    }
}

#[test]
fn without_history_the_floors_of_each_cell_hold() {
    let one = Cells {
        networks: [Some(hash(1)), None],
        asn: Some(1),
        ..from(1, cells("UZ", 1))
    };
    for (rule, hour, day) in [
        (Rule::UnverifiedCountry, 3, 20),
        (Rule::UnverifiedPrefix, 3, 5),
        (Rule::UnverifiedIp, 5, 10),
        (Rule::UnverifiedNetwork, 12, 25),
        (Rule::UnverifiedAsn, 15, 30),
    ] {
        let figures = Figures::new(MAX);
        let outcomes = outcomes(&figures, &on(rule), [one; 19]);
        assert_eq!(allowed(&outcomes), hour, "{rule:?} in an hour");
        let (rules, figures) = (on(rule), Figures::new(MAX));
        let spread = (0..46).map(|half| {
            let at = start() + minutes(30 * half);
            send(&figures, &rules, one, at).0.outcome
        });
        let spread: Vec<_> = spread.collect();
        assert_eq!(allowed(&spread), day, "{rule:?} in a day");
    }
}

#[test]
fn what_was_verified_raises_a_countrys_budget() {
    let cells = cells("UZ", 1);
    let figures = Figures::new(MAX);
    verify(&figures, cells, 1_000, start() - TimeDelta::days(3));
    let hour = outcomes(&figures, &on(Rule::UnverifiedCountry), [cells; 60]);
    assert_eq!(allowed(&hour), 33, "a fifth of a sixth of the best day");
    let figures = Figures::new(MAX);
    verify(&figures, cells, 1_000, start() - minutes(5));
    let hour = outcomes(&figures, &on(Rule::UnverifiedCountry), vec![cells; 300]);
    assert_eq!(allowed(&hour), 200, "a fifth of this hour");
    let figures = Figures::new(MAX);
    verify(&figures, cells, 1_000, start() - TimeDelta::days(3));
    let mut rules = on(Rule::UnverifiedCountry);
    rules.unverified_country.usual.floor_hour = 1_000;
    assert_eq!(
        allowed(&outcomes(&figures, &rules, vec![cells; 400])),
        300,
        "of the day"
    );
}

#[test]
fn a_country_where_people_were_approved_before_today_has_a_little_more_room() {
    let (country, prefix) = (on(Rule::UnverifiedCountry), on(Rule::UnverifiedPrefix));
    let cells = cells("KZ", 1);
    let after = |people: u64, days: i64, rules: &Rules| {
        let figures = Figures::new(MAX);
        verify(&figures, cells, people, start() - TimeDelta::days(days));
        allowed(&outcomes(&figures, rules, [cells; 9]))
    };
    assert_eq!(after(4, 1, &country), 4);
    assert_eq!(after(12, 13, &country), 5, "a quarter of the day's floor");
    assert_eq!(after(12, 0, &country), 3, "not those of today");
    assert_eq!(after(12, 14, &country), 3, "nor of long ago");
    assert_eq!(after(12, 1, &prefix), 3, "nor by range");
}

#[test]
fn what_was_verified_raises_an_addresss_budget() {
    let one = from(1, cells("UZ", 1));
    let figures = Figures::new(MAX);
    verify(&figures, one, 300, start() - hours(2));
    let rules = on(Rule::UnverifiedIp);
    assert_eq!(
        allowed(&outcomes(&figures, &rules, [one; 40])),
        10,
        "of 300 a day"
    );
    let old = Figures::new(MAX);
    verify(&old, one, 300, start() - hours(25));
    assert_eq!(
        allowed(&outcomes(&old, &rules, [one; 40])),
        5,
        "an address has no past"
    );
}

#[test]
fn a_country_may_have_thresholds_of_its_own() {
    let mut rules = on(Rule::UnverifiedPrefix);
    let own = Thresholds {
        hourly_ratio: Ratio(0),
        floor_hour: 1,
        ..Thresholds::OF_PREFIX
    };
    let kz = "KZ".parse().unwrap();
    rules.unverified_prefix.countries.insert(kz, own);
    let figures = Figures::new(MAX);
    assert_eq!(allowed(&outcomes(&figures, &rules, [cells("KZ", 1); 9])), 1);
    assert_eq!(allowed(&outcomes(&figures, &rules, [cells("UZ", 2); 9])), 3);
}

#[test]
fn what_is_stopped_counts_in_the_address_alone_until_it_is_denied() {
    let one = from(1, cells("UZ", 1));
    let figures = Figures::new(MAX);
    let outcomes = outcomes(&figures, &on(Rule::UnverifiedIp), [one; 12]);
    let (allow, challenge) = ([Outcome::Allow; 5], [Outcome::Challenge; 4]);
    assert_eq!(outcomes[..5], allow);
    assert_eq!(outcomes[5..9], challenge);
    assert_eq!(
        outcomes[9..],
        [Outcome::Deny; 3],
        "from twice the threshold"
    );
    let now = start() + minutes(1);
    assert_eq!(prefix(&figures, &one, now).unverified_day, 5);
    let ip = read(&figures, &one, Cell::Ip(hash(1)), now);
    assert_eq!((ip.unverified_day, ip.countries), (12, 1));
}

#[test]
fn a_challenge_that_was_met_no_longer_counts_against_the_address() {
    let one = from(1, cells("UZ", 1));
    let figures = Figures::new(MAX);
    let rules = on(Rule::UnverifiedIp);
    for _ in 0..5 {
        sent(&figures, one, start());
    }
    let (verdict, stopped) = send(&figures, &rules, one, start());
    assert!(verdict.outcome == Outcome::Challenge && stopped.is_stopped);
    figures.approve(&one, number(1), &[stopped], start() + minutes(1));
    let now = start() + minutes(1);
    assert_eq!(
        read(&figures, &one, Cell::Ip(hash(1)), now).unverified_day,
        5
    );
    assert_eq!(prefix(&figures, &one, now).unverified_day, 5);
}

#[test]
fn nobody_but_an_address_is_denied_however_much_is_sent() {
    for rule in [
        Rule::UnverifiedCountry,
        Rule::UnverifiedPrefix,
        Rule::UnverifiedNetwork,
        Rule::UnverifiedAsn,
        Rule::CountriesPerIp,
    ] {
        let one = Cells {
            networks: [Some(hash(1)), None],
            asn: Some(1),
            ..from(1, cells("UZ", 1))
        };
        let figures = Figures::new(MAX);
        for code in ["DE", "FR", "GB", "UZ", "UZ", "UZ", "UZ"].repeat(20) {
            let country = code.parse().unwrap();
            sent(&figures, Cells { country, ..one }, start());
        }
        let verdict = judge(&facts(one), &on(rule), &figures, start());
        assert_eq!(verdict.outcome, Outcome::Challenge, "{rule:?}");
        let facts = Facts {
            has_challenge_channel: false,
            ..facts(one)
        };
        let verdict = judge(&facts, &on(rule), &figures, start());
        assert_eq!(
            verdict.outcome,
            Outcome::Deny,
            "{rule:?} without another channel"
        );
        assert_eq!(verdict.rules[0].effect, Outcome::Challenge);
    }
}

#[test]
fn a_route_meets_a_challenge_on_a_channel_that_pays_nobody() {
    let (rules, [telegram, sms]) = (Rules::default(), Channel::ALL);
    assert!(rules.has_challenge_channel([sms, telegram]));
    assert!(rules.has_challenge_channel([Channel::from_storage("whatsapp")]));
    assert!(!rules.has_challenge_channel([sms]));
}

#[test]
fn an_address_may_ask_for_three_countries_and_for_those_that_it_verified() {
    let figures = Figures::new(MAX);
    let rules = on(Rule::CountriesPerIp);
    let to = |code: &str| from(1, cells(code, 1));
    for code in ["UZ", "KZ", "TJ", "UZ"] {
        assert_eq!(
            send(&figures, &rules, to(code), start()).0.outcome,
            Outcome::Allow
        );
    }
    let (verdict, _) = send(&figures, &rules, to("KG"), start());
    let [fired] = verdict.rules[..] else {
        panic!("{verdict:?}");
    };
    assert_eq!(
        (fired.value, fired.threshold, fired.window),
        (4, 3, Window::Day)
    );
    figures.approve(&to("UZ"), number(1), &[], start());
    let (verdict, _) = send(&figures, &rules, to("KG"), start());
    assert_eq!(verdict.outcome, Outcome::Allow);
    let later = judge(&facts(to("DE")), &rules, &figures, start() + hours(24));
    assert_eq!(later.outcome, Outcome::Allow);
}

#[test]
fn a_surge_fires_at_ten_times_the_largest_hour_and_only_watches_in_the_first_week() {
    let rules = on(Rule::Velocity);
    let figures = Figures::new(MAX);
    let new = outcomes(&figures, &rules, [cells("UZ", 1); 60]);
    assert_eq!(allowed(&new), 60, "no history");
    let verdict = judge(
        &facts(cells("UZ", 1)),
        &rules,
        &figures,
        start() + minutes(1),
    );
    let [fired] = verdict.rules[..] else {
        panic!("{verdict:?}");
    };
    assert_eq!(
        (fired.mode, fired.value, fired.threshold),
        (Mode::Shadow, 61, 50)
    );
    let ago = |days, sends| (start() - TimeDelta::days(days), sends);
    for (past, expected, why) in [
        (&[ago(7, 3)][..], 50, "the least"),
        (&[ago(7, 20)], 200, "ten times"),
        (&[ago(14, 20)], 200, "ten times, and just remembered"),
        (&[ago(15, 20), ago(9, 2)], 50, "forgotten"),
        (&[ago(6, 20)], 300, "less than a week"),
    ] {
        let figures = Figures::new(MAX);
        let one = cells("UZ", 1);
        figures.import_past(one.project, one.country, &[], past);
        let sent = outcomes(&figures, &rules, vec![one; 300]);
        assert_eq!(allowed(&sent), expected, "{why}");
    }
}

#[test]
fn shadow_rules_are_recorded_and_stop_nothing() {
    let figures = Figures::new(MAX);
    let mut rules = Rules::all(Mode::Shadow);
    let one = from(1, cells("UZ", 1));
    let outcomes = outcomes(&figures, &rules, [one; 30]);
    assert_eq!(allowed(&outcomes), 30);
    let now = start() + minutes(1);
    let verdict = judge(&facts(one), &rules, &figures, now);
    let ip = verdict
        .rules
        .iter()
        .find(|it| it.rule == Rule::UnverifiedIp);
    assert_eq!(ip.unwrap().effect, Outcome::Deny, "what it would have done");
    assert!(!verdict.is_unremarkable() && verdict.outcome == Outcome::Allow);
    assert_eq!(figures.blocks(now).len(), 1, "the block is watched too");
    *rules.mode_mut(Rule::UnverifiedPrefix) = Mode::On;
    let verdict = judge(&facts(one), &rules, &figures, now);
    assert_eq!(verdict.outcome, Outcome::Challenge, "of what is on alone");
    let off = judge(&facts(one), &Rules::all(Mode::Off), &figures, now);
    assert!(off.is_unremarkable());
}

#[test]
fn a_prefix_stays_challenged_after_its_figures_have_recovered_and_can_be_opened_by_hand() {
    let figures = Figures::new(MAX);
    let rules = on(Rule::UnverifiedPrefix);
    let one = cells("UZ", 1);
    let sends: Vec<_> = (0..3).map(|_| sent(&figures, one, start())).collect();
    for second in 0..3 {
        send(&figures, &rules, one, start() + TimeDelta::seconds(second));
    }
    for (person, own) in sends.into_iter().enumerate() {
        figures.approve(&one, number(person as u64), &[own], start() + minutes(1));
    }
    let now = start() + minutes(2);
    assert_eq!(prefix(&figures, &one, now).unverified_day, 0);
    let verdict = judge(&facts(one), &rules, &figures, now);
    let [fired] = verdict.rules[..] else {
        panic!("{verdict:?}");
    };
    assert_eq!(
        (fired.window, fired.effect),
        (Window::Block, Outcome::Challenge)
    );
    let other = judge(&facts(cells("UZ", 2)), &rules, &figures, now);
    assert!(other.is_unremarkable(), "its neighbours are open");
    let (prefix, block) = figures.blocks(now)[0];
    assert_eq!(block.until(), start() + TimeDelta::seconds(2) + minutes(15));
    // An attack goes on while somebody ends it.
    let held_back = judge(&facts(one), &rules, &figures, now);
    figures.send(&one, &held_back, now + TimeDelta::seconds(1));
    assert!(figures.end_block(prefix, now));
    assert!(judge(&facts(one), &rules, &figures, now).is_unremarkable());
}

#[test]
fn lists_and_line_types_deny_and_an_allow_beats_every_rule() {
    let figures = Figures::new(MAX);
    let one = from(1, cells("UZ", 1));
    for _ in 0..50 {
        sent(&figures, one, start());
    }
    let mut rules = Rules::all(Mode::On);
    rules.line_type.deny = vec![LineType::Voip];
    let judged = |listed, line| {
        let facts = Facts {
            line,
            listed,
            ..facts(one)
        };
        judge(&facts, &rules, &figures, start())
    };
    assert!(judged(Some(List::Allow), LineType::Voip).is_unremarkable());
    let mild = judge(&facts(cells("KZ", 9)), &rules, &figures, start());
    assert!(mild.is_unremarkable());
    let blocked = judged(Some(List::Block), LineType::Voip);
    assert_eq!(blocked.outcome, Outcome::Deny);
    assert!(blocked.has(Rule::Listed) && blocked.has(Rule::LineType));
    assert!(
        blocked.has(Rule::UnverifiedCountry),
        "every rule that fired is reported"
    );
    assert!(!blocked.may_be_excused());
}

#[test]
fn an_owner_who_proved_the_number_is_let_through_three_times_a_day() {
    let figures = Figures::new(MAX);
    let one = from(1, cells("UZ", 1));
    for other in 0..9 {
        sent(&figures, from(100 + other, one), start());
    }
    let judged = || judge(&facts(one), &Rules::all(Mode::On), &figures, start());
    let ago = |days| Some(start() - TimeDelta::days(days));
    let known = |approved_at, used| {
        let mut verdict = judged();
        assert!(verdict.outcome == Outcome::Challenge && verdict.may_be_excused());
        verdict.excuse(Owner { approved_at, used });
        assert_eq!(verdict.is_owner, verdict.outcome == Outcome::Allow);
        verdict.is_owner
    };
    assert!(known(ago(89), 0) && known(ago(1), 2));
    assert!(!known(None, 0) && !known(ago(90), 0) && !known(ago(1), 3));
    for _ in 0..5 {
        sent(&figures, one, start());
    }
    let mut verdict = judged();
    verdict.excuse(Owner {
        approved_at: ago(1),
        used: 0,
    });
    assert_eq!(
        verdict.outcome,
        Outcome::Challenge,
        "the requester is suspicious"
    );
    assert!(
        !judge(
            &facts(cells("KZ", 2)),
            &Rules::all(Mode::On),
            &figures,
            start()
        )
        .may_be_excused()
    );
}

#[test]
fn an_owner_is_let_through_where_the_country_is_monitored_too() {
    let figures = Figures::new(MAX);
    let watched = Facts {
        is_monitored: true,
        ..facts(cells("UZ", 1))
    };
    for _ in 0..9 {
        sent(&figures, watched.cells, start());
    }
    let mut verdict = judge(&watched, &Rules::all(Mode::On), &figures, start());
    assert!(verdict.has(Rule::Monitored) && verdict.outcome == Outcome::Challenge);
    verdict.excuse(Owner {
        approved_at: Some(start() - TimeDelta::days(1)),
        used: 0,
    });
    assert_eq!(verdict.outcome, Outcome::Allow);
}

#[test]
fn destinations_are_only_watched_until_the_past_is_known() {
    let figures = Figures::new(MAX);
    figures.set_knows_past(false);
    let one = from(1, cells("UZ", 1));
    for _ in 0..9 {
        sent(&figures, one, start());
    }
    let verdict = judge(&facts(one), &Rules::all(Mode::On), &figures, start());
    let is_on = |rule| {
        let mut all = verdict.rules.iter();
        all.any(|fired| fired.rule == rule && fired.mode == Mode::On)
    };
    assert!(verdict.has(Rule::UnverifiedPrefix) && !is_on(Rule::UnverifiedPrefix));
    assert!(is_on(Rule::UnverifiedIp), "an address has no past");
}

#[test]
fn a_verdict_is_written_as_administrators_read_it() {
    let figures = Figures::new(MAX);
    for _ in 0..3 {
        sent(&figures, cells("UZ", 1), start());
    }
    let verdict = judge(
        &facts(cells("UZ", 1)),
        &on(Rule::UnverifiedCountry),
        &figures,
        start(),
    );
    let written = serde_json::to_string(&verdict).unwrap();
    insta::assert_snapshot!(written, @r#"{"outcome":"challenge","rules":[{"rule":"unverified_country","mode":"on","cell":"country:UZ","value":4,"threshold":3,"window":"1h","effect":"challenge"}],"at":"2024-10-04T00:00:00Z"}"#);
    let read: Verdict = serde_json::from_str(&written).unwrap();
    assert_eq!(read, verdict);
    let whole = Cells {
        networks: [Some(hash(2)), None],
        asn: Some(64_496),
        ..from(3, cells("001", 1))
    };
    for key in whole.all() {
        assert_eq!(key.cell.to_string().parse(), Ok(key.cell));
    }
    assert!("asn:x".parse::<Cell>().is_err() && "number:1".parse::<Cell>().is_err());
}
