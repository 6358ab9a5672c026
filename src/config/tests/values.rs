//! Tests of single values: their ranges, and how their faults name them.

use super::*;

/// The configuration, how its fault begins, and a text the fault contains.
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
        "database_max_connections = 1",
        "database_max_connections: `1` is out of range",
        "2 to 1000",
    ),
    (
        "statement_timeout = \"10ms\"",
        "statement_timeout: is so short",
        "0s for no limit",
    ),
    (
        "database_pooler = \"pgbouncer\"",
        "database_pooler: `pgbouncer` is none of: none, session, transaction",
        "",
    ),
    (
        "migrate_database_url = \"sqlite://x.db\"",
        "migrate_database_url: `sqlite://x.db` is not Postgres",
        "",
    ),
    (
        "redis_url = \"redis://h\"\nredis_ca_file = \"ca.pem\"",
        "redis_ca_file: is not used",
        "rediss://",
    ),
    (
        "database_url = \"postgres://u@h/d?sslmode=prefer\"\ndatabase_ca_file = \"ca.pem\"\nsecret_key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"",
        "database_ca_file: is not used",
        "sslmode=verify-full",
    ),
    (
        "redis_url = \"redis+sentinel://h:26379\"",
        "redis_url: does not name the master",
        "/MASTER",
    ),
    (
        "drain = \"11m\"",
        "drain: `11m` is out of range",
        "0s to 10m",
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
        "there are telegram",
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
    assert_eq!(telegram(&settings).unwrap().1.base_url, "HTTP://[::1]:8081");
}
