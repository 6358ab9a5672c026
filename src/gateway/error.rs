//! Why a request that is otherwise right was not done: each variant is a decision that the caller must make.

use crate::abuse::limits::Exhausted;
use crate::storage::{CommitError, StorageError};
use crate::verification::Refusal;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not found")]
    NotFound,
    #[error("too many requests")]
    Limited(Exhausted),
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may or may not have been done; repeating it helps.
    #[error("the database cannot be reached")]
    Unavailable,
    /// A row that cannot be read, or a fault of ours. It is in the log; repeating the request does not help.
    #[error("internal error")]
    Internal,
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(error) => {
                tracing::warn!(%error, "the database does not answer");
                Self::Unavailable
            }
            // The store has logged it, once.
            StorageError::Inconsistent { .. } => Self::Internal,
            StorageError::Exists => {
                tracing::error!(%error, "a name is taken that nobody chose");
                Self::Internal
            }
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Unavailable => Self::Unavailable,
            CommitError::Lost(_) | CommitError::Claimed | CommitError::Rejected => {
                tracing::error!(%error, "a change cannot be written");
                Self::Internal
            }
        }
    }
}
