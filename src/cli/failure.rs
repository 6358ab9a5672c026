//! Command failures and their exit codes.

use crate::app::StartupError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Exit code 2: invalid usage or configuration; one line per fault.
    Wrong(Vec<String>),
    /// Exit code 1: a failure at run time.
    Failed(String),
}

impl From<StartupError> for Failure {
    fn from(error: StartupError) -> Self {
        match error {
            StartupError::Configuration(lines) => {
                Self::Wrong(lines.lines().map(str::to_owned).collect())
            }
            StartupError::Failed(message) => Self::Failed(message),
        }
    }
}

impl From<crate::storage::StorageError> for Failure {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::Failed(error.to_string())
    }
}
