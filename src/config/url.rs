//! Addresses: what is taken, and how they are shown without the passwords inside them.

use std::path::PathBuf;

use super::secret::Secret;
use super::settings::Database;

/// Whether it is an http(s) URL with a host. The problem never quotes it.
pub(super) fn check_http(url: &str) -> Result<(), String> {
    let (_, rest) = split_http(url).ok_or(
        "does not begin with https:// or http://; write it whole, such as https://sms.example/send",
    )?;
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("holds a space or a control character; percent-encode it".to_owned());
    }
    let authority = authority(rest);
    let host_and_port = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = split_port(host_and_port);
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let inner = host.trim_matches(['[', ']']);
    if inner.is_empty() {
        return Err("has no host; write it whole, such as https://sms.example/send".to_owned());
    }
    let host_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let sound = if bracketed {
        inner.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        host.chars().all(host_letter)
    };
    if !sound {
        return Err(
            "has a host that is not a plain ASCII name or address; write an international name as xn--…"
                .to_owned(),
        );
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(()),
        Some(_) => Err("has a port that is not a number from 1 to 65535".to_owned()),
    }
}

/// An http(s) URL that paths are appended to, without its trailing slash.
pub(super) fn base(url: &str) -> Result<String, String> {
    check_http(url)?;
    if url.contains(['?', '#'])
        || split_http(url).is_some_and(|(_, rest)| authority(rest).contains('@'))
    {
        return Err("must have no user, query or fragment: paths are appended to it".to_owned());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

pub(super) fn is_https(url: &str) -> bool {
    split_http(url).is_some_and(|(secure, _)| secure)
}

/// Scheme and host, for what may have a token in its path or query.
pub(super) fn origin_shown(url: &str) -> String {
    let Some((secure, rest)) = split_http(url) else {
        return "***".to_owned();
    };
    let scheme = if secure { "https" } else { "http" };
    let authority = authority(rest);
    if rest
        .get(authority.len()..)
        .is_some_and(|tail| tail.contains('@'))
    {
        // Where a password with a slash ends is not known.
        return format!("{scheme}://…");
    }
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/…")
}

/// The URL with its password and the values of its query left out. It errs on the side of hiding too much.
pub(super) fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        let plain = !url.contains(['@', '?']);
        return if plain { url } else { "***" }.to_owned();
    };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((credentials, rest)) => match credentials.split_once(':') {
            Some((user, _)) => (format!("{user}:***@"), rest),
            None => ("***@".to_owned(), rest),
        },
        None => (String::new(), rest),
    };
    let rest = match rest.find(['?', '#']) {
        Some(at) => format!("{}?…", rest.get(..at).unwrap_or_default()),
        None => rest.to_owned(),
    };
    format!("{scheme}://{user}{rest}")
}

/// Reads `database_url`; also how it may be shown. The problem quotes it redacted only.
pub(super) fn database(url: &str) -> Result<(Database, String), String> {
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

fn split_http(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.eq_ignore_ascii_case("https") {
        Some((true, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Some((false, rest))
    } else {
        None
    }
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}
