//! The database: reached, of a version that works, migrated, made with this key, on time.

use super::finding::Finding;
use crate::app;
use crate::clock::Clock;
use crate::config::Settings;
use crate::secret::Vault;
use crate::storage::{Inspection, Location, Postgres, ServerFacts};

const CHECK: &str = "database";
/// The oldest Postgres that the tests run on.
const OLDEST_POSTGRES: u32 = 14;
const MOST_SKEW_SECONDS: f64 = 1.0;

pub(super) async fn examine(
    settings: &Settings,
    vault: Option<&Vault>,
    clock: &Clock,
    findings: &mut Vec<Finding>,
) {
    let shown = &settings.database_url_shown;
    let location = match app::location(settings) {
        Ok(location) => location,
        Err(error) => return findings.push(Finding::fault(CHECK, error.to_string(), "")),
    };
    let inspection = match Inspection::of(&location).await {
        Ok(Some(inspection)) => inspection,
        Ok(None) => {
            let none = format!("{shown} is created at the first start");
            return findings.push(Finding::skipped(CHECK, none));
        }
        Err(error) => {
            let mend = match location {
                Location::Sqlite(_) => "check the file, its owner and its mode",
                Location::Postgres(_) => {
                    "check host, port, user and password in database_url, and what lies between; \
                     with a certificate of one's own authority, database_ca_file"
                }
            };
            return findings.push(Finding::fault(CHECK, format!("{shown}: {error}"), mend));
        }
    };
    let version = &inspection.version;
    match oldest_is_older(version) {
        true => findings.push(Finding::fault(
            CHECK,
            format!("{version} at {shown} is too old"),
            format!("use PostgreSQL {OLDEST_POSTGRES} or newer"),
        )),
        false => findings.push(Finding::ok(CHECK, format!("{version} at {shown}"))),
    }
    findings.push(migrations(&location, &inspection, settings));
    findings.extend(vault.and_then(|vault| key(vault, &inspection)));
    if let Some(server) = &inspection.server {
        findings.extend(server_facts(settings, server, clock));
    }
    if let Location::Postgres(postgres) = &location {
        findings.extend(role_settings(postgres).await);
    }
}

/// Whether it is a Postgres before [`OLDEST_POSTGRES`].
fn oldest_is_older(version: &str) -> bool {
    let number = version.strip_prefix("PostgreSQL ");
    let major = number.and_then(|number| number.split(['.', ' ']).next()?.parse::<u32>().ok());
    major.is_some_and(|major| major < OLDEST_POSTGRES)
}

fn migrations(location: &Location, inspection: &Inspection, settings: &Settings) -> Finding {
    const CHECK: &str = "migrations";
    let known = Inspection::known(location);
    let pending = inspection.pending.len();
    if inspection.is_half_restored {
        return Finding::fault(
            CHECK,
            "a restore into this database did not end",
            "drop the database, create it again, and repeat `pinroute restore`",
        );
    }
    match (pending, inspection.newest > known) {
        (0, false) => Finding::ok(CHECK, format!("all {known} are applied")),
        (0, true) => Finding::warning(
            CHECK,
            format!(
                "the database has migration {:04}, and this version knows {known:04}: a newer one has run",
                inspection.newest
            ),
            "finish the upgrade, or the return to this version, on every replica",
        ),
        (_, _) if settings.migrate_on_start => Finding::ok(
            CHECK,
            format!("{pending} pending; the next start applies them"),
        ),
        (_, _) => Finding::fault(CHECK, format!("{pending} pending"), "pinroute migrate"),
    }
}

/// `None`: no key is known to the database yet.
fn key(vault: &Vault, inspection: &Inspection) -> Option<Finding> {
    const CHECK: &str = "database_key";
    let canary = inspection.canary.as_ref()?;
    Some(if *canary == vault.canary() {
        Finding::ok(CHECK, "secret_key is the database's")
    } else if vault.knows_canary(canary) {
        Finding::ok(
            CHECK,
            "a previous secret key is the database's; the next start changes that",
        )
    } else {
        Finding::fault(
            CHECK,
            "the database was made with another secret_key",
            "configure that one, or list it in previous_secret_keys",
        )
    })
}

fn server_facts(settings: &Settings, server: &ServerFacts, clock: &Clock) -> Vec<Finding> {
    let mut findings = Vec::new();
    let skew = (server.clock - clock.now()).as_seconds_f64();
    findings.push(if skew.abs() > MOST_SKEW_SECONDS {
        Finding::warning(
            "clock",
            format!(
                "the database's clock, which servers follow, is {skew:+.1} s from this machine's"
            ),
            "run NTP on both",
        )
    } else {
        Finding::ok("clock", format!("{skew:+.3} s from the database's"))
    });
    if server.is_read_only {
        findings.push(Finding::fault(
            "database_writes",
            "the database takes no writes",
            "point database_url at the primary, or wait until a fail-over has ended",
        ));
    }
    let (ours, most) = (
        i64::from(settings.links.database_max_connections) * server.replicas.max(1),
        server.max_connections,
    );
    let count = format!(
        "up to {ours} of the server's {most}, with {} replicas",
        server.replicas
    );
    findings.push(if ours + 3 > most {
        Finding::warning(
            "connections",
            count,
            "lower database_max_connections, raise max_connections, or use a pooler",
        )
    } else {
        Finding::ok("connections", count)
    });
    if server.replicas > 1 && settings.redis_url.is_none() {
        findings.push(Finding::fault(
            "replicas",
            format!(
                "{} replicas run without Redis: each has limits of its own",
                server.replicas
            ),
            "set redis_url on all of them",
        ));
    }
    findings
}

/// With a pooler in transaction mode.
async fn role_settings(postgres: &Postgres) -> Option<Finding> {
    const CHECK: &str = "role_settings";
    let settings = match postgres.role_settings().await {
        Ok(settings) => settings?,
        Err(error) => {
            return Some(Finding::fault(
                CHECK,
                error.to_string(),
                "check database_url",
            ));
        }
    };
    let lacking: Vec<String> = settings
        .lacking()
        .map(|setting| {
            format!(
                "{} is {} and not {}",
                setting.name, setting.found, setting.wanted
            )
        })
        .collect();
    Some(if lacking.is_empty() {
        Finding::ok(CHECK, "the role has what connections are not told")
    } else {
        Finding::fault(
            CHECK,
            lacking.join(", "),
            "run the statements that `pinroute migrate` prints, then RECONNECT at the pooler",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postgres_that_is_too_old_is_known_by_its_version() {
        assert!(oldest_is_older("PostgreSQL 13.9"));
        for fine in [
            "PostgreSQL 14beta1",
            "PostgreSQL 15.18 (Debian)",
            "SQLite 3.50.4",
        ] {
            assert!(!oldest_is_older(fine), "{fine}");
        }
    }
}
