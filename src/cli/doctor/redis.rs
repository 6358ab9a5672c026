//! Redis: reached, and takes writes.

use super::finding::Finding;
use crate::app;
use crate::config::{Database, Settings};

const CHECK: &str = "redis";

pub(super) async fn examine(settings: &Settings, findings: &mut Vec<Finding>) {
    let place = match app::redis(settings) {
        Ok(Some(place)) => place,
        Ok(None) => {
            let none = "not configured, which is right for one replica";
            return findings.push(match settings.database {
                Database::Sqlite { .. } => Finding::ok(CHECK, none),
                Database::Postgres { .. } => Finding::skipped(CHECK, none),
            });
        }
        Err(error) => return findings.push(Finding::fault(CHECK, error.to_string(), "")),
    };
    findings.push(match place.examine().await {
        Ok(version) => Finding::ok(CHECK, format!("version {version} takes writes")),
        Err(reason) => Finding::fault(
            CHECK,
            reason,
            "check redis_url and that it names the primary; meanwhile each replica has limits of its own",
        ),
    });
}
