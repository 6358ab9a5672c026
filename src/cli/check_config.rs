//! `pinroute check-config`: validates the configuration, that sinks' files can be written and databases of addresses be read, or prints its defaults.

use std::path::{Path, PathBuf};

use super::{Failure, say, settings};
use crate::app;
use crate::config::{self, Fault, Settings};
use crate::ip_database;
use crate::webhooks::sinks::{Target, file};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print every key with its default and meaning instead.
    #[arg(long)]
    defaults: bool,
}

pub fn run(file: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.defaults {
        say(config::DEFAULTS.trim_end());
        return Ok(());
    }
    let settings = settings::load(file)?;
    let mut faults = unwritable(&settings);
    faults.extend(unreadable(&settings));
    let sandbox = settings.sandbox_mode().unwrap_or_else(|more| {
        faults.extend(more);
        false
    });
    if !faults.is_empty() {
        return Err(Failure::Wrong(
            faults.iter().map(ToString::to_string).collect(),
        ));
    }
    app::location(&settings)?;
    app::redis(&settings)?;
    let mode = if sandbox {
        "sandbox: messages go to simulated phones"
    } else {
        "live"
    };
    let without = if settings.guard.ip_databases.is_empty() {
        " Without guard.ip_database the rule unverified_asn is off, and list entries about autonomous systems do nothing."
    } else {
        ""
    };
    say(&format!("The configuration is valid ({mode}).{without}"));
    Ok(())
}

/// Databases of addresses that could not be used.
fn unreadable(settings: &Settings) -> Vec<Fault> {
    let fault = |path: &PathBuf| {
        let why = ip_database::Read::open(path).err()?;
        let problem = format!("{} {why}", path.display());
        Some(Fault::new("guard.ip_database", problem))
    };
    settings
        .guard
        .ip_databases
        .iter()
        .filter_map(fault)
        .collect()
}

/// Files of sinks that could not be written here.
fn unwritable(settings: &Settings) -> Vec<Fault> {
    let sinks = settings.events.sinks.iter().enumerate();
    let fault = |(place, target): (usize, &Target)| {
        let Target::File(it) = target else {
            return None;
        };
        let problem = file::check(&it.path).err()?;
        Some(Fault::new(&format!("events.sinks[{place}].path"), problem))
    };
    sinks
        .map(|(place, sink)| (place, &sink.target))
        .filter_map(fault)
        .collect()
}
