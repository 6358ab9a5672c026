//! How projects' policies are read, by the rules of the configuration; and the ages of the installation.

use crate::config::{self, Settings};
use crate::gateway::{self, PolicyBook, PolicyFault};

/// The policy book. In a sandbox the guard's rules are on, unless `guard.mode` says otherwise.
#[must_use]
pub fn policies(settings: &Settings) -> PolicyBook {
    let read = |written: &serde_json::Value| {
        config::read_policy(written).map_err(|faults| {
            let fault = |fault: config::Fault| PolicyFault {
                pointer: pointer(&fault.key),
                detail: fault.problem,
            };
            faults.into_iter().map(fault).collect()
        })
    };
    let (mut defaults, mut written) = (settings.defaults.clone(), settings.written_defaults());
    // In a sandbox the rules are enforced by default, to show what the guard does.
    if defaults.guard.mode.is_none() && settings.sandbox_mode().unwrap_or(false) {
        written["guard"]["mode"] = "on".into();
        defaults = config::read_policy(&written).unwrap_or(defaults);
    }
    PolicyBook::new(defaults, written, read)
}

/// How long data is kept.
#[must_use]
pub fn kept(settings: &Settings) -> gateway::Kept {
    let retention = &settings.retention;
    gateway::Kept {
        numbers: retention.numbers,
        client: retention.client,
        verifications: retention.verifications,
        webhook_deliveries: retention.webhook_deliveries,
        decisions: retention.decisions,
        audit: retention.audit,
    }
}

/// `policy.route[0].wait` as a JSON pointer.
fn pointer(key: &str) -> String {
    let parts = key.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.collect();
    format!("/{}", parts.join("/"))
}
