//! What the operator decides: one TOML file below the environment, checked as a whole before anything starts.
//!
//! `defaults.toml` is compiled in, holds every key, and is the manual. The layers become one tree (`tree`,
//! `environment`), from which key by key is taken (`reader`, `field`); whatever is wrong is gathered (`report`), so that
//! an operator sees all faults at once. Nothing here does I/O, but for the secret files that the given closure reads.
//!
//! To add a key: a line with its comment in `defaults.toml`, a field in `settings`, a line in `top`. To add a kind of
//! SMS provider: a file in `sms` and a line in its table `KINDS`.

mod budgets;
mod environment;
mod field;
mod policy;
mod reader;
mod report;
mod secret;
mod settings;
mod sms;
mod suggest;
mod top;
mod tree;
mod url;

use std::path::Path;

pub use secret::Secret;
pub use settings::{Database, Log, LogFormat, Settings, Telegram, Webhooks};
pub use sms::{
    Body, HttpSms, Match, Method, ReportMap, SmsKind, SmsProvider, TwilioSender, TwilioSms,
};

use reader::Reader;
use report::Report;
use tree::Origin;

use crate::verification::policy::Policy;

/// Every key with its default and its meaning.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// One thing that is wrong. It quotes no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Fault {
    /// Dotted: `sms.providers[0].url`. For a file that is not TOML, the file's name.
    pub key: String,
    /// Names the value and the mend.
    pub problem: String,
}

impl Fault {
    fn new(key: &str, problem: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            problem: problem.into(),
        }
    }
}

/// A sound configuration, and what its operator should hear nevertheless.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub warnings: Vec<String>,
}

/// Reads a secret's file.
type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Lays `file` (its name and text) upon the defaults and the variables upon both, and checks all of it.
/// `read_file` is asked for secrets that are given as files, and for nothing else.
///
/// # Errors
/// Every fault there is; a file that is not TOML hides the others.
pub fn load(
    file: Option<(&str, &str)>,
    env: impl IntoIterator<Item = (String, String)>,
    read_file: &dyn Fn(&Path) -> std::io::Result<String>,
) -> Result<Loaded, Vec<Fault>> {
    let not_toml = |name: &str, problem: String| vec![Fault::new(name, problem)];
    let mut root = tree::parse(DEFAULTS, &Origin::Defaults)
        .map_err(|problem| not_toml("defaults.toml", problem))?;
    if let Some((name, text)) = file {
        let file = tree::parse(text, &Origin::File).map_err(|problem| not_toml(name, problem))?;
        tree::merge(&mut root, file);
    }
    let report = Report::new(read_file);
    environment::overlay(&mut root, env, &report);
    let settings = top::read(Reader::new(String::new(), root, &report));
    let (faults, warnings) = report.close();
    match settings {
        Ok(settings) if faults.is_empty() => Ok(Loaded { settings, warnings }),
        _ => Err(faults),
    }
}

impl Settings {
    /// `[defaults]` as it could be written, everything that was left out included.
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
    // No key of a policy is a secret that a file could hold.
    let no_file = |_: &Path| Err(std::io::ErrorKind::Unsupported.into());
    let report = Report::new(&no_file);
    let root = tree::Node::from_json(written.clone(), &Origin::File);
    let policy = match root.value {
        tree::Value::Table(table) => policy::read(Reader::new("policy".to_owned(), table, &report)),
        _ => Err(report.fault("policy", "must be an object")),
    };
    let (faults, _) = report.close();
    match policy {
        Ok(policy) if faults.is_empty() => Ok(policy),
        _ => Err(faults),
    }
}

#[cfg(test)]
mod tests;
