//! `database_url` and `redis_url`: where things are kept, and how they are reached.

use std::path::PathBuf;
use std::time::Duration;

use crate::reader::url::{authority, redact};
use crate::reader::{Checked, Field, Reader, Secret};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite { path: PathBuf },
    Postgres { url: Secret },
}

/// How Postgres and Redis are reached. Each field is documented in `defaults.toml`.
#[derive(Clone, Debug)]
pub struct Links {
    pub database_max_connections: u32,
    /// Zero: no limit.
    pub statement_timeout: Duration,
    pub database_ca_file: Option<PathBuf>,
    pub database_pooler: Pooler,
    pub migrate_database_url: Option<Secret>,
    pub redis_ca_file: Option<PathBuf>,
}

/// What is between this program and Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    None,
    Session,
    Transaction,
}

pub(super) fn links(root: &mut Reader<'_>) -> Checked<Links> {
    let max = root.get("database_max_connections");
    let max = max.and_then(|field| field.whole(2..=1000));
    let statement_timeout = root.get("statement_timeout").and_then(statement_timeout);
    let database_ca_file = root.get("database_ca_file").and_then(path);
    let poolers = [
        ("none", Pooler::None),
        ("session", Pooler::Session),
        ("transaction", Pooler::Transaction),
    ];
    let database_pooler = root.get("database_pooler");
    let database_pooler = database_pooler.and_then(|field| field.choice(&poolers));
    let migrate_database_url = migrate_url(root);
    let redis_ca_file = root.get("redis_ca_file").and_then(path);
    Ok(Links {
        database_max_connections: max?,
        statement_timeout: statement_timeout?,
        database_ca_file: database_ca_file?,
        database_pooler: database_pooler?,
        migrate_database_url: migrate_database_url?,
        redis_ca_file: redis_ca_file?,
    })
}

fn statement_timeout(field: Field<'_>) -> Checked<Duration> {
    let (path, report) = (field.path.clone(), field.report);
    let timeout = field.span(Duration::ZERO..=Duration::from_mins(10))?;
    if !timeout.is_zero() && timeout < Duration::from_secs(1) {
        let problem = "is so short that sound statements fail; write 1s to 10m, or 0s for no limit";
        return Err(report.fault(path, problem));
    }
    Ok(timeout)
}

/// Empty: none.
fn path(field: Field<'_>) -> Checked<Option<PathBuf>> {
    field.parsed(|text| {
        let named = !text.is_empty();
        Ok::<_, &str>(named.then(|| PathBuf::from(text)))
    })
}

fn migrate_url(root: &mut Reader<'_>) -> Checked<Option<Secret>> {
    const KEY: &str = "migrate_database_url";
    let Some(text) = root.secret(KEY)? else {
        return Ok(None);
    };
    match parse(text.expose()) {
        Ok((Database::Postgres { url }, _)) => Ok(Some(url)),
        Ok((Database::Sqlite { .. }, shown)) => {
            let problem =
                format!("`{shown}` is not Postgres; write postgres://USER:PASSWORD@HOST/DATABASE");
            Err(root.fault(KEY, problem))
        }
        Err(problem) => Err(root.fault(KEY, problem)),
    }
}

/// What does not fit together.
pub(super) fn check_links(
    root: &Reader<'_>,
    database: &Database,
    links: &Links,
    migrate_on_start: bool,
) {
    let Database::Postgres { url } = database else {
        let unused = [
            ("database_ca_file", links.database_ca_file.is_some()),
            ("database_pooler", links.database_pooler != Pooler::None),
            ("migrate_database_url", links.migrate_database_url.is_some()),
        ];
        for (key, _) in unused.into_iter().filter(|(_, is_set)| *is_set) {
            root.report.warn(
                key,
                "is for Postgres, and database_url is SQLite; remove it",
            );
        }
        return;
    };
    if links.database_ca_file.is_some() && !is_encrypted(url.expose()) {
        root.fault(
            "database_ca_file",
            "is not used, since the sslmode in database_url permits connections without TLS; \
             remove that sslmode, or write sslmode=verify-full",
        );
    }
    if links.database_pooler == Pooler::Transaction
        && migrate_on_start
        && links.migrate_database_url.is_none()
    {
        root.fault(
            "database_pooler",
            "`transaction` cannot carry the lock of migrations; set migrate_database_url to the address of Postgres \
             itself, or migrate_on_start = false",
        );
    }
}

/// `redis`: the URL of each Redis.
pub(super) fn check_redis_ca<'a>(
    root: &Reader<'_>,
    mut redis: impl Iterator<Item = &'a Secret> + Clone,
    links: &Links,
) {
    if links.redis_ca_file.is_none() || redis.clone().any(|url| url.expose().starts_with("rediss"))
    {
        return;
    }
    if redis.next().is_none() {
        let unused = "is not used, since redis_url is empty and no sink is a redis_stream";
        root.report.warn("redis_ca_file", unused);
    } else {
        let problem =
            "is not used, since no URL of a Redis has TLS; write rediss:// or rediss+sentinel://";
        root.fault("redis_ca_file", problem);
    }
}

/// Whether the URL leaves `sslmode` to us, or asks for one that is never without TLS.
fn is_encrypted(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let modes = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut modes = modes.filter(|(key, _)| matches!(*key, "sslmode" | "ssl-mode"));
    modes.all(|(_, mode)| matches!(mode, "require" | "verify-ca" | "verify-full"))
}

/// Reads `database_url`; also how it may be shown. The problem quotes it redacted only.
pub(super) fn parse(url: &str) -> Result<(Database, String), String> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return sqlite(path).map_err(|problem| format!("`{}` {problem}", redact(url)));
    }
    let rest = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or("must be sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE")?;
    let shown = redact(url);
    if rest.is_empty() {
        return Err(format!(
            "`{shown}` has no host; write postgres://USER:PASSWORD@HOST/DATABASE"
        ));
    }
    let authority = authority(rest);
    let tail = rest.get(authority.len()..).unwrap_or_default();
    let path = tail.split(['?', '#']).next().unwrap_or_default();
    let unclear = match authority.matches('@').count() {
        0 => tail.contains('@'),
        1 => path.contains('@'),
        _ => true,
    };
    if unclear {
        return Err(format!(
            "`{shown}` has a user or password with one of @ / ? # in it; percent-encode it (@ is %40, / is %2F)"
        ));
    }
    Ok((
        Database::Postgres {
            url: Secret::new(url),
        },
        shown,
    ))
}

fn sqlite(path: &str) -> Result<(Database, String), &'static str> {
    if path.is_empty() {
        return Err(
            "names no file; write sqlite://pinroute.db or, absolute, sqlite:///var/lib/pinroute/pinroute.db",
        );
    }
    if path.starts_with(":memory:") {
        return Err("would forget everything at exit; name a file");
    }
    if path.contains(['?', '#']) {
        return Err("takes no parameters: leave out what follows the file's name");
    }
    let database = Database::Sqlite {
        path: PathBuf::from(path),
    };
    Ok((database, format!("sqlite://{path}")))
}

/// Whether the scheme of `redis_url` is one that we speak, and names what it must. The problem never quotes it.
pub(super) fn check_redis(url: &str) -> Result<(), String> {
    let sentinels = ["redis+sentinel://", "rediss+sentinel://"];
    if let Some(rest) = sentinels.iter().find_map(|scheme| url.strip_prefix(scheme)) {
        let hosts = authority(rest);
        let master = rest.get(hosts.len()..).unwrap_or_default();
        let master = master.trim_start_matches('/').split(['/', '?', '#']).next();
        return match (hosts, master) {
            ("", _) => Err("names no sentinel; write redis+sentinel://HOST1:26379,HOST2:26379/MASTER".to_owned()),
            (_, None | Some("")) => Err(
                "does not name the master that the sentinels watch; write redis+sentinel://HOST1:26379,HOST2:26379/MASTER"
                    .to_owned(),
            ),
            _ => Ok(()),
        };
    }
    let known = ["redis://", "rediss://", "redis+unix://", "unix://"];
    match known.iter().find_map(|scheme| url.strip_prefix(scheme)) {
        Some(rest) if !rest.is_empty() => Ok(()),
        _ => Err(
            "must be redis://HOST:PORT, rediss:// for TLS, or redis+sentinel://HOST1:26379,HOST2:26379/MASTER; \
             leave it empty for one replica"
                .to_owned(),
        ),
    }
}
