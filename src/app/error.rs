//! Why the program does not start.

use crate::config::Fault;

/// What keeps the program from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The configuration is at fault: exit 2.
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    Failed(String),
}

/// A failure that has nothing to do with the configuration.
pub(super) fn failed(error: impl std::fmt::Display) -> StartupError {
    StartupError::Failed(error.to_string())
}

/// A line for each fault.
pub(super) fn lines(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
