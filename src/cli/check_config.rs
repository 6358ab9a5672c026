//! `pinroute check-config`: validates the configuration or prints its defaults.

use std::path::Path;

use super::{Failure, say, settings};
use crate::config;

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
    let sandbox = settings
        .sandbox_mode()
        .map_err(|faults| Failure::Wrong(faults.iter().map(ToString::to_string).collect()))?;
    let mode = if sandbox {
        "sandbox: messages go to simulated phones"
    } else {
        "live"
    };
    say(&format!("The configuration is valid ({mode})."));
    Ok(())
}
