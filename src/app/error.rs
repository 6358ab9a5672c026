//! Why the program does not start.

/// What keeps the program from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The configuration is at fault: exit 2.
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    Failed(String),
}
