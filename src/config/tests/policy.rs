//! Tests of `[defaults]` and of projects' policies.

use super::*;

#[test]
fn a_project_may_be_closed_to_all_countries() {
    let settings = settings("defaults.countries.allow = []");
    let countries = &settings.defaults.countries;
    assert!(countries.allow.is_empty() && !countries.every);
}

#[test]
fn a_policy_that_is_written_down_reads_as_the_same_policy() {
    let file = r#"
        [defaults]
        route = [{ channel = "sms", wait = "60s", approve_within = "90s" }]
        countries = { allow = ["UZ", "KZ"], deny = ["KZ"] }
        budget = { period = "month", limit = { amount = "10.5", currency = "EUR" } }
        templates = { ru = "Магазин: {code}" }
        limits = { per_number = "off", creates = ["5/1s"] }
    "#;
    let several = r#"
        [[defaults.budget]]
        period = "hour"
        limit = { amount = "5", currency = "USD" }
        country = "UZ"
        alert_at = [0.5, 1]

        [[defaults.budget]]
        period = "hour"
        limit = { amount = "50", currency = "USD" }
    "#;
    for file in [file, several, "[defaults]\nbudget = \"off\""] {
        let settings = load(Some(("file", file)), [], &|_| unreachable!())
            .unwrap()
            .settings;
        let written = settings.written_defaults();
        assert_eq!(read_policy(&written).as_ref(), Ok(&settings.defaults));
    }
}

#[test]
fn a_policys_faults_are_all_named() {
    let mut written = load(None, [], &|_| unreachable!())
        .unwrap()
        .settings
        .written_defaults();
    written["route"] = serde_json::json!([{ "channel": "pigeon", "wait": "0s" }]);
    written["templates"] = serde_json::json!({ "ru": "Код", "x": "{code}" });
    written["colour"] = serde_json::json!("red");
    let faults = read_policy(&written).unwrap_err();
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "policy.route[0].channel",
            "policy.route[0].wait",
            "policy.templates.ru",
            "policy.templates.x",
            "policy.colour"
        ]
    );
}
