//! Reads the keys at the top of the file, and the tables that belong to no other subject.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::ages;
use super::database::{self, Database};
use super::policy;
use super::settings::{Dialects, Guard, Log, LogFormat, Retention, Settings, Webhooks};
use super::telemetry;
use crate::channels::{Configured, catalog};
use crate::clock::span;
use crate::reader::{Checked, Faults, Field, Reader, Secret, all, optional, parse_key, quote, url};
use crate::secret::SecretKey;
use crate::verification::guard::{Mode, Rule};
use crate::verification::policy::Policy;
use crate::webhooks::sinks::settings::{self as sinks, Events};

pub(super) fn read(mut root: Reader<'_>) -> Checked<Settings> {
    let listen = root.get("listen").and_then(Field::address);
    let public_url = root.get("public_url").and_then(url::read_base);
    let trusted_proxies = root.get("trusted_proxies").and_then(networks);
    let database = read_database(&mut root);
    let redis_url = redis_url(&mut root);
    let links = database::links(&mut root);
    let secret_key = secret_key(&mut root);
    let previous_secret_keys = previous_secret_keys(&mut root);
    let operator_name = root.get("operator_name").and_then(|field| {
        field.parsed(|text| {
            let fits = text.chars().count() <= 100 && !text.chars().any(char::is_control);
            fits.then(|| text.trim().to_owned())
                .ok_or("must be one line of at most 100 characters")
        })
    });
    let reporting_currency = root.get("reporting_currency").and_then(Field::currency);
    let simulator_listen = root.get("simulator_listen").and_then(Field::address);
    let simulator_callbacks = root.get("simulator_callbacks").and_then(origins);
    let sandbox = optional(root.find("sandbox"), Field::flag);
    let metrics_listen = optional(root.find("metrics_listen"), Field::address);
    let migrate_on_start = root.get("migrate_on_start").and_then(Field::flag);
    let drain = root.get("drain").and_then(drain);
    let shutdown_grace = root
        .get("shutdown_grace")
        .and_then(|field| field.span(Duration::ZERO..=Duration::from_hours(1)));
    let unknown_after = root
        .get("unknown_after")
        .and_then(|field| field.span(Duration::from_secs(1)..=Duration::from_hours(30 * 24)));
    let workers = optional(root.find("workers"), |field| field.whole(1..=1024));
    let log = read_log(&mut root);
    let telemetry = root.table("telemetry").and_then(telemetry::read);
    let webhooks = root.table("webhooks").and_then(webhooks);
    let retention = root.table("retention").and_then(retention);
    let guard = root.table("guard").and_then(guard);
    let events = root.table("events").and_then(sinks::read);
    let dialects = root.table("dialects").and_then(dialects);
    let providers = catalog::read(&mut root, reporting_currency);
    let defaults = root.table("defaults").and_then(policy::read);

    if let (Ok((Database::Postgres { .. }, _)), Ok(None)) = (&database, &secret_key) {
        root.fault(
            "secret_key",
            "is required with Postgres, where replicas share it; make one with `openssl rand -base64 32`",
        );
    }
    if let (Ok((database, _)), Ok(links), Ok(migrates)) = (&database, &links, &migrate_on_start) {
        database::check_links(&root, database, links, *migrates);
    }
    if let (Ok(redis), Ok(links), Ok(events)) = (&redis_url, &links, &events) {
        let streams = events
            .sinks
            .iter()
            .filter_map(|sink| sink.target.redis_url());
        database::check_redis_ca(&root, redis.iter().chain(streams), links);
    }
    check_outbox(&root, &retention, &events);
    check_metrics_listen(&root, &listen, &metrics_listen);
    let report = root.report;
    root.finish();

    let (database, database_url_shown) = database?;
    let defaults = defaults?;
    let providers = providers?;
    warn_of_routes(report, &providers, &defaults);
    warn_of_proxies(report, &listen, &trusted_proxies);
    Ok(Settings {
        listen: listen?,
        public_url: public_url?,
        trusted_proxies: trusted_proxies?,
        database,
        database_url_shown,
        redis_url: redis_url?,
        links: links?,
        secret_key: secret_key?,
        previous_secret_keys: previous_secret_keys?,
        operator_name: operator_name?,
        reporting_currency: reporting_currency?,
        simulator_listen: simulator_listen?,
        simulator_callbacks: simulator_callbacks?,
        sandbox: sandbox?,
        metrics_listen: metrics_listen?,
        migrate_on_start: migrate_on_start?,
        drain: drain?,
        shutdown_grace: shutdown_grace?,
        unknown_after: unknown_after?,
        workers: workers?,
        log: log?,
        telemetry: telemetry?,
        webhooks: webhooks?,
        retention: retention?,
        guard: guard?,
        events: events?,
        dialects: dialects?,
        providers,
        defaults,
    })
}

/// Events are kept while they may be sent.
fn check_outbox(root: &Reader<'_>, retention: &Checked<Retention>, events: &Checked<Events>) {
    if let (Ok(retention), Ok(events)) = (retention, events)
        && events.outbox_max_age > retention.webhook_deliveries
    {
        root.fault(
            "events.outbox_max_age",
            format!(
                "`{}` is longer than retention.webhook_deliveries, after which events are deleted; shorten it",
                span::format(events.outbox_max_age)
            ),
        );
    }
}

/// Metrics need a port of their own.
fn check_metrics_listen(
    root: &Reader<'_>,
    listen: &Checked<SocketAddr>,
    metrics_listen: &Checked<Option<SocketAddr>>,
) {
    if let (Ok(listen), Ok(Some(metrics))) = (listen, metrics_listen)
        && listen == metrics
        && listen.port() != 0
    {
        root.fault(
            "metrics_listen",
            format!("`{metrics}` is also listen; give it another port"),
        );
    }
}

/// What no provider carries.
fn warn_of_routes(report: &Faults<'_>, providers: &[Configured], defaults: &Policy) {
    let open = |channel| providers.iter().any(|p| p.account.channel == channel);
    if !providers.is_empty() && !defaults.route.iter().any(|step| open(step.channel)) {
        report.warn(
            "defaults.route",
            "no step has a configured provider, so nothing can be sent by default",
        );
    }
    let is_enforced = |rule: &Rule| rule.challenges() && defaults.guard.mode(*rule) == Mode::On;
    if !providers.is_empty()
        && Rule::ALL.iter().any(is_enforced)
        && !defaults.guard.challenge_channels.iter().copied().any(open)
    {
        report.warn(
            "defaults.guard.challenge_channels",
            "no provider is configured for any of them, so rules that are on deny where they would challenge",
        );
    }
}

fn warn_of_proxies(
    report: &Faults<'_>,
    listen: &Checked<SocketAddr>,
    trusted_proxies: &Checked<Vec<IpNet>>,
) {
    if let (Ok(listen), Ok(proxies)) = (listen, trusted_proxies)
        && !listen.ip().is_loopback()
        && proxies.iter().all(|net| net.addr().is_loopback())
    {
        report.warn(
            "trusted_proxies",
            "names no proxy, although others can connect: behind one, all clients count as one address; name it",
        );
    }
}

fn drain(field: Field<'_>) -> Checked<Duration> {
    let (path, report) = (field.path.clone(), field.report);
    let drain = field.span(Duration::ZERO..=Duration::from_mins(10))?;
    if !drain.is_zero() && drain < Duration::from_secs(1) {
        report.warn(
            path,
            "is too short for a load balancer to notice; write the time that it needs, such as \"5s\", or \"0s\" for none",
        );
    }
    Ok(drain)
}

fn networks(field: Field<'_>) -> Checked<Vec<IpNet>> {
    let network = |text: &str| {
        let alone = || text.parse().map(|address: IpAddr| IpNet::from(address));
        text.parse().or_else(|_| alone()).map_err(|_| {
            format!(
                "{} is neither an address nor a network such as 10.0.0.0/8",
                quote(text)
            )
        })
    };
    all(field.items()?.into_iter().map(|item| item.parsed(network)))
}

/// Hosts and http(s) origins.
fn origins(field: Field<'_>) -> Checked<Vec<String>> {
    let origin = |text: &str| {
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let base = url::base(&whole).ok();
        let is_origin = base.is_some_and(|base| {
            !base
                .split_once("://")
                .is_some_and(|(_, rest)| rest.contains('/'))
        });
        if is_origin {
            return Ok(text.trim_end_matches('/').to_owned());
        }
        let shown = quote(&url::redact(text));
        Err(format!(
            "{shown} is neither a host such as hooks.example nor an origin such as https://hooks.example:8443"
        ))
    };
    all(field.items()?.into_iter().map(|item| item.parsed(origin)))
}

fn read_database(root: &mut Reader<'_>) -> Checked<(Database, String)> {
    let Some(text) = root.secret("database_url")? else {
        return Err(root.fault(
            "database_url",
            "is empty; write sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE",
        ));
    };
    url::warn_of_example(root.report, "database_url", text.expose());
    database::parse(text.expose()).map_err(|problem| root.fault("database_url", problem))
}

fn redis_url(root: &mut Reader<'_>) -> Checked<Option<Secret>> {
    let secret = root.secret("redis_url")?;
    let checked = secret
        .as_ref()
        .map_or(Ok(()), |secret| database::check_redis(secret.expose()));
    checked.map_err(|problem| root.fault("redis_url", problem))?;
    if let Some(secret) = &secret {
        url::warn_of_example(root.report, "redis_url", secret.expose());
    }
    Ok(secret)
}

fn secret_key(root: &mut Reader<'_>) -> Checked<Option<SecretKey>> {
    let secret = root.secret("secret_key")?;
    let key = secret.map(|secret| parse_key(secret.expose()));
    key.transpose()
        .map_err(|problem| root.fault("secret_key", problem))
}

fn previous_secret_keys(root: &mut Reader<'_>) -> Checked<Vec<SecretKey>> {
    let Some(field) = root.find("previous_secret_keys") else {
        return Ok(Vec::new());
    };
    let report = root.report;
    all(field.items()?.into_iter().map(|item| {
        let path = item.path.clone();
        let secret = item.secret()?;
        parse_key(secret.expose()).map_err(|problem| report.fault(path, problem))
    }))
}

/// `log = "requests"` is short for that key alone.
fn read_log(root: &mut Reader<'_>) -> Checked<Log> {
    match root.find("log") {
        Some(field) if field.is_text("requests") => Ok(Log {
            requests: true,
            ..Log::default()
        }),
        Some(field) => field.table().and_then(log),
        None => root.table("log").and_then(log),
    }
}

fn log(mut table: Reader<'_>) -> Checked<Log> {
    let formats = [
        ("auto", LogFormat::Auto),
        ("text", LogFormat::Text),
        ("json", LogFormat::Json),
    ];
    let format = table.get("format").and_then(|field| field.choice(&formats));
    let level = table.get("level").and_then(|field| field.parsed(log_level));
    let requests = table.get("requests").and_then(Field::flag);
    table.finish();
    Ok(Log {
        format: format?,
        level: level?,
        requests: requests?,
    })
}

/// Takes `info`, or `target=level` several times, with commas.
fn log_level(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let sound = |part: &str| {
        let (target, level) = part.split_once('=').unwrap_or(("pinroute", part));
        let named = !target.is_empty()
            && target
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-'));
        named && LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level))
    };
    if text.split(',').all(sound) {
        return Ok(text.to_owned());
    }
    let levels = LEVELS.join(", ");
    Err(format!(
        "{} is not a level ({levels}), nor several such as pinroute=debug,info",
        quote(text)
    ))
}

fn dialects(mut table: Reader<'_>) -> Checked<Dialects> {
    let telegram = table.get("telegram").and_then(Field::flag);
    let twilio = table.get("twilio").and_then(Field::flag);
    let vonage = table.get("vonage").and_then(Field::flag);
    table.finish();
    Ok(Dialects {
        telegram: telegram?,
        twilio: twilio?,
        vonage: vonage?,
    })
}

fn retention(mut table: Reader<'_>) -> Checked<Retention> {
    let day = Duration::from_hours(24);
    let mut kept = |name, least| {
        let field = table.get(name);
        field.and_then(|field| field.span(least..=3_650 * day))
    };
    let numbers = kept("numbers", *ages::RANGE.start());
    let client = kept("client", *ages::RANGE.start());
    let verifications = kept("verifications", 7 * day);
    let webhook_deliveries = kept("webhook_deliveries", 7 * day);
    let decisions = kept("decisions", 7 * day);
    let audit = kept("audit", 7 * day);
    table.finish();
    Ok(Retention {
        numbers: numbers?,
        client: client?,
        verifications: verifications?,
        webhook_deliveries: webhook_deliveries?,
        decisions: decisions?,
        audit: audit?,
    })
}

fn guard(mut table: Reader<'_>) -> Checked<Guard> {
    let file = |field: Field<'_>| {
        field.parsed(|text| match text {
            "" => Err("names no file"),
            path => Ok(PathBuf::from(path)),
        })
    };
    let ip_databases = table
        .get("ip_database")
        .and_then(Field::one_or_more)
        .and_then(|files| all(files.into_iter().map(file)));
    let max_bytes = table
        .get("max_bytes")
        .and_then(|field| field.whole(4 << 20..=4 << 30));
    table.finish();
    Ok(Guard {
        ip_databases: ip_databases?,
        max_bytes: max_bytes?,
    })
}

fn webhooks(mut table: Reader<'_>) -> Checked<Webhooks> {
    let allow_private = table.get("allow_private").and_then(Field::flag);
    table.finish();
    Ok(Webhooks {
        allow_private: allow_private?,
    })
}
