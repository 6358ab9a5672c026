//! Why the store could not answer.

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Unreachable or too busy. A write may or may not have happened.
    #[error("the database does not answer: {0}")]
    Unavailable(sqlx::Error),
    /// A row that this program cannot have written.
    #[error("{table} {id}: column {column} cannot be read")]
    Inconsistent {
        table: &'static str,
        column: &'static str,
        id: String,
    },
    /// A value that must be unique is taken.
    #[error("it already exists")]
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
