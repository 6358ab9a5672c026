//! URLs: which are accepted, and how they are shown without their passwords.

use super::examples::is_example_host;
use super::report::{Faults, quote};
use super::table::{Checked, Field};

/// Whether it is an http(s) URL with a host. The problem never quotes it.
pub fn check_http(url: &str) -> Result<(), String> {
    let (_, rest) = split_http(url).ok_or(
        "does not begin with https:// or http://; write it whole, such as https://host.example",
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
        return Err("has no host; write it whole, such as https://host.example".to_owned());
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
pub fn base(url: &str) -> Result<String, String> {
    check_http(url)?;
    if url.contains(['?', '#'])
        || split_http(url).is_some_and(|(_, rest)| authority(rest).contains('@'))
    {
        return Err("must have no user, query or fragment: paths are appended to it".to_owned());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The field as such a URL. A fault shows it without its password and query.
pub fn read_base(field: Field<'_>) -> Checked<String> {
    let (path, report) = (field.path.clone(), field.report);
    let base = field.parsed(|text| {
        base(text).map_err(|problem| format!("{} {problem}", quote(&redact(text))))
    })?;
    warn_of_example(report, &path, &base);
    Ok(base)
}

/// Warns of a URL, of any scheme, whose host is one of an example.
pub fn warn_of_example(report: &Faults<'_>, path: &str, url: &str) {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority(rest);
    let named = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, _) = split_port(named);
    if is_example_host(host) {
        report.warn(
            path,
            format!("`{host}` is an example, which nothing reaches; write the real host"),
        );
    }
}

/// Whether the scheme is https.
#[must_use]
pub fn is_https(url: &str) -> bool {
    split_http(url).is_some_and(|(secure, _)| secure)
}

/// Whether its host is this machine.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let rest = split_http(url).map_or("", |(_, rest)| rest);
    let (host, _) = split_port(authority(rest));
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Scheme and host, for a URL that may have a token in its path or query.
#[must_use]
pub fn origin_shown(url: &str) -> String {
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
#[must_use]
pub fn redact(url: &str) -> String {
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

/// `user@host:port`, of what follows the scheme.
#[must_use]
pub fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}
