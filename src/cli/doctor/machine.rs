//! The machine: room on the disk, modes of files, the time that it gives a server to stop.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::finding::Finding;
use crate::cli::exposed;
use crate::clock::span;
use crate::config::{Database, Settings};
use crate::ip_database;

/// Less than this is a fault: a write may fail soon.
const LEAST_ROOM: u64 = 100 * 1024 * 1024;
/// Less than this is a warning.
const ENOUGH_ROOM: u64 = 1024 * 1024 * 1024;
/// What a stop takes besides `drain` and `shutdown_grace`: ending connections, closing the database.
const STOPPING: Duration = Duration::from_secs(3);
/// How long Kubernetes waits unless `terminationGracePeriodSeconds` says otherwise.
const USUAL_GRACE: Duration = Duration::from_secs(30);

/// After this a database of addresses says little of new networks.
const OLD_DAYS: i64 = 60;

/// Databases of addresses.
pub(super) fn ip_databases(settings: &Settings, now: DateTime<Utc>, findings: &mut Vec<Finding>) {
    const CHECK: &str = "ip_database";
    if settings.guard.ip_databases.is_empty() {
        let detail = "none, so the rule unverified_asn is off";
        findings.push(Finding::ok(CHECK, detail));
    }
    for path in &settings.guard.ip_databases {
        let shown = path.display();
        findings.push(match ip_database::Read::open(path) {
            Err(why) => Finding::fault(
                CHECK,
                format!("{shown} {why}"),
                "download it again, or take it out of guard.ip_database",
            ),
            Ok(read) => {
                let days = (now - read.built_at()).num_days();
                let detail = format!("{shown} is {} and {days} days old", read.kind());
                if days > OLD_DAYS {
                    Finding::warning(CHECK, detail, "download a newer one")
                } else {
                    Finding::ok(CHECK, detail)
                }
            }
        });
    }
}

/// Room for the SQLite database, and for a copy of it.
pub(super) fn disk(settings: &Settings, findings: &mut Vec<Finding>) {
    const CHECK: &str = "disk";
    let Database::Sqlite { path } = &settings.database else {
        return;
    };
    let folder = folder_of(path);
    let Some(room) = room(&folder) else {
        let unknown = format!("`df` does not say how much is free in {}", folder.display());
        return findings.push(Finding::skipped(CHECK, unknown));
    };
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    let free = format!("{} MiB free in {}", room >> 20, folder.display());
    findings.push(if room < LEAST_ROOM {
        Finding::fault(
            CHECK,
            free,
            "make room: without it nothing is stored, and nothing sent",
        )
    } else if room < ENOUGH_ROOM.max(size) {
        Finding::warning(
            CHECK,
            free,
            "make room: a backup takes as much as the database",
        )
    } else {
        Finding::ok(CHECK, free)
    });
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Bytes that are free there, as POSIX `df` says.
fn room(folder: &Path) -> Option<u64> {
    let said = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let fields = said.lines().nth(1)?.split_whitespace();
    // Counted from the end, since the name of a device may hold spaces: …, available, capacity, mount point.
    let fields: Vec<&str> = fields.collect();
    let capacity = fields.iter().position(|field| field.ends_with('%'))?;
    let kilobytes: u64 = fields.get(capacity.checked_sub(1)?)?.parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}

/// `exposed`: what was found when the secrets were read.
pub(super) fn permissions(settings: &Settings, exposed: &[String], findings: &mut Vec<Finding>) {
    const CHECK: &str = "permissions";
    let before = findings.len();
    findings.extend(exposed.iter().map(|said| match said.split_once("; ") {
        Some((said, mend)) => Finding::fault(CHECK, said, mend),
        None => Finding::fault(CHECK, said, ""),
    }));
    if let Database::Sqlite { path } = &settings.database
        && let Some(readers) = exposed::readers(path)
    {
        let file = path.display();
        findings.push(Finding::warning(
            CHECK,
            format!("{file}: {readers} may read the database"),
            format!("chmod 600 {file}"),
        ));
    }
    if findings.len() == before {
        findings.push(Finding::ok(
            CHECK,
            "files with secrets are their owner's alone",
        ));
    }
}

/// Whether the program is given the time that it takes to stop. `TERMINATION_GRACE_PERIOD`: seconds, as a deployment may tell.
pub(super) fn shutdown(settings: &Settings, findings: &mut Vec<Finding>) {
    const CHECK: &str = "shutdown";
    let takes = settings.drain + settings.shutdown_grace + STOPPING;
    let takes_shown = format!(
        "a stop takes up to {} s: drain {} s, shutdown_grace {} s, and {} s to close",
        takes.as_secs(),
        settings.drain.as_secs(),
        settings.shutdown_grace.as_secs(),
        STOPPING.as_secs()
    );
    let told = std::env::var("TERMINATION_GRACE_PERIOD").ok();
    let told = told.filter(|text| !text.trim().is_empty());
    let given = match &told {
        Some(text) => {
            let text = text.trim();
            let seconds = text.parse().map(Duration::from_secs).ok();
            let Some(given) = seconds.or_else(|| span::parse(text).ok()) else {
                let unread = "TERMINATION_GRACE_PERIOD is not a number of seconds";
                return findings.push(Finding::warning(
                    CHECK,
                    unread,
                    "write it as in terminationGracePeriodSeconds",
                ));
            };
            Some(given)
        }
        None => in_kubernetes().then_some(USUAL_GRACE),
    };
    findings.push(match given {
        Some(given) if given < takes => {
            let detail = format!("{takes_shown}; it is killed after {} s", given.as_secs());
            let mend = format!(
                "set terminationGracePeriodSeconds to {} or more",
                takes.as_secs()
            );
            // Of what nobody told us, only the default is known.
            match told {
                Some(_) => Finding::fault(CHECK, detail, mend),
                None => Finding::warning(CHECK, detail, mend),
            }
        }
        Some(given) => Finding::ok(
            CHECK,
            format!("{takes_shown}; it is given {} s", given.as_secs()),
        ),
        None => Finding::ok(
            CHECK,
            format!("{takes_shown}; whatever stops it must wait as long"),
        ),
    });
}

/// SQLite is for one replica.
pub(super) fn replicas(settings: &Settings, findings: &mut Vec<Finding>) {
    if let Database::Sqlite { .. } = settings.database
        && in_kubernetes()
    {
        findings.push(Finding::warning(
            "replicas",
            "SQLite in Kubernetes: a second replica on the file refuses to start, also during a rolling update",
            "use replicas: 1 with strategy Recreate and a persistent volume, or Postgres",
        ));
    }
}

fn in_kubernetes() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}
