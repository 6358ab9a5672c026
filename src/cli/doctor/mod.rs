//! `pinroute doctor`: examines what the server depends on, one line each, with the mend where something is wrong.
//!
//! It changes nothing, sends nothing and shows no secret. To add an examination: a function in the file of its subject that
//! returns [`Finding`]s, and its line in [`examine`].

mod database;
mod finding;
mod keys;
mod machine;
mod outside;
mod redis;

use std::path::Path;

use super::settings::{self, Loaded};
use super::{Failure, runtime, say};
use crate::clock::Clock;
use finding::Finding;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One JSON object on one line.
    #[arg(long)]
    json: bool,
}

pub fn run(file: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let findings = match settings::read_apart(file) {
        Ok(loaded) => runtime()?.block_on(examine(&loaded)),
        Err(Failure::Wrong(faults)) => faults.into_iter().map(configuration_fault).collect(),
        Err(failed) => return Err(failed),
    };
    let faults = findings.iter().filter(|finding| finding.is_fault()).count();
    if arguments.json {
        let checks: Vec<_> = findings.iter().map(Finding::json).collect();
        say(&serde_json::json!({ "ok": faults == 0, "checks": checks }).to_string());
    } else {
        for finding in &findings {
            say(&finding.line());
        }
    }
    match faults {
        0 => Ok(()),
        1 => Err(Failure::Failed("found 1 fault".to_owned())),
        more => Err(Failure::Failed(format!("found {more} faults"))),
    }
}

fn configuration_fault(fault: String) -> Finding {
    Finding::fault("configuration", fault, "pinroute check-config")
}

async fn examine(loaded: &Loaded) -> Vec<Finding> {
    let settings = &loaded.settings;
    let mut findings = vec![Finding::ok("version", finding::version())];
    let sandbox = match settings.sandbox_mode() {
        Ok(sandbox) => sandbox,
        Err(faults) => {
            findings.extend(
                faults
                    .iter()
                    .map(|fault| configuration_fault(fault.to_string())),
            );
            false
        }
    };
    let warnings = loaded.warnings.iter();
    findings.extend(warnings.map(|warning| Finding::warning("configuration", warning, "")));
    if findings.len() == 1 {
        let mode = if sandbox { "sandbox" } else { "live" };
        findings.push(Finding::ok("configuration", format!("valid ({mode})")));
    }
    let clock = Clock::system();
    let vault = keys::vault(settings, &mut findings);
    database::examine(settings, vault.as_ref(), &clock, &mut findings).await;
    redis::examine(settings, &mut findings).await;
    outside::providers(settings, sandbox, &clock, &mut findings).await;
    outside::public_url(settings, vault.as_ref(), &mut findings).await;
    // Sinks of events belong here, next to the providers.
    machine::ip_databases(settings, clock.now(), &mut findings);
    machine::disk(settings, &mut findings);
    machine::permissions(settings, &loaded.exposed, &mut findings);
    machine::shutdown(settings, &mut findings);
    machine::replicas(settings, &mut findings);
    findings
}
