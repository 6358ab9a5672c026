//! The rules against pumping, as an operator writes them.

use super::*;
use crate::verification::guard::{Mode, Ratio, Rule, Rules};

/// `[defaults]` with this, and the fault's beginning if there is one.
fn rules(text: &str) -> Result<Rules, Vec<String>> {
    let file = format!("[defaults.guard]\n{text}");
    match load_both(&file, &[]) {
        Ok(loaded) => Ok(loaded.settings.defaults.guard),
        Err(_) => Err(faults(&file)),
    }
}

#[test]
fn nothing_written_watches_and_enforces_only_lists_and_line_types() {
    let rules = rules("").unwrap();
    assert_eq!(rules, Rules::default());
    for rule in Rule::ALL {
        let is_own = matches!(rule, Rule::Listed | Rule::LineType | Rule::Monitored);
        let expected = if is_own { Mode::On } else { Mode::Shadow };
        assert_eq!(rules.mode(rule), expected, "{rule:?}");
        assert_eq!(Rule::parse(rule.as_str()), Some(rule));
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
    }
}

#[test]
fn one_mode_sets_all_rules_but_those_with_their_own_also_over_the_installations() {
    let text = "mode = \"on\"\nrules.velocity.mode = \"off\"";
    let rules = rules(text).unwrap();
    for rule in Rule::ALL {
        let own = rule == Rule::Velocity;
        let expected = if own { Mode::Off } else { Mode::On };
        assert_eq!(rules.mode(rule), expected, "{rule:?}");
    }
    // A project lays its own over what the installation has.
    let loaded = load_both(&format!("[defaults.guard]\n{text}"), &[]).unwrap();
    let mut whole = loaded.settings.written_defaults();
    assert_eq!(read_policy(&whole).unwrap(), loaded.settings.defaults);
    whole["guard"]["mode"] = "shadow".into();
    let own = read_policy(&whole).unwrap().guard;
    assert_eq!(own.mode(Rule::UnverifiedPrefix), Mode::Shadow);
    assert_eq!(own.mode(Rule::Velocity), Mode::Off);
}

#[test]
fn a_country_that_differs_keeps_what_it_does_not_name() {
    let rules = rules(
        r#"
        challenge_channels = ["telegram"]
        [defaults.guard.rules.unverified_prefix]
        floor_day = 8
        daily_ratio = 0.25
        countries = { KZ = { hourly_ratio = 0.5 } }
        [defaults.guard.rules.velocity]
        minimum = 100
        countries = { UZ = { k = 20 } }
        [defaults.guard.rules.line_type]
        deny = ["voip"]
    "#,
    )
    .unwrap();
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
}

#[test]
fn every_fault_names_its_field_its_value_and_the_mend() {
    for (text, wanted) in [
        ("modes = \"on\"", "defaults.guard.modes: unknown key"),
        (
            "mode = \"monitor\"",
            "defaults.guard.mode: `monitor` is none of: off, shadow, on",
        ),
        (
            "challenge_channels = [\"sms\"]",
            "defaults.guard.challenge_channels[0]: `sms` pays operators for termination",
        ),
        (
            "challenge_channels = [\"pigeon\"]",
            "defaults.guard.challenge_channels[0]: `pigeon` is none of: telegram, whatsapp",
        ),
        (
            "rules.unverified_city.mode = \"on\"",
            "defaults.guard.rules.unverified_city: unknown key",
        ),
        (
            "rules.unverified_prefix.daily_ration = 0.3",
            "defaults.guard.rules.unverified_prefix.daily_ration: unknown key",
        ),
        (
            "rules.unverified_ip.countries.KZ.floor_day = 3",
            "defaults.guard.rules.unverified_ip.countries: unknown key",
        ),
        (
            "rules.unverified_country.daily_ratio = -0.1",
            "defaults.guard.rules.unverified_country.daily_ratio: `-0.1` is out of range",
        ),
        (
            "rules.unverified_country.hourly_ratio = nan",
            "defaults.guard.rules.unverified_country.hourly_ratio: `NaN` is out of range",
        ),
        (
            "rules.unverified_prefix.floor_hour = 9",
            "defaults.guard.rules.unverified_prefix.floor_day: is 5, and an hour has 9",
        ),
        (
            "rules.unverified_prefix.countries.UK.floor_day = 9",
            "defaults.guard.rules.unverified_prefix.countries.UK: `UK` is not a known country code; use GB",
        ),
        (
            "rules.countries_per_ip.max = 51",
            "defaults.guard.rules.countries_per_ip.max: `51` is out of range",
        ),
        (
            "rules.velocity.k = 1",
            "defaults.guard.rules.velocity.k: `1` is out of range",
        ),
        (
            "rules.line_type.deny = [\"fixed_or_mobile\"]",
            "defaults.guard.rules.line_type.deny[0]: would block mobile phones",
        ),
        (
            "rules.line_type.deny = [\"satellite\"]",
            "defaults.guard.rules.line_type.deny[0]: `satellite` is none of: mobile",
        ),
    ] {
        let faults = rules(text).unwrap_err();
        assert!(
            faults.iter().any(|fault| fault.starts_with(wanted)),
            "{faults:#?}, not {wanted}"
        );
    }
}
