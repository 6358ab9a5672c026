//! Why a valid request failed. Each variant requires a different response from the caller.

use crate::abuse::limits::Exhausted;
use crate::storage::{CommitError, StorageError};
use crate::verification::Refusal;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not found")]
    NotFound,
    #[error("too many requests")]
    Limited(Exhausted),
    /// By a list or a rule of the guard; which one is not the caller's business.
    #[error("blocked")]
    Blocked,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The change may or may not have taken effect; the request can be repeated.
    #[error("the database is unavailable")]
    Unavailable,
    /// An unreadable row or a bug. It is logged; repeating the request does not help.
    #[error("internal error")]
    Internal,
}

impl Error {
    /// As the outcome of a stage.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Limited(_) | Self::Blocked | Self::Refused(_) => "refused",
            Self::Unavailable => "unavailable",
            Self::Internal => "failed",
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(error) => {
                tracing::warn!(%error, "the database is unavailable");
                Self::Unavailable
            }
            // The store has logged it, once.
            StorageError::Inconsistent { .. } => Self::Internal,
            StorageError::Exists => {
                tracing::error!(%error, "a generated name or id exists already");
                Self::Internal
            }
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            // The claim has lapsed; a repeat under the same key makes a new one.
            CommitError::Unavailable | CommitError::Unanswered | CommitError::Claimed => {
                Self::Unavailable
            }
            CommitError::Lost(_) | CommitError::Rejected => {
                tracing::error!(%error, "unexpected commit failure");
                Self::Internal
            }
        }
    }
}
