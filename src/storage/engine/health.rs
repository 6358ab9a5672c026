//! Whether the database takes writes. A full disk or lost rights leave reads working, so a look at reads does not show them.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::error::DatabaseError;

/// Set by a write that failed because the disk is full or access is denied, until one succeeds.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_refused: AtomicBool,
}

impl Health {
    pub fn is_good(&self) -> bool {
        !self.is_refused.load(Ordering::Relaxed)
    }

    pub fn note(&self, error: &sqlx::Error) {
        if is_refusal(error) && !self.is_refused.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the database takes no writes: /readyz answers 503 until one succeeds");
        }
    }

    pub fn recovered(&self) {
        if self.is_refused.load(Ordering::Relaxed) && self.is_refused.swap(false, Ordering::Relaxed)
        {
            tracing::info!("the database takes writes again");
        }
    }
}

/// No room, no rights, or a device that fails.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let Some(code) = code else { return false };
    match code.parse::<u32>() {
        // SQLite's extended result codes: PERM, READONLY, IOERR, FULL, CANTOPEN.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 3 | 8 | 10 | 13 | 14),
        // Postgres: insufficient resources and system errors; a read-only server; rights.
        _ => code.starts_with("53") || code.starts_with("58") || code == "25006" || code == "42501",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_not_one_that_refuses() {
        let health = Health::default();
        health.note(&sqlx::Error::PoolTimedOut);
        assert!(health.is_good());
    }
}
