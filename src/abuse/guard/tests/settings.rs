//! What a project writes.

use crate::abuse::guard::rules::{Mode, Ratio, Rule, Rules};
use crate::abuse::guard::settings::Settings;

fn settings(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let faults = settings(text).check();
    let all = faults
        .iter()
        .map(|fault| format!("{} = {}: {}", fault.field, fault.value, fault.mend));
    all.collect()
}

#[test]
fn nothing_written_watches_and_enforces_only_lists_and_line_types() {
    let rules = settings("").resolve().unwrap();
    assert_eq!(rules, Rules::default());
    for rule in Rule::ALL {
        let is_own = matches!(rule, Rule::Listed | Rule::LineType);
        let expected = if is_own { Mode::On } else { Mode::Shadow };
        assert_eq!(rules.mode(rule), expected, "{rule:?}");
        assert_eq!(Rule::parse(rule.as_str()), Some(rule));
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
    }
}

#[test]
fn one_mode_sets_all_rules_but_those_with_their_own() {
    let rules = settings("mode = \"on\"\nrules.velocity.mode = \"off\"")
        .resolve()
        .unwrap();
    for rule in Rule::ALL {
        let expected = if rule == Rule::Velocity {
            Mode::Off
        } else {
            Mode::On
        };
        assert_eq!(rules.mode(rule), expected, "{rule:?}");
    }
}

#[test]
fn a_country_that_differs_keeps_what_it_does_not_name() {
    let text = r#"
        challenge_channels = ["telegram"]
        [rules.unverified_prefix]
        floor_day = 8
        daily_ratio = 0.25
        countries = { KZ = { hourly_ratio = 0.5 } }
        [rules.velocity]
        minimum = 100
        countries = { UZ = { k = 20 } }
        [rules.line_type]
        deny = ["voip"]
    "#;
    let rules = settings(text).resolve().unwrap();
    let thresholds = |code: &str| *rules.unverified_prefix.thresholds(code.parse().unwrap());
    let (usual, kz) = (thresholds("UZ"), thresholds("KZ"));
    assert_eq!(
        (usual.floor_day, usual.daily_ratio, usual.hourly_ratio),
        (8, Ratio(250), Ratio(200))
    );
    assert_eq!(
        (kz.floor_day, kz.daily_ratio, kz.hourly_ratio),
        (8, Ratio(250), Ratio(500))
    );
    let uz = rules.velocity.surge("UZ".parse().unwrap());
    assert_eq!((uz.k, uz.minimum), (20, 100));
    assert_eq!(rules.challenge_channels.len(), 1);
    let written = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<Rules>(&written).unwrap(), rules);
    let again = serde_json::to_string(&settings(text)).unwrap();
    assert_eq!(
        serde_json::from_str::<Settings>(&again).unwrap(),
        settings(text)
    );
}

#[test]
fn what_no_rule_knows_is_refused() {
    for wrong in [
        "modes = \"on\"",
        "mode = \"monitor\"",
        "rules.unverified_city.mode = \"on\"",
        "rules.unverified_prefix.daily_ration = 0.3",
        "rules.unverified_ip.countries.KZ.floor_day = 3",
        "rules.unverified_prefix.floor_day = -1",
        "rules.line_type.deny = [\"satellite\"]",
    ] {
        assert!(toml::from_str::<Settings>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_fault_names_its_field_its_value_and_the_mend() {
    let text = r#"
        challenge_channels = ["telegram", "sms", "pigeon", "telegram"]
        [rules.unverified_country]
        daily_ratio = -0.1
        hourly_ratio = nan
        [rules.unverified_prefix]
        floor_hour = 9
        countries = { UK = { floor_day = 0 } }
        [rules.countries_per_ip]
        max = 51
        [rules.velocity]
        k = 1
        [rules.line_type]
        deny = ["mobile", "fixed_or_mobile", "other"]
    "#;
    let expected = [
        "challenge_channels[1] = sms: pays operators for termination",
        "challenge_channels[2] = pigeon: choose from telegram, whatsapp",
        "challenge_channels[3] = telegram: is there twice",
        "rules.unverified_country.daily_ratio = -0.1: write a share",
        "rules.unverified_country.hourly_ratio = NaN: write a share",
        "rules.unverified_prefix.floor_day = 5: an hour may not have more than its day",
        "rules.unverified_prefix.countries.UK.floor_day = 0: write 1 to",
        "rules.unverified_prefix.countries.UK.floor_day = 0: an hour may not",
        "rules.unverified_prefix.countries.UK = UK: `UK` is not a known country code; use GB",
        "rules.countries_per_ip.max = 51: write 1 to 50",
        "rules.velocity.k = 1: write 2 to 1000",
        "rules.line_type.deny[0] = mobile: would block",
        "rules.line_type.deny[1] = fixed_or_mobile: mobile phones share",
    ];
    let faults = faults(text);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}, not {expected}");
    }
}
