//! Why the store could not answer, and what becomes of a row that cannot be read.
//!
//! Such a row is not a reason to withhold the rest: a list leaves it out, a look-up fails with
//! [`StorageError::Inconsistent`]. Either way it is logged once per process, by table and id, never by its content.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Out of reach, or too busy. A write may or may not have happened.
    #[error("the database does not answer: {0}")]
    Unavailable(sqlx::Error),
    /// A row that we cannot have written. Asking again does not help.
    #[error("{table} {id}: column {column} cannot be read")]
    Inconsistent {
        table: &'static str,
        column: &'static str,
        id: String,
    },
    /// A name that must be unique is taken.
    #[error("it exists already")]
    Exists,
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(fault) if fault.is_unique_violation() => Self::Exists,
            other => Self::Unavailable(other),
        }
    }
}

/// Rows that could not be read and are in the log.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<HashSet<(&'static str, String)>>);

impl Unreadable {
    /// Rows remembered at most; of a store in ruins, not every row is logged.
    const MOST: usize = 1_000;

    pub(super) fn log(&self, error: &StorageError) {
        let StorageError::Inconsistent { table, column, id } = error else {
            return;
        };
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < Self::MOST && logged.insert((*table, id.clone())) {
            tracing::error!(table, id, column, "a row cannot be read");
        }
    }
}
