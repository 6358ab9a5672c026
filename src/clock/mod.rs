//! The only source of time. Rules never read it; they take the time as a parameter. [`span`] has lengths of time.

pub mod span;
mod steered;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};

pub use steered::Measured;
use steered::Steered;

/// Wall-clock time in UTC, truncated to microseconds, the precision of Postgres.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// The monotonic clock, plus what was measured against another one.
    Steered(Arc<Steered>),
    /// Microseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that follows the database's, which [`Clock::learn`] measures it against; until the first measurement it goes on from
    /// this machine's.
    #[must_use]
    pub fn steered() -> Self {
        Self(Source::Steered(Arc::new(Steered::from(
            Self::system().now(),
        ))))
    }

    /// The other clock showed `theirs` at a moment between `asked` and now. Has no effect on clocks that are not steered.
    pub fn learn(&self, theirs: DateTime<Utc>, asked: std::time::Instant) -> Measured {
        match &self.0 {
            Source::Steered(steered) => steered.learn(theirs, asked, std::time::Instant::now()),
            Source::System | Source::Manual(_) => Measured::Steady,
        }
    }

    /// Whether its time is good enough to decide for how long work belongs to whom.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        match &self.0 {
            Source::Steered(steered) => steered.is_trusted(std::time::Instant::now()),
            Source::System | Source::Manual(_) => true,
        }
    }

    /// A clock that moves only by [`Clock::advance`] and [`Clock::set_back`]; clones share it.
    #[must_use]
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(
            start.timestamp_micros(),
        ))))
    }

    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads the system clock"
    )]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now().trunc_subsecs(6),
            Source::Steered(steered) => steered.at(std::time::Instant::now()),
            Source::Manual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Advances a manual clock; has no effect on the system clock.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(micros) = &self.0 {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// Sets a manual clock back, as an operator might do to a machine's.
    pub fn set_back(&self, by: Duration) {
        if let Source::Manual(micros) = &self.0 {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_sub(by, Ordering::SeqCst);
        }
    }
}
