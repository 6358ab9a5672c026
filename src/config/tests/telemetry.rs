//! `[log]` and `[telemetry]`.

use super::*;

#[test]
fn a_line_for_each_request_has_a_short_form() {
    let short = settings("log = \"requests\"").log;
    assert_eq!(short, settings("[log]\nrequests = true").log);
    assert_eq!(
        short,
        with_env("", &[("PINROUTE_LOG__REQUESTS", "true")]).log
    );
    assert!(short.requests && short.level == "info");
    one_fault("log = \"request\"", &[], "log: ", &["a table"]);
    one_fault(
        "[log]\nrequests = 1",
        &[],
        "log.requests: ",
        &["true or false"],
    );
}

#[test]
fn a_collector_is_given_by_its_base() {
    let file = r#"
[telemetry]
otlp_endpoint = "https://collector.example:4318/otlp/"
headers = { Authorization = { file = "/run/header" }, x-team = "codes" }
service_name = "codes"
sample = 0.25
"#;
    let telemetry = settings(file).telemetry;
    let endpoint = telemetry.otlp_endpoint.as_deref();
    assert_eq!(endpoint, Some("https://collector.example:4318/otlp"));
    let headers = telemetry.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        headers,
        [("Authorization", "Bearer from-file"), ("x-team", "codes")]
    );
    assert!((telemetry.sample - 0.25).abs() < f64::EPSILON);
    assert!(!format!("{telemetry:?}").contains("from-file"));
    let env = [("PINROUTE_TELEMETRY__SAMPLE", "0.5")];
    assert!((with_env("", &env).telemetry.sample - 0.5).abs() < f64::EPSILON);
}

#[test]
fn faults_of_a_collector_say_what_to_write() {
    for (line, start, part) in [
        (
            "otlp_endpoint = \"collector:4318\"",
            "telemetry.otlp_endpoint: `collector:4318` does not begin",
            "https://",
        ),
        (
            "otlp_endpoint = \"http://user:pw@c.test\"",
            "telemetry.otlp_endpoint: ",
            "no user",
        ),
        (
            "otlp_endpoint = \"http://c.test/v1/traces\"",
            "telemetry.otlp_endpoint: `http://c.test/v1/traces` ends with",
            "leave it out",
        ),
        (
            "headers = { \"a b\" = \"c\" }",
            "telemetry.headers.",
            "not a header's name",
        ),
        (
            "service_name = \"\"",
            "telemetry.service_name: ",
            "1 to 100",
        ),
        (
            "sample = 1.5",
            "telemetry.sample: `1.5` is out of range",
            "0 to 1",
        ),
        ("sample = \"all\"", "telemetry.sample: ", "without quotes"),
        ("sampling = 1", "telemetry.sampling: ", "unknown key"),
    ] {
        one_fault(&format!("[telemetry]\n{line}"), &[], start, &[part]);
    }
    one_fault(
        "",
        &[("PINROUTE_TELEMETRY__SAMPLE", "2")],
        "telemetry.sample: `2`",
        &["PINROUTE_TELEMETRY__SAMPLE"],
    );
}
