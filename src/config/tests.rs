//! What an operator may write, and what is said about it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::*;
use crate::money::{Currency, Micros, Money};
use crate::verification::budget::{Budget, Period};
use crate::verification::phone::Country;
use crate::verification::policy::Rate;
use crate::verification::route::Channel;

/// The bytes 0 to 31.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const PROVIDER: &str = r#"
[[sms.providers]]
name = "main"
kind = "http"
url = "https://sms.example/send"
json = { to = "{to}", text = "{text}" }
prices = { UZ = "0.05", "*" = "0.08" }
currency = "USD"
"#;

const FILES: [(&str, &str); 4] = [
    ("/run/token", "tok-from-file\r\n"),
    ("/run/key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"),
    ("/run/header", "Bearer from-file\n"),
    ("/run/empty", "\n"),
];

fn read_file(path: &Path) -> io::Result<String> {
    let found = FILES.iter().find(|(name, _)| Path::new(name) == path);
    found
        .map(|(_, content)| (*content).to_owned())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

fn load_both(file: &str, env: &[(&str, &str)]) -> Result<Loaded, Vec<Fault>> {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(("pinroute.toml", file)), env, &read_file)
}

fn settings(file: &str) -> Settings {
    with_env(file, &[])
}

fn with_env(file: &str, env: &[(&str, &str)]) -> Settings {
    let loaded = load_both(file, env).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    loaded.settings
}

fn faults(file: &str) -> Vec<String> {
    faults_with(file, &[])
}

fn faults_with(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    match load_both(file, env) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// The one fault, which begins with `start` and holds each of `parts`.
#[track_caller]
fn one_fault(file: &str, env: &[(&str, &str)], start: &str, parts: &[&str]) {
    let faults = faults_with(file, env);
    let [fault] = faults.as_slice() else {
        panic!("{file}\n{env:?}\n{faults:#?}");
    };
    assert!(fault.starts_with(start), "{fault}");
    for part in parts {
        assert!(fault.contains(part), "{part:?} is not in: {fault}");
    }
}

fn provider(replace: &str, by: &str) -> String {
    assert!(PROVIDER.contains(replace), "{replace}");
    PROVIDER.replace(replace, by)
}

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn http(settings: &Settings) -> &HttpSms {
    let SmsKind::Http(http) = &settings.sms_providers[0].kind else {
        panic!("it is written as http");
    };
    http
}

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
    assert_eq!(settings.sandbox, None);
    assert_eq!(settings.metrics_listen, None);
    assert_eq!(settings.workers, None);
    assert!(settings.migrate_on_start);
    assert!(!settings.webhooks.allow_private);
    assert_eq!(settings.shutdown_grace.as_secs(), 20);
    assert_eq!(settings.unknown_after.as_secs(), 86_400);
    assert_eq!(
        settings.log,
        Log {
            format: LogFormat::Auto,
            level: "info".to_owned()
        }
    );
    assert_eq!(settings.telegram, None);
    assert!(settings.sms_providers.is_empty());
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
    assert!(policy.countries.admits(country("UZ")));
    let rates = |texts: &[&str]| {
        texts
            .iter()
            .map(|t| t.parse().unwrap())
            .collect::<Vec<Rate>>()
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
    let main = &settings.sms_providers[0];
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

/// What is written, how its fault begins, and what it holds.
const VALUES: &[(&str, &str, &str)] = &[
    (
        "listen = \"8080\"",
        "listen: `8080` is not an address",
        "127.0.0.1:8080",
    ),
    ("listen = 8080", "listen: `8080` does not fit", "in quotes"),
    (
        "public_url = \"pin.example\"",
        "public_url: `pin.example` does not begin",
        "https://",
    ),
    (
        "public_url = \"https://\"",
        "public_url: `https://` has no host",
        "",
    ),
    (
        "public_url = \"https://x y\"",
        "public_url: `https://x y` holds a space",
        "",
    ),
    ("public_url = \"https://x:0\"", "public_url: ", "port"),
    (
        "public_url = \"https://x/?a=b\"",
        "public_url: `https://x/?…` must have no user, query",
        "",
    ),
    (
        "public_url = \"https://приём.example\"",
        "public_url: ",
        "xn--",
    ),
    (
        "database_url = \"mysql://x\"",
        "database_url: must be sqlite://",
        "",
    ),
    ("database_url = \"\"", "database_url: is empty", ""),
    (
        "database_url = \"sqlite:\"",
        "database_url: `sqlite:` names no file",
        "",
    ),
    (
        "database_url = \"sqlite::memory:\"",
        "database_url: ",
        "forget",
    ),
    (
        "database_url = \"sqlite://x.db?mode=rwc\"",
        "database_url: ",
        "no parameters",
    ),
    (
        "redis_url = \"http://x\"",
        "redis_url: must be redis://",
        "rediss",
    ),
    (
        "secret_key = \"short\"",
        "secret_key: ",
        "openssl rand -base64 32",
    ),
    (
        "secret_key = \"AAEC\"",
        "secret_key: has 3 bytes, not 32",
        "openssl",
    ),
    (
        "previous_secret_keys = [\"AAEC\"]",
        "previous_secret_keys[0]: has 3 bytes",
        "",
    ),
    (
        "trusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/33\"]",
        "trusted_proxies[1]: `10.0.0.0/33` is neither an address nor a network",
        "",
    ),
    (
        "trusted_proxies = \"10.0.0.1\"",
        "trusted_proxies: a text does not fit; write a list",
        "",
    ),
    (
        "previous_secret_keys = \"AAEC\"",
        "previous_secret_keys: a text does not fit; write a list",
        "",
    ),
    (
        "reporting_currency = \"usd\"",
        "reporting_currency: `usd` is not an ISO 4217",
        "",
    ),
    (
        "sandbox = \"true\"",
        "sandbox: `true` in quotes does not fit",
        "without quotes",
    ),
    (
        "metrics_listen = \"127.0.0.1:8080\"",
        "metrics_listen: `127.0.0.1:8080` is also listen",
        "",
    ),
    (
        "shutdown_grace = \"2h\"",
        "shutdown_grace: `2h` is out of range",
        "0s to 1h",
    ),
    ("workers = 0", "workers: `0` is out of range", "1 to 1024"),
    (
        "log.format = \"xml\"",
        "log.format: `xml` is none of: auto, text, json",
        "",
    ),
    (
        "log.level = \"loud\"",
        "log.level: `loud` is not a level",
        "debug",
    ),
    (
        "log = \"debug\"",
        "log: a text does not fit; write a table",
        "",
    ),
    (
        "telegram.timeout = \"50ms\"",
        "telegram.timeout: `50ms` is out of range",
        "100ms to 5m",
    ),
    (
        "telegram.price.amount = \"-1\"",
        "telegram.price.amount: `-1` is negative",
        "",
    ),
    (
        "telegram.price.amount = 0.01",
        "telegram.price.amount: `0.01` does not fit",
        "in quotes",
    ),
    (
        "telegram.price.amount = \"0.0000001\"",
        "telegram.price.amount: ",
        "six decimals",
    ),
    (
        "telegram.token = \"a b\"",
        "telegram.token: holds a space",
        "",
    ),
    (
        "telegram.token = 123",
        "telegram.token: does not fit",
        "file",
    ),
    (
        "telegram.sender_username = \"@shop\"",
        "telegram.sender_username: `@shop`",
        "without @",
    ),
    (
        "telegram.base_url = \"gatewayapi.telegram.org\"",
        "telegram.base_url: ",
        "https://",
    ),
    (
        "webhooks.allow_private = 1",
        "webhooks.allow_private: `1` does not fit",
        "",
    ),
    (
        "defaults.code_length = 3",
        "defaults.code_length: `3` is out of range",
        "4 to 8",
    ),
    (
        "defaults.code_length = \"6\"",
        "defaults.code_length: `6` in quotes",
        "without quotes",
    ),
    (
        "defaults.ttl = \"29s\"",
        "defaults.ttl: `29s` is out of range",
        "30s to 1d",
    ),
    (
        "defaults.ttl = 600",
        "defaults.ttl: `600` does not fit",
        "30s",
    ),
    (
        "defaults.ttl = 10:00:00",
        "defaults.ttl: `10:00:00` is not a length of time",
        "",
    ),
    (
        "defaults.max_checks = 101",
        "defaults.max_checks: `101` is out of range",
        "1 to 100",
    ),
    (
        "defaults.max_sends = 0",
        "defaults.max_sends: `0` is out of range",
        "1 to 50",
    ),
    (
        "defaults.resend_after = \"25h\"",
        "defaults.resend_after: `25h`",
        "0s to 1d",
    ),
    (
        "defaults.route = []",
        "defaults.route: has no step",
        "at least one",
    ),
    (
        "defaults.route = [{ channel = \"fax\", wait = \"9s\" }]",
        "defaults.route[0].channel: `fax`",
        "telegram and sms",
    ),
    (
        "defaults.route = [{ channel = \"sms\" }]",
        "defaults.route[0].wait: is missing",
        "",
    ),
    (
        "defaults.route = [{ channel = \"sms\", wait = \"2h\" }]",
        "defaults.route[0].wait: `2h`",
        "1s to 1h",
    ),
    (
        "defaults.route = [{ channel = \"sms\", wait = \"9s\", approve_within = \"0s\" }]",
        "defaults.route[0].approve_within: `0s`",
        "1s",
    ),
    (
        "defaults.countries.allow = [\"uz\"]",
        "defaults.countries.allow[0]: `uz`",
        "ISO 3166",
    ),
    (
        "defaults.countries.allow = [\"*\", \"UZ\"]",
        "defaults.countries.allow: `*` admits",
        "",
    ),
    (
        "defaults.countries.deny = [\"*\"]",
        "defaults.countries.deny[0]: `*` cannot",
        "allow = []",
    ),
    (
        "defaults.limits.per_ip = [\"20\"]",
        "defaults.limits.per_ip[0]: `20` is not a rate",
        "5/10m",
    ),
    (
        "defaults.limits.per_ip = \"none\"",
        "defaults.limits.per_ip: a text does not fit",
        "list",
    ),
    (
        "defaults.budget = \"none\"",
        "defaults.budget: a text does not fit",
        "table",
    ),
    (
        "defaults.budget.period = \"week\"",
        "defaults.budget.period: `week` is none of: hour",
        "",
    ),
    (
        "defaults.budget.alert_at = [1.5]",
        "defaults.budget.alert_at[0]: must be a share",
        "0.8",
    ),
    (
        "defaults.budget.limit.amount = \"0\"",
        "defaults.budget.limit.amount: `0`",
        "off",
    ),
];

#[test]
fn each_value_is_held_to_its_range_and_the_fault_names_it() {
    for (file, start, part) in VALUES {
        one_fault(file, &[], start, &[part]);
    }
}

/// What is replaced in [`PROVIDER`] by what, how the fault begins, and what it holds.
const PROVIDERS: &[(&str, &str, &str, &str)] = &[
    (
        "name = \"main\"",
        "name = \"Main\"",
        "sms.providers[0].name: `Main` is not a name",
        "a-z",
    ),
    (
        "name = \"main\"",
        "name = \"telegram\"",
        "sms.providers[0].name: `telegram`",
        "another",
    ),
    (
        "name = \"main\"\n",
        "",
        "sms.providers[0].name: is missing",
        "",
    ),
    (
        "kind = \"http\"",
        "kind = \"htp\"",
        "sms.providers[0].kind: `htp`",
        "did you mean `http`?",
    ),
    (
        "kind = \"http\"",
        "kind = \"pigeon\"",
        "sms.providers[0].kind: `pigeon`",
        "known: http",
    ),
    (
        "https://sms.example/send",
        "",
        "sms.providers[0].url: is missing",
        "",
    ),
    (
        "https://sms.example/send",
        "sms.example",
        "sms.providers[0].url: ",
        "https://",
    ),
    (
        "https://sms.example/send",
        "https://sms.example/{phone}",
        "sms.providers[0].url: `{phone}`",
        "{to}",
    ),
    (
        "json = ",
        "method = \"PUT\"\njson = ",
        "sms.providers[0].method: `PUT` is none of: POST, GET",
        "",
    ),
    (
        "json = ",
        "method = \"get\"\njson = ",
        "sms.providers[0].method: `GET` carries no body",
        "query",
    ),
    (
        "json = ",
        "form = { a = 1 }\njson = ",
        "sms.providers[0]: json and form are given",
        "keep one",
    ),
    (
        "json = { to = \"{to}\", text = \"{text}\" }",
        "",
        "sms.providers[0]: none of json, form and query",
        "",
    ),
    (
        "json = { to = \"{to}\", text = \"{text}\" }",
        "json = \"{to}{text}\"",
        "sms.providers[0].json: a text",
        "table",
    ),
    ("{to}", "998", "sms.providers[0]: {to} or {to_digits}", ""),
    ("{text}", "hello", "sms.providers[0]: {text} or {code}", ""),
    (
        "{text}",
        "{text} {name}",
        "sms.providers[0].json.text: `{name}` is not",
        "{attempt_id}",
    ),
    (
        "json = ",
        "headers = { \"a b\" = \"x\" }\njson = ",
        "sms.providers[0].headers.a b: ",
        "name",
    ),
    (
        "json = ",
        "headers = { A = \"x\", a = \"y\" }\njson = ",
        "sms.providers[0].headers.a: ",
        "twice",
    ),
    (
        "json = ",
        "headers = { A = \"x\\ny\" }\njson = ",
        "sms.providers[0].headers.A: ",
        "line break",
    ),
    (
        "json = ",
        "headers = { A = \"{x}\" }\njson = ",
        "sms.providers[0].headers.A: holds an unknown",
        "",
    ),
    (
        "json = ",
        "id_pointer = \"id\"\njson = ",
        "sms.providers[0].id_pointer: `id`",
        "/",
    ),
    (
        "json = ",
        "accept = { pointer = \"/s\" }\njson = ",
        "sms.providers[0].accept.values: is missing",
        "",
    ),
    (
        "json = ",
        "accept = { pointer = \"/s\", values = [] }\njson = ",
        "sms.providers[0].accept.values: is empty",
        "",
    ),
    (
        "json = ",
        "refuse = { pointer = \"s\", values = [1] }\njson = ",
        "sms.providers[0].refuse.pointer: `s`",
        "",
    ),
    (
        "json = ",
        "refuse = { pointer = \"/s\", value = [1], values = [2] }\njson = ",
        "sms.providers[0].refuse.value: unknown key",
        "refuse.values",
    ),
    (
        "{text}\"",
        "{text}\", dlr = \"{callback_url}\" }\nreport = { delivered = [\"ok\"]",
        "sms.providers[0].report.status_pointer: is missing",
        "",
    ),
    (
        "{text}\"",
        "{text}\", dlr = \"{callback_url}\" }\nreport = { status_pointer = \"/s\", delivered = []",
        "sms.providers[0].report.delivered: is empty",
        "",
    ),
    (
        "{text}\"",
        "{text}\", dlr = \"{callback_url}\" }\nreport = { status_pointer = \"/s\", delivered = [1], failed = [\"1\"]",
        "sms.providers[0].report.failed: `1`",
        "delivered",
    ),
    (
        "UZ",
        "XYZ",
        "sms.providers[0].prices.XYZ: `XYZ` is not",
        "rest of the world",
    ),
    (
        "\"0.05\"",
        "0.05",
        "sms.providers[0].prices.UZ: `0.05` does not fit",
        "quotes",
    ),
    (
        "\"0.05\"",
        "\"-0.05\"",
        "sms.providers[0].prices.UZ: `-0.05` is negative",
        "",
    ),
    (
        "\"0.05\"",
        "\"0.1234567\"",
        "sms.providers[0].prices.UZ: ",
        "six decimals",
    ),
    (
        "currency = \"USD\"",
        "currency = \"Dollar\"",
        "sms.providers[0].currency: `Dollar`",
        "ISO 4217",
    ),
    (
        "currency = \"USD\"",
        "",
        "sms.providers[0].currency: is missing",
        "USD",
    ),
    (
        "json = ",
        "timeout = \"6m\"\njson = ",
        "sms.providers[0].timeout: `6m`",
        "100ms to 5m",
    ),
    (
        "json = ",
        "ulr = \"x\"\njson = ",
        "sms.providers[0].ulr: unknown key",
        "did you mean `sms.providers[0].url`?",
    ),
];

#[test]
fn each_fault_of_a_provider_is_named() {
    for (replace, by, start, part) in PROVIDERS {
        one_fault(&provider(replace, by), &[], start, &[part]);
    }
    let twice = format!("{PROVIDER}{PROVIDER}");
    one_fault(
        &twice,
        &[],
        "sms.providers[1].name: `main` is the name of an earlier",
        &[],
    );
}

#[test]
fn unknown_keys_in_the_file_are_faults_with_a_suggestion() {
    let cases = [
        (
            "lisen = \"x\"",
            "lisen: unknown key; did you mean `listen`?",
        ),
        (
            "code_length = 5",
            "code_length: unknown key; did you mean `defaults.code_length`?",
        ),
        (
            "[telegram]\nlisten = \"x\"",
            "telegram.listen: unknown key; did you mean `listen`?",
        ),
        (
            "[[sms.provider]]\nname = \"x\"",
            "sms.provider: unknown key; did you mean `sms.providers`?",
        ),
        (
            "[defaults]\nrout = []",
            "defaults.rout: unknown key; did you mean `defaults.route`?",
        ),
        (
            "[defaults.limits]\nper_prefix = []",
            "defaults.limits.per_prefix: unknown key",
        ),
        ("[frobnicate]\nx = 1", "frobnicate: unknown key; remove it"),
        ("[log.file]\nx = 1", "log.file: unknown key"),
    ];
    for (file, start) in cases {
        one_fault(file, &[], start, &[]);
    }
}

#[test]
fn broken_toml_is_one_fault_with_its_place_and_without_its_text() {
    let file = "listen = \"127.0.0.1:80\"\nlisten = 1\n[telegram]\n  token = hunter2\n";
    for file in [
        file,
        "\n  redis_url = hunter2\n",
        "secret_key = \"hunter2\nx",
    ] {
        let faults = faults(file);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with("pinroute.toml: line 2, column ")
                || faults[0].starts_with("pinroute.toml: line 1, column "),
            "{faults:?}"
        );
        assert!(!faults[0].contains("hunter2"), "{faults:?}");
    }
    one_fault(
        "x = 1\n y = = 2",
        &[],
        "pinroute.toml: line 2, column 6: not TOML: ",
        &[],
    );
}

#[test]
fn variables_win_over_the_file_and_are_taken_as_their_keys_type() {
    let env = [
        ("PINROUTE_LISTEN", "[::1]:9000"),
        ("PINROUTE_MIGRATE_ON_START", "false"),
        ("PINROUTE_WORKERS", "3"),
        ("PINROUTE_SANDBOX", "true"),
        ("PINROUTE_TELEGRAM__TOKEN", "tok"),
        ("PINROUTE_TELEGRAM__PRICE__AMOUNT", "0.02"),
        ("PINROUTE_LOG__LEVEL", "pinroute=debug,info"),
        ("PINROUTE_DEFAULTS__CODE_LENGTH", "8"),
        ("PINROUTE_DEFAULTS__TTL", "1h"),
        (
            "PINROUTE_DEFAULTS__ROUTE",
            r#"[{"channel":"sms","wait":"60s","approve_within":"90s"}]"#,
        ),
        ("PINROUTE_DEFAULTS__LIMITS__PER_IP", "off"),
        ("PINROUTE_DEFAULTS__LIMITS__CREATES__0", "7/1s"),
        ("PINROUTE_DEFAULTS__COUNTRIES", r#"{"deny":["DE"]}"#),
        ("PINROUTE_DEFAULTS__BUDGET", "off"),
        ("PINROUTE_SMS__PROVIDERS__0__URL", "https://other.example/"),
        ("PINROUTE_SMS__PROVIDERS__0__TIMEOUT", "3s"),
        ("PINROUTE_SMS__PROVIDERS__0__PRICES__kz", "0.07"),
        ("PINROUTE_SMS__PROVIDERS__0__HEADERS__X-KEY", "k"),
        ("PINROUTE_SMS__PROVIDERS__0__JSON__TEXT", "{text}!"),
        ("PINROUTE_CONFIG", "/etc/pinroute.toml"),
        ("PATH", "/bin"),
    ];
    let file = format!("listen = \"127.0.0.1:1\"\nworkers = 9\n{PROVIDER}");
    let settings = with_env(&file, &env);
    assert_eq!(settings.listen.to_string(), "[::1]:9000");
    assert!(!settings.migrate_on_start);
    assert_eq!(settings.workers, Some(3));
    assert_eq!(settings.sandbox, Some(true));
    assert_eq!(settings.log.level, "pinroute=debug,info");
    let telegram = settings.telegram.as_ref().unwrap();
    assert_eq!(telegram.token.expose(), "tok");
    assert_eq!(telegram.price, Money::new(Micros(20_000), Currency::USD));
    let policy = &settings.defaults;
    assert_eq!((policy.code_length, policy.ttl.as_secs()), (8, 3600));
    assert_eq!(policy.route.len(), 1);
    assert_eq!(policy.route[0].approve_within.unwrap().as_secs(), 90);
    assert!(policy.limits.per_ip.is_empty());
    assert_eq!(policy.limits.creates, ["7/1s".parse().unwrap()]);
    assert_eq!(policy.limits.per_number.len(), 2);
    assert!(policy.countries.admits(country("UZ")) && !policy.countries.admits(country("DE")));
    assert_eq!(settings.defaults.budgets, []);
    let main = &settings.sms_providers[0];
    assert_eq!(main.timeout.as_secs(), 3);
    assert_eq!(main.prices.per_segment(country("KZ")), Some(Micros(70_000)));
    assert_eq!(main.prices.per_segment(country("UZ")), Some(Micros(50_000)));
    let http = http(&settings);
    assert_eq!(http.url, "https://other.example/");
    assert_eq!(http.headers[0].0, "x-key");
    let Body::Json(json) = &http.body else {
        panic!("not JSON")
    };
    assert_eq!(
        *json,
        serde_json::json!({ "to": "{to}", "text": "{text}!" })
    );
}

#[test]
fn a_list_may_come_from_variables_alone() {
    let list = r#"[{"name":"a","kind":"http","url":"https://a.example","method":"GET",
        "headers":{"X-Api-Key":"k"},"query":{"to":"{to_digits}","msg":"{code}","flash":0},
        "accept":{"pointer":"/ok","values":[true]},"prices":{"*":"0.1"},"currency":"EUR"}]"#;
    let settings = with_env(
        "",
        &[
            ("PINROUTE_SMS__PROVIDERS", list),
            ("PINROUTE_SMS__PROVIDERS__0__NAME", "b"),
        ],
    );
    assert_eq!(settings.sms_providers[0].name, "b");
    let http = http(&settings);
    assert_eq!(http.method, Method::Get);
    assert_eq!(http.accept.as_ref().unwrap().values, ["true"]);
    let Body::Query(query) = &http.body else {
        panic!("not a query")
    };
    assert_eq!(BTreeMap::from_iter(query.clone())["flash"], "0");

    let one_by_one: Vec<(String, String)> = (0..12)
        .flat_map(|index| {
            let set = |key: &str, value: &str| {
                (
                    format!("PINROUTE_SMS__PROVIDERS__{index}__{key}"),
                    value.to_owned(),
                )
            };
            [
                set("NAME", &format!("p{index}")),
                set("KIND", "http"),
                set("URL", "https://a.example/?key={to}"),
                set("FORM", r#"{"text":"{text}"}"#),
                set("PRICES", r#"{"*":"0.1"}"#),
                set("CURRENCY", "USD"),
                set("ACCEPT__POINTER", "/a"),
                set("ACCEPT__VALUES__0", "ok"),
            ]
        })
        .collect();
    let loaded = load(None, one_by_one, &read_file).unwrap();
    let names: Vec<&str> = loaded
        .settings
        .sms_providers
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11"
        ]
    );
}

#[test]
fn faults_of_variables_name_the_variable() {
    let cases = [
        (
            "PINROUTE_WORKERS",
            "many",
            "workers: `many` in quotes does not fit",
            "set by PINROUTE_WORKERS",
        ),
        (
            "PINROUTE_SANDBOX",
            "yes",
            "sandbox: `yes`",
            "PINROUTE_SANDBOX",
        ),
        (
            "PINROUTE_DEFAULTS__ROUTE",
            "[{]",
            "defaults.route: is not JSON",
            "PINROUTE_DEFAULTS__ROUTE",
        ),
        (
            "PINROUTE_DEFAULTS__ROUTE",
            "sms",
            "defaults.route: a text does not fit",
            "JSON",
        ),
        (
            "PINROUTE_DEFAULTS__ROUTE__0__WAIT",
            "2h",
            "defaults.route[0].wait: `2h`",
            "PINROUTE_DEFAULTS__ROUTE__0__WAIT",
        ),
        (
            "PINROUTE_DEFAULTS__ROUTE__5__WAIT",
            "9s",
            "defaults.route: PINROUTE_DEFAULTS__ROUTE__5__WAIT leaves a gap",
            "2",
        ),
        (
            "PINROUTE_TELEGRAM",
            r#"{"tokn":"x"}"#,
            "telegram.tokn: unknown key; did you mean `telegram.token`?",
            "in PINROUTE_TELEGRAM",
        ),
        ("PINROUTE_LISTEN", "", "listen: `` is not an address", ""),
    ];
    for (name, value, start, part) in cases {
        one_fault("", &[(name, value)], start, &[part]);
    }
}

#[test]
fn unknown_variables_are_warned_of_and_never_an_error() {
    let cases = [
        (
            "PINROUTE_PORT",
            "PINROUTE_PORT sets no known key and is ignored",
        ),
        (
            "PINROUTE_SERVICE_HOST",
            "PINROUTE_SERVICE_HOST sets no known key and is ignored",
        ),
        (
            "PINROUTE_PORT_8080_TCP__ADDR",
            "PINROUTE_PORT_8080_TCP__ADDR sets no known key and is ignored",
        ),
        (
            "PINROUTE_PORT__3",
            "PINROUTE_PORT__3 sets no known key and is ignored",
        ),
        ("PINROUTE_", "PINROUTE_ sets no known key and is ignored"),
        (
            "PINROUTE_A____B",
            "PINROUTE_A____B sets no known key and is ignored",
        ),
        (
            "PINROUTE_TELEGRAM_TOKEN",
            "PINROUTE_TELEGRAM_TOKEN sets no known key; did you mean PINROUTE_TELEGRAM__TOKEN?",
        ),
        (
            "PINROUTE_DATABASE__URL",
            "PINROUTE_DATABASE__URL sets no known key; did you mean PINROUTE_DATABASE_URL?",
        ),
        (
            "PINROUTE_TELEGRAM__TOKN",
            "PINROUTE_TELEGRAM__TOKN sets no known key; did you mean PINROUTE_TELEGRAM__TOKEN?",
        ),
        (
            "PINROUTE_LISTEN__PORT",
            "PINROUTE_LISTEN__PORT sets no known key and is ignored",
        ),
        (
            "PINROUTE_DEFAULTS__ROUTE__FIRST",
            "PINROUTE_DEFAULTS__ROUTE__FIRST sets no known key and is ignored",
        ),
    ];
    for (name, warning) in cases {
        let loaded = load_both("", &[(name, "tcp://10.0.0.1:80")]).unwrap();
        assert_eq!(loaded.warnings, [warning]);
    }
}

#[test]
fn empty_variables_empty_texts_and_leave_the_rest() {
    let file = "redis_url = \"redis://x\"\ntelegram.token = \"tok\"\nsandbox = true";
    let env = [
        "REDIS_URL",
        "TELEGRAM__TOKEN",
        "WORKERS",
        "SANDBOX",
        "MIGRATE_ON_START",
        "SMS__PROVIDERS",
        "DEFAULTS__ROUTE",
        "DEFAULTS__CODE_LENGTH",
        "TELEGRAM__TOKEN_FILE",
    ];
    let env: Vec<String> = env.iter().map(|name| format!("PINROUTE_{name}")).collect();
    let env: Vec<(&str, &str)> = env.iter().map(|name| (name.as_str(), "")).collect();
    let settings = with_env(file, &env);
    assert_eq!(
        (settings.redis_url, settings.telegram, settings.workers),
        (None, None, None)
    );
    assert_eq!(settings.sandbox, Some(true));
    assert!(settings.migrate_on_start);
    assert_eq!(settings.defaults.route.len(), 2);
}

#[test]
fn secrets_can_be_read_from_files() {
    let token = |file: &str, env: &[(&str, &str)]| {
        with_env(file, env)
            .telegram
            .map(|telegram| telegram.token.expose().to_owned())
    };
    let from_file = Some("tok-from-file".to_owned());
    assert_eq!(
        token("telegram.token_file = \"/run/token\"", &[]),
        from_file
    );
    assert_eq!(
        token("telegram.token = { file = \"/run/token\" }", &[]),
        from_file
    );
    assert_eq!(
        token("", &[("PINROUTE_TELEGRAM__TOKEN_FILE", "/run/token")]),
        from_file
    );
    // A variable of either form wins over the file's key.
    assert_eq!(
        token(
            "telegram.token = \"x\"",
            &[("PINROUTE_TELEGRAM__TOKEN_FILE", "/run/token")]
        ),
        from_file
    );
    assert_eq!(
        token(
            "telegram.token_file = \"/run/token\"",
            &[("PINROUTE_TELEGRAM__TOKEN", "x")]
        ),
        Some("x".to_owned())
    );
    assert_eq!(
        token(
            "telegram.token_file = \"/run/token\"",
            &[("PINROUTE_TELEGRAM__TOKEN", "")]
        ),
        None
    );

    let settings = with_env(
        &provider(
            "json = { to = \"{to}\", text = \"{text}\" }",
            "headers = { Authorization = { file = \"/run/header\" } }\n\
             form = { to = \"{to}\", text = \"{text}\", key = { file = \"/run/token\" } }",
        ),
        &[
            ("PINROUTE_SECRET_KEY_FILE", "/run/key"),
            ("PINROUTE_PREVIOUS_SECRET_KEYS", r#"[{"file":"/run/key"}]"#),
            ("PINROUTE_PREVIOUS_SECRET_KEYS__1__FILE", "/run/key"),
        ],
    );
    assert_eq!(settings.secret_key.as_ref().unwrap().0[31], 31);
    assert_eq!(settings.previous_secret_keys.len(), 2);
    assert_eq!(http(&settings).headers[0].1.expose(), "Bearer from-file");
    let Body::Form(form) = &http(&settings).body else {
        panic!("not a form")
    };
    assert!(form.contains(&("key".to_owned(), "tok-from-file".to_owned())));

    let nested = provider(
        "{text}\" }",
        "{text}\", auth = { key = { file = \"/run/token\" } } }",
    );
    let Body::Json(json) = http(&self::settings(&nested)).body.clone() else {
        panic!("not JSON")
    };
    assert_eq!(json["auth"]["key"], "tok-from-file");
}

#[test]
fn secret_files_that_cannot_be_used_are_faults() {
    one_fault(
        "telegram.token_file = \"/none\"",
        &[],
        "telegram.token_file: cannot read the file `/none`",
        &["not found"],
    );
    one_fault(
        "telegram.token_file = \"/run/empty\"",
        &[],
        "telegram.token_file: the file `/run/empty` is empty",
        &[],
    );
    one_fault(
        "telegram.token_file = 7",
        &[],
        "telegram.token_file: `7` does not fit",
        &["path"],
    );
    let both = "telegram.token = \"x\"\ntelegram.token_file = \"/run/token\"";
    one_fault(
        both,
        &[],
        "telegram.token: `token` and `token_file` are both given",
        &["keep one"],
    );
    let both = [
        ("PINROUTE_SECRET_KEY", KEY),
        ("PINROUTE_SECRET_KEY_FILE", "/run/key"),
    ];
    one_fault(
        "",
        &both,
        "secret_key: `secret_key` and `secret_key_file` are both given",
        &[],
    );
    one_fault(
        "previous_secret_keys = [{ file = \"/none\" }]",
        &[],
        "previous_secret_keys[0].file: cannot read",
        &["/none"],
    );
    one_fault(
        "previous_secret_keys = [{ path = \"x\", file = \"/run/key\" }]",
        &[],
        "previous_secret_keys[0].path: unknown key",
        &[],
    );
    // An unreadable key is not a missing one.
    one_fault(
        "database_url = \"postgres://h/d\"\nsecret_key_file = \"/none\"",
        &[],
        "secret_key_file: cannot read",
        &[],
    );
}

#[test]
fn no_secret_is_in_any_fault_warning_or_debug_output() {
    let sound = r#"
        database_url = "postgres://user:hunter2@db/pinroute?password=hunter2"
        redis_url = "redis://:hunter2@redis"
        secret_key = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ="
        previous_secret_keys = ["aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ="]
        [telegram]
        token = "hunter2"
        previous_token = "hunter2"
        [[sms.providers]]
        name = "a"
        kind = "http"
        url = "https://u:hunter2@sms.example/hunter2?key=hunter2"
        headers = { Authorization = "Bearer hunter2" }
        form = { to = "{to}", text = "{text}", password = "hunter2" }
    "#;
    let loaded = load_both(sound, &[]).unwrap();
    let shown = format!(
        "{loaded:?} {loaded:#?} {}",
        loaded.settings.redis_url.as_ref().unwrap()
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("104, 117"),
        "{shown}"
    );
    assert!(
        shown.contains("postgres://user:***@db/pinroute?…"),
        "{shown}"
    );
    assert_eq!(loaded.warnings.len(), 1);

    let broken = [
        "secret_key = \"hunter2\"",
        "secret_key = \"aHVudGVyMg==\"",
        "previous_secret_keys = [\"hunter2\"]",
        "previous_secret_keys = \"hunter2\"",
        "previous_secret_keys = [[\"hunter2\"]]",
        "redis_url = \"hunter2\"",
        "redis_url = \"http://:hunter2@x\"",
        "database_url = \"hunter2\"",
        "database_url = \"mysql://u:hunter2@x\"",
        "database_url = \"postgres://u:hunter2@x@db/d\"",
        "database_url = \"postgres://u:x/hunter2@db/d\"",
        "database_url = \"postgres://u:x?hunter2@db/d\"",
        "public_url = \"https://u:hunter2@x\"",
        "public_url = \"https://hunter2@x\"",
        "public_url = \"https://x?hunter2\"",
        "telegram = \"hunter2\"",
        "telegram.token = \"hunter2 \"",
        "telegram.token = [\"hunter2\"]",
        "telegram.hunter = \"hunter2\"",
        "telegram.token = \"hunter2\"\ntelegram.token_file = \"/run/token\"",
        "sms.providers = \"hunter2\"",
        "sms.providers = [\"hunter2\"]",
        "sms.providers = [{ name = \"a\", kind = \"http\", url = \"ftp://u:hunter2@x\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", url = \"https://u:a/hunter2@x:y\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", url = \"https://u:hunter2@x:y/hunter2\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", headers = \"hunter2\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", headers = { A = \"{hunter2}\" } }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", headers = { A = \"hunter2\\n\" } }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", json = \"hunter2\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", form = { A = [\"hunter2\"] } }]",
    ];
    for file in broken {
        let faults = load_both(file, &[]).map(|_| ()).expect_err(file);
        assert!(
            !format!("{faults:?}").contains("hunter2"),
            "{file}: {faults:?}"
        );
    }
    for name in [
        "PINROUTE_TELEGRAM",
        "PINROUTE_PREVIOUS_SECRET_KEYS",
        "PINROUTE_SMS__PROVIDERS",
        "PINROUTE_SECRET_KEY",
    ] {
        let faults = load_both("", &[(name, "[hunter2")])
            .map(|_| ())
            .expect_err(name);
        assert!(!format!("{faults:?}").contains("hunter2"), "{faults:?}");
    }
    let unknown = load_both("", &[("PINROUTE_TOKEN", "hunter2")]).unwrap();
    assert!(!unknown.warnings[0].contains("hunter2"));
}

#[test]
fn keys_are_read_in_both_alphabets() {
    let bytes = [0xfb_u8; 32];
    for text in [
        "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
        "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s",
        "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=",
        "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
    ] {
        let settings = settings(&format!("secret_key = \"{text}\""));
        assert_eq!(settings.secret_key.unwrap().0, bytes, "{text}");
    }
}

#[test]
fn databases_are_told_apart() {
    for (url, path) in [
        ("sqlite://pinroute.db", "pinroute.db"),
        ("sqlite:data/p.db", "data/p.db"),
        ("sqlite:///var/p.db", "/var/p.db"),
    ] {
        let settings = settings(&format!("database_url = \"{url}\""));
        assert_eq!(settings.database, Database::Sqlite { path: path.into() });
    }
    for scheme in ["postgres", "postgresql"] {
        let url = format!("{scheme}://u:p%40w@db:5432/pinroute");
        let settings = settings(&format!("database_url = \"{url}\"\nsecret_key = \"{KEY}\""));
        assert_eq!(
            settings.database,
            Database::Postgres {
                url: Secret::new(&url)
            }
        );
        assert_eq!(
            settings.database_url_shown,
            format!("{scheme}://u:***@db:5432/pinroute")
        );
    }
    one_fault(
        "database_url = \"postgres://db/d\"",
        &[],
        "secret_key: is required with Postgres",
        &["openssl rand -base64 32"],
    );
    one_fault(
        "database_url = \"postgres://\"",
        &[("PINROUTE_SECRET_KEY", KEY)],
        "database_url: ",
        &["no host"],
    );
}

#[test]
fn addresses_lose_their_trailing_slash_and_may_have_a_path() {
    let settings = settings(
        "public_url = \"https://pin.example/verify/\"\ntelegram = { token = \"t\", base_url = \"HTTP://[::1]:8081/\" }",
    );
    assert_eq!(settings.public_url, "https://pin.example/verify");
    assert_eq!(settings.telegram.unwrap().base_url, "HTTP://[::1]:8081");
}

#[test]
fn providers_keep_their_order_and_prices_fall_back_to_the_rest() {
    let second = provider("main", "second").replace(", \"*\" = \"0.08\"", "");
    let settings = settings(&format!("{PROVIDER}{second}"));
    let names: Vec<&str> = settings
        .sms_providers
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(names, ["main", "second"]);
    let price = |index: usize, code| {
        settings.sms_providers[index]
            .prices
            .per_segment(country(code))
    };
    assert_eq!(price(0, "UZ"), Some(Micros(50_000)));
    assert_eq!(price(0, "DE"), Some(Micros(80_000)));
    assert_eq!(price(1, "DE"), None);
}

#[test]
fn what_works_but_hardly_as_meant_is_a_warning() {
    let warning = |file: &str| {
        let loaded = load_both(file, &[]).unwrap();
        assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
        loaded.warnings[0].clone()
    };
    let priceless = provider(
        "prices = { UZ = \"0.05\", \"*\" = \"0.08\" }\ncurrency = \"USD\"",
        "",
    );
    assert!(warning(&priceless).contains("no_price"));
    let unreported = provider(
        "json = ",
        "report = { status_pointer = \"/s\", delivered = [\"ok\"] }\njson = ",
    );
    assert!(warning(&unreported).contains("{callback_url}"));
    let stuck =
        format!("defaults.route = [{{ channel = \"telegram\", wait = \"9s\" }}]\n{PROVIDER}");
    assert!(warning(&stuck).contains("defaults.route"));
}

#[test]
fn a_project_may_be_closed_to_all_countries() {
    let settings = settings("defaults.countries.allow = []");
    assert_eq!(settings.defaults.countries.allow, Some(Vec::new()));
}

#[test]
fn the_sandbox_starts_by_itself_only_where_nobody_else_comes_by() {
    let telegram = "telegram.token = \"t\"\n";
    let postgres = format!("database_url = \"postgres://db/d\"\nsecret_key = \"{KEY}\"\n");
    // What is written, and whether it is the sandbox, or the keys of its faults.
    let cases: [(String, Result<bool, Vec<&str>>); 16] = [
        (String::new(), Ok(true)),
        ("listen = \"[::1]:0\"".to_owned(), Ok(true)),
        ("listen = \"[::ffff:127.0.0.1]:80\"".to_owned(), Ok(true)),
        (telegram.to_owned(), Ok(false)),
        (PROVIDER.to_owned(), Ok(false)),
        (format!("sandbox = false\n{telegram}"), Ok(false)),
        ("sandbox = true".to_owned(), Ok(true)),
        (
            format!(
                "sandbox = true\nlisten = \"0.0.0.0:80\"\npublic_url = \"https://x\"\n{postgres}"
            ),
            Ok(true),
        ),
        (format!("sandbox = true\n{telegram}"), Err(vec!["sandbox"])),
        (format!("sandbox = true\n{PROVIDER}"), Err(vec!["sandbox"])),
        ("sandbox = false".to_owned(), Err(vec!["sandbox"])),
        (
            "listen = \"0.0.0.0:80\"".to_owned(),
            Err(vec!["telegram.token", "listen"]),
        ),
        (
            "simulator_listen = \"0.0.0.0:81\"".to_owned(),
            Err(vec!["telegram.token", "simulator_listen"]),
        ),
        (
            "public_url = \"HTTPS://x\"".to_owned(),
            Err(vec!["telegram.token", "public_url"]),
        ),
        (postgres, Err(vec!["telegram.token", "database_url"])),
        (
            "simulator_listen = \"127.0.0.1:8080\"".to_owned(),
            Err(vec!["simulator_listen"]),
        ),
    ];
    for (file, expected) in cases {
        let decided = settings(&file).sandbox_mode();
        let decided = decided.as_ref().map(|mode| *mode).map_err(|faults| {
            faults
                .iter()
                .map(|fault| fault.key.as_str())
                .collect::<Vec<_>>()
        });
        assert_eq!(decided, expected, "{file}");
    }
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

#[test]
fn an_account_of_twilio_is_read_and_each_of_its_faults_named() {
    let text = |keys: &str| {
        format!(
            "[[sms.providers]]\nname = \"us\"\nkind = \"twilio\"\nprices = {{ \"*\" = \"0.05\" }}\ncurrency = \"USD\"\n{keys}"
        )
    };
    let load = |keys: &str| load(Some(("file", &text(keys))), [], &|_| unreachable!());
    let sid = format!("AC{}", "0a".repeat(16));
    let good = load(&format!(
        "account_sid = \"{sid}\"\nauth_token = \"very-secret\"\nfrom = \"+15550001111\""
    ));
    let settings = good.unwrap().settings;
    let SmsKind::Twilio(twilio) = &settings.sms_providers[0].kind else {
        panic!("it is written as twilio");
    };
    assert_eq!(twilio.base_url, "https://api.twilio.com");
    assert_eq!(twilio.sender, TwilioSender::From("+15550001111".to_owned()));
    assert!(!format!("{settings:?}").contains("very-secret"));
    for (keys, said) in [
        ("", "account_sid: is missing"),
        (
            "account_sid = \"AC1\"\nauth_token = \"very-secret\"\nfrom = \"Shop\"",
            "`AC1` is not a SID",
        ),
        (
            "from = \"Shop\"\nmessaging_service_sid = \"MG1\"",
            "`MG1` is not a SID",
        ),
        ("from = \"a name that is too long\"", "is not a sender"),
        ("base_url = \"ftp://x\"", "base_url"),
        ("url = \"https://x\"", "url: unknown key"),
    ] {
        let faults = load(keys).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|fault| fault.contains(said)),
            "{said} in {told:?}"
        );
        assert!(!told.join("\n").contains("very-secret"));
    }
}
