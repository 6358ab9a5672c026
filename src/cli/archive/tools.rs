//! `pg_dump` and `pg_restore`, which never see a password on their command line.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use percent_encoding::percent_decode_str;

use crate::config::{Database, Settings};
use crate::reader::url::authority;

/// Of what a program wrote about its failure.
const MOST_SHOWN: usize = 2_000;

/// Dumps the schema to an existing file, in the custom form.
pub fn dump(settings: &Settings, schema: &str, to: &Path) -> Result<(), String> {
    let mut command = tool("pg_dump", settings)?;
    command
        .args(["--format=custom", "--no-owner", "--no-privileges"])
        .arg(format!("--schema={}", pattern(schema)))
        .arg("--file")
        .arg(to)
        .stdin(Stdio::null());
    let done = command
        .output()
        .map_err(|error| format!("pg_dump: {error}"))?;
    ended("pg_dump", done.status, &done.stderr)
}

/// Restores a dump into the schema, in one transaction.
pub fn load(settings: &Settings, schema: &str, dump: &mut File) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("pg_restore: {error}");
    let mut command = tool("pg_restore", settings)?;
    command
        .args(["--single-transaction", "--exit-on-error"])
        .args(["--no-owner", "--no-privileges"])
        .arg(format!("--schema={schema}"))
        // A pipe: in a file it would look for the dump at the beginning.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(fault)?;
    let pipe = child.stdin.take();
    let fed = pipe.map_or(Ok(0), |mut pipe| std::io::copy(dump, &mut pipe));
    let done = child.wait_with_output().map_err(fault)?;
    ended("pg_restore", done.status, &done.stderr)?;
    fed.map(|_| ()).map_err(fault)
}

/// A schema's name as `pg_dump` reads patterns.
fn pattern(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

fn ended(name: &str, status: std::process::ExitStatus, said: &[u8]) -> Result<(), String> {
    if status.success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(said)
        .trim()
        .chars()
        .take(MOST_SHOWN)
        .collect();
    Err(format!("{name} failed: {said}"))
}

/// The program, with the connection in its environment and in a URL without a password.
fn tool(name: &str, settings: &Settings) -> Result<Command, String> {
    let Database::Postgres { url } = &settings.database else {
        return Err(format!("{name} is for Postgres"));
    };
    // Past a pooler: a dump is one long transaction with settings of its own.
    let url = settings.links.migrate_database_url.as_ref().unwrap_or(url);
    let place = Place::of(url.expose());
    let program = find(name).ok_or_else(|| {
        format!(
            "{name} is not found; install the PostgreSQL client programs, of the server's version or newer"
        )
    })?;
    let mut command = Command::new(program);
    command.arg(format!("--dbname={}", place.url));
    if let Some(password) = place.password {
        command.env("PGPASSWORD", password);
    }
    if let Some(file) = &settings.links.database_ca_file {
        command.env("PGSSLROOTCERT", file);
        if !place.has_ssl_mode {
            command.env("PGSSLMODE", "verify-full");
        }
    }
    Ok(command)
}

/// In `PATH`, or the newest of Debian's.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    if let Some(found) = in_path.into_iter().find(|file| file.is_file()) {
        return Some(found);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let number = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(number)?;
    let file = newest.join("bin").join(name);
    file.is_file().then_some(file)
}

/// A database URL apart from its password.
struct Place {
    url: String,
    password: Option<String>,
    has_ssl_mode: bool,
}

impl Place {
    fn of(url: &str) -> Self {
        /// What both sqlx and libpq know.
        const KNOWN: [&str; 11] = [
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "host",
            "hostaddr",
            "port",
            "dbname",
            "user",
            "application_name",
            "options",
        ];
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (_, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = authority(rest);
        let tail = rest.get(authority.len()..).unwrap_or_default();
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let (credentials, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let mut password = Some(decoded(password)).filter(|password| !password.is_empty());
        let (mut kept, mut has_ssl_mode) = (Vec::new(), false);
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let key = match key {
                "ssl-mode" => "sslmode",
                "ssl-root-cert" | "ssl-ca" => "sslrootcert",
                "ssl-cert" => "sslcert",
                "ssl-key" => "sslkey",
                key => key,
            };
            has_ssl_mode |= key == "sslmode";
            match key {
                "password" => password = Some(decoded(value)),
                key if KNOWN.contains(&key) => kept.push(format!("{key}={value}")),
                _ => {}
            }
        }
        let at = if user.is_empty() { "" } else { "@" };
        let mark = if kept.is_empty() { "" } else { "?" };
        let query = kept.join("&");
        Self {
            url: format!("postgres://{user}{at}{host}{path}{mark}{query}"),
            password,
            has_ssl_mode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_for_the_command_line_has_no_password() {
        for (url, shown, password) in [
            (
                "postgres://u:p%40ss@h:5/d?sslmode=require",
                "postgres://u@h:5/d?sslmode=require",
                Some("p@ss"),
            ),
            (
                "postgresql://h/d?user=u&password=w",
                "postgres://h/d?user=u",
                Some("w"),
            ),
            (
                "postgres://u@h/d?statement-cache-capacity=0&ssl-mode=disable",
                "postgres://u@h/d?sslmode=disable",
                None,
            ),
        ] {
            let place = Place::of(url);
            assert_eq!(
                (place.url.as_str(), place.password.as_deref()),
                (shown, password)
            );
        }
    }
}
