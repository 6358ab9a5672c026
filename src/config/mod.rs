//! What the operator decides: one TOML file below the environment, checked as a whole before anything starts.
//!
//! `defaults.toml` is compiled in, holds every key, and is the manual. [`reader`](crate::reader) merges the layers and
//! gathers all faults, so that an operator sees them at once. Nothing here performs I/O, except that the given closure
//! reads the secret files.
//!
//! To add a key: a line with its comment in `defaults.toml`, a field in `settings`, a line in `top`. To add a kind of
//! provider: see [`channels`](crate::channels).

mod ages;
mod budgets;
mod database;
mod guard;
mod policy;
mod settings;
mod telemetry;
mod top;

use std::path::Path;

pub use database::{Database, Links, Pooler};
pub use settings::{Dialects, Log, LogFormat, Settings, Telemetry, Webhooks};

pub use crate::reader::{Fault, Secret};
pub use crate::webhooks::sinks::settings::Events;

use crate::reader;
use crate::verification::policy::Policy;

/// Every key with its default and its meaning.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// A sound configuration, and its warnings for the operator.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub warnings: Vec<String>,
}

/// Merges `file` (its name and text) with the defaults below it and the variables above it, and checks all of it.
/// `read_file` is called for secrets that are given as files, and for nothing else.
///
/// # Errors
/// Every fault there is; a file that is not TOML hides the others.
pub fn load(
    file: Option<(&str, &str)>,
    env: impl IntoIterator<Item = (String, String)>,
    read_file: &dyn Fn(&Path) -> std::io::Result<String>,
) -> Result<Loaded, Vec<Fault>> {
    let (settings, warnings) = reader::read(DEFAULTS, file, env, read_file, top::read)?;
    Ok(Loaded { settings, warnings })
}

impl Settings {
    /// `[defaults]` as it could be written, including everything that was left out.
    #[must_use]
    pub fn written_defaults(&self) -> serde_json::Value {
        policy::written(&self.defaults)
    }
}

/// Reads a project's whole policy by the rules of `[defaults]`; keys of faults begin with `policy`.
///
/// # Errors
/// Every fault there is.
pub fn read_policy(written: &serde_json::Value) -> Result<Policy, Vec<Fault>> {
    reader::read_json("policy", written, policy::read)
}

#[cfg(test)]
mod tests;
