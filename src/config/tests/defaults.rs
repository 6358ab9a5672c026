//! Tests of the compiled defaults, the manual's examples, and of checks across a whole file.

use super::*;

#[test]
fn the_compiled_defaults_are_sound_and_are_the_contracts() {
    let loaded = load(None, [], &read_file).unwrap();
    assert!(loaded.warnings.is_empty());
    let settings = loaded.settings;
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.public_url, "http://127.0.0.1:8080");
    assert_eq!(
        settings.database,
        Database::Sqlite {
            path: "pinroute.db".into()
        }
    );
    assert_eq!(settings.database_url_shown, "sqlite://pinroute.db");
    assert_eq!(settings.redis_url, None);
    assert_eq!(settings.secret_key, None);
    assert_eq!(settings.reporting_currency, Currency::USD);
    assert_eq!(settings.simulator_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(settings.simulator_callbacks, Vec::<String>::new());
    assert_eq!(settings.sandbox, None);
    assert_eq!(settings.metrics_listen, None);
    assert_eq!(settings.workers, None);
    assert!(settings.migrate_on_start);
    assert!(!settings.webhooks.allow_private);
    assert_eq!(settings.shutdown_grace.as_secs(), 20);
    assert!(settings.drain.is_zero());
    assert_eq!(settings.unknown_after.as_secs(), 86_400);
    assert_eq!(
        settings.log,
        Log {
            format: LogFormat::Auto,
            level: "info".to_owned(),
            requests: false,
        }
    );
    assert_eq!(settings.log, Log::default());
    assert_eq!(
        settings.telemetry,
        Telemetry {
            otlp_endpoint: None,
            headers: Vec::new(),
            service_name: "pinroute".to_owned(),
            sample: 1.0,
        }
    );
    assert!(settings.providers.is_empty());
    assert!(settings.events.sinks.is_empty());
    assert_eq!(settings.events.outbox_max_age.as_secs(), 72 * 3_600);
    let policy = settings.defaults;
    assert_eq!(
        (policy.code_length, policy.max_checks, policy.max_sends),
        (6, 5, 5)
    );
    assert_eq!(
        (policy.ttl.as_secs(), policy.resend_after.as_secs()),
        (600, 30)
    );
    let steps: Vec<_> = policy
        .route
        .iter()
        .map(|s| (s.channel, s.wait.as_secs(), s.approve_within))
        .collect();
    assert_eq!(
        steps,
        [(Channel::Telegram, 15, None), (Channel::Sms, 60, None)]
    );
    assert!(policy.countries.every && policy.countries.deny.is_empty());
    let rates = |texts: &[&str]| {
        texts
            .iter()
            .map(|t| t.parse().unwrap())
            .collect::<Vec<Quota>>()
    };
    assert_eq!(policy.limits.per_number, rates(&["5/10m", "10/1d"]));
    assert_eq!(policy.limits.per_ip, rates(&["20/1h"]));
    assert_eq!(policy.limits.creates, rates(&["100/1s"]));
    assert_eq!(policy.limits.wrong_codes_per_number, rates(&["20/1d"]));
    let limit = Money::new(Micros(50_000_000), Currency::USD);
    assert_eq!(
        policy.budgets,
        [Budget {
            period: Period::Day,
            limit,
            country: None,
            alert_at: vec![800],
        }]
    );
}

#[test]
fn the_examples_in_the_manual_are_sound_too() {
    let example = |line: &str| {
        let rest = line.strip_prefix('#')?;
        rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[')
            .then(|| rest.to_owned())
    };
    let text: Vec<String> = DEFAULTS
        .lines()
        .map(|line| example(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let settings = settings(&text.join(
        "
",
    ));
    assert_eq!(settings.sandbox, Some(true));
    assert_eq!(settings.workers, Some(4));
    // The manual shows the values of keys that are left out.
    assert_eq!(sinks(&settings), sinks(&super::settings(BARE_SINKS)));
    let main = &sms(&settings)[0].account;
    assert_eq!(main.name, "main");
    assert_eq!(main.prices.per_segment(country("RU")), Some(Micros(45_000)));
    assert_eq!(main.prices.per_segment(country("DE")), Some(Micros(80_000)));
    assert_eq!(main.timeout.as_secs(), 10);
    let http = http(&settings);
    assert_eq!(http.method, Method::Post);
    assert_eq!(http.id_pointer.as_deref(), Some("/message_id"));
    assert_eq!(http.accept.as_ref().unwrap().values, ["0", "ok"]);
    assert_eq!(http.refuse.as_ref().unwrap().pointer, "/error_code");
    assert_eq!(http.report.as_ref().unwrap().failed.len(), 4);
    let Body::Json(json) = &http.body else {
        panic!("not JSON")
    };
    assert_eq!(json["dlr"], "{callback_url}");
}

const BARE_SINKS: &str = r#"
[[events.sinks]]
name = "stream"
kind = "redis_stream"
url = "redis://127.0.0.1:6379"
stream = "pinroute:events"
[[events.sinks]]
name = "file"
kind = "file"
path = "events.jsonl"
"#;

fn sinks(settings: &Settings) -> Vec<String> {
    let sinks = settings.events.sinks.iter();
    sinks.map(|sink| format!("{sink:?}")).collect()
}

#[test]
fn an_event_is_not_deleted_while_a_sink_is_still_tried() {
    let faults = faults("retention.webhook_deliveries = \"7d\"\nevents.outbox_max_age = \"8d\"");
    let [fault] = faults.as_slice() else {
        panic!("{faults:?}");
    };
    assert!(
        fault
            .starts_with("events.outbox_max_age: `8d` is longer than retention.webhook_deliveries"),
        "{fault}"
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = faults(
        r#"
        listen = "localhost:8080"
        public_url = "ftp://x"
        database_url = "postgres://u:pw@db/pinroute"
        unknown_after = "1"
        [telegram]
        tokn = "x"
        [[sms.providers]]
        name = "Main"
        kind = "http"
        url = "https://sms.example/"
        json = { to = "{to}", text = "{txt}" }
        prices = { UZ = "0.05" }
        currency = "usd"
        [defaults]
        code_length = 9
        "#,
    );
    let keys: Vec<&str> = faults
        .iter()
        .map(|fault| fault.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "listen",
            "public_url",
            "unknown_after",
            "sms.providers[0].name",
            "sms.providers[0].currency",
            "sms.providers[0].json.text",
            "defaults.code_length",
            "secret_key",
            "telegram.tokn",
        ]
    );
}

#[test]
fn what_works_but_hardly_as_meant_is_a_warning() {
    let warning = |file: &str| {
        let loaded = load_both(file, &[]).unwrap();
        let warnings = unmeant(&loaded);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        warnings[0].clone()
    };
    let priceless = provider(
        "prices = { UZ = \"0.05\", \"*\" = \"0.08\" }\ncurrency = \"USD\"",
        "prices = {}",
    );
    assert!(warning(&priceless).contains("no_price"));
    let unpriced = provider(
        "prices = { UZ = \"0.05\", \"*\" = \"0.08\" }\ncurrency = \"USD\"",
        "",
    );
    let fault = faults(&unpriced).concat();
    assert!(
        fault.contains("prices: is missing") && fault.contains("prices = {}"),
        "{fault}"
    );
    let unreported = provider(
        "json = ",
        "report = { status_pointer = \"/s\", delivered = [\"ok\"] }\njson = ",
    );
    assert!(warning(&unreported).contains("{callback_url}"));
    let stuck =
        format!("defaults.route = [{{ channel = \"telegram\", wait = \"9s\" }}]\n{PROVIDER}");
    assert!(warning(&stuck).contains("defaults.route"));
    assert!(warning("drain = \"10ms\"").starts_with("drain: "));
    assert!(warning("database_pooler = \"session\"").starts_with("database_pooler: "));
    assert!(warning("redis_ca_file = \"ca.pem\"").starts_with("redis_ca_file: "));
}
