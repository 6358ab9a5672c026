//! Tests of the layers: the file above the defaults, the variables above both.

use super::*;
use crate::verification::countries::Area;

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
    let (account, telegram) = telegram(&settings).unwrap();
    assert_eq!(telegram.token.expose(), "tok");
    assert_eq!(
        (account.prices.rest, account.currency),
        (Some(Micros(20_000)), Currency::USD)
    );
    let policy = &settings.defaults;
    assert_eq!((policy.code_length, policy.ttl.as_secs()), (8, 3600));
    assert_eq!(policy.route.len(), 1);
    assert_eq!(policy.route[0].approve_within.unwrap().as_secs(), 90);
    assert!(policy.limits.per_ip.is_empty());
    assert_eq!(policy.limits.creates, ["7/1s".parse().unwrap()]);
    assert_eq!(policy.limits.per_number.len(), 2);
    assert!(policy.countries.every);
    assert_eq!(policy.countries.deny, [Area::Country(country("DE"))]);
    assert_eq!(settings.defaults.budgets, []);
    let main = &sms(&settings)[0].account;
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
    assert_eq!(sms(&settings)[0].account.name, "b");
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
    let names: Vec<&str> = sms(&loaded.settings)
        .iter()
        .map(|p| p.account.name.as_str())
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
    assert_eq!((&settings.redis_url, settings.workers), (&None, None));
    assert!(telegram(&settings).is_none());
    assert_eq!(settings.sandbox, Some(true));
    assert!(settings.migrate_on_start);
    assert_eq!(settings.defaults.route.len(), 2);
}
