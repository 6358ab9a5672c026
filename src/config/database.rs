//! `database_url` and `redis_url`: where things are kept.

use std::path::PathBuf;

use crate::reader::Secret;
use crate::reader::url::{authority, redact};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite { path: PathBuf },
    Postgres { url: Secret },
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

/// Whether the scheme of `redis_url` is one that we speak. The problem never quotes it.
pub(super) fn check_redis(url: &str) -> Result<(), String> {
    let known = ["redis://", "rediss://", "redis+unix://", "unix://"];
    match known.iter().find_map(|scheme| url.strip_prefix(scheme)) {
        Some(rest) if !rest.is_empty() => Ok(()),
        _ => Err(
            "must be redis://HOST:PORT, or rediss:// for TLS; leave it empty for one replica"
                .to_owned(),
        ),
    }
}
