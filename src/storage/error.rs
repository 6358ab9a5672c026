//! Why the store could not answer.

/// The store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Out of reach, or too busy. What was asked for may or may not have happened.
    #[error("the database does not answer: {0}")]
    Unavailable(sqlx::Error),
    /// A row that we cannot have written.
    #[error("{table} {id}: column {column} cannot be read")]
    Inconsistent {
        table: &'static str,
        column: &'static str,
        id: String,
    },
    /// A name that must be unique is taken.
    #[error("it is there already")]
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
