//! How far jobs are that change a big table in chunks: told to operators, who might wonder what the database does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

/// A job that has more to do than one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// As metrics name it.
    pub job: &'static str,
    /// Rows that this process has changed since the job had little to do.
    pub rows: u64,
    /// It goes through the table by the time of rows, from the oldest on: it has come to this one…
    pub reached: DateTime<Utc>,
    /// … and goes on up to this one.
    pub until: DateTime<Utc>,
}

#[derive(Debug, Default)]
pub(in crate::gateway) struct Jobs(Mutex<Vec<Progress>>);

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Vec<Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chunk of so many rows is done, and more is left.
    pub fn go_on(
        &self,
        job: &'static str,
        rows: u64,
        reached: DateTime<Utc>,
        until: DateTime<Utc>,
    ) {
        let mut jobs = self.lock();
        let before = jobs.iter().position(|known| known.job == job);
        let before = before.map_or(0, |place| jobs.swap_remove(place).rows);
        jobs.push(Progress {
            job,
            rows: before + rows,
            reached,
            until,
        });
    }

    /// Nothing is left.
    pub fn end(&self, job: &str) {
        self.lock().retain(|known| known.job != job);
    }

    pub fn list(&self) -> Vec<Progress> {
        self.lock().clone()
    }
}
