//! A clock that follows another one over a network: the monotonic clock plus an offset, which is measured from time to time.
//!
//! This machine's wall clock plays no part, so it may be wrong, or be set, without any effect.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// How long a measurement is good for.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// An offset that moves further than this from one measurement to the next is believed only when it is measured again.
const STEADY_MICROS: i64 = 1_000_000;
/// A measurement that took longer says too little.
const LONGEST: Duration = Duration::from_secs(1);

/// What became of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    Steady,
    /// The offset has moved by so many microseconds: measure again.
    Moved(i64),
    /// The answer took too long; the offset stays as it was.
    TooSlow,
}

#[derive(Debug)]
pub(super) struct Steered {
    /// What the offset is counted from.
    began: Instant,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Microseconds since 1970 at `began`.
    origin: i64,
    /// When it was last measured; `None`: never.
    measured: Option<Instant>,
    is_steady: bool,
}

impl From<DateTime<Utc>> for Steered {
    fn from(now: DateTime<Utc>) -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::new(State {
                origin: now.timestamp_micros(),
                measured: None,
                is_steady: false,
            }),
        }
    }
}

impl Steered {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn micros_since(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.began);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    pub fn at(&self, now: Instant) -> DateTime<Utc> {
        let micros = self.state().origin.saturating_add(self.micros_since(now));
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    pub fn learn(&self, theirs: DateTime<Utc>, asked: Instant, now: Instant) -> Measured {
        let took = now.saturating_duration_since(asked);
        if took > LONGEST {
            return Measured::TooSlow;
        }
        let middle = theirs + TimeDelta::from_std(took / 2).unwrap_or_default();
        let origin = middle.timestamp_micros() - self.micros_since(now);
        let mut state = self.state();
        let moved = origin - state.origin;
        let is_first = state.measured.is_none();
        state.origin = origin;
        state.measured = Some(now);
        state.is_steady = is_first || moved.abs() <= STEADY_MICROS;
        if state.is_steady {
            Measured::Steady
        } else {
            Measured::Moved(moved)
        }
    }

    pub fn is_trusted(&self, now: Instant) -> bool {
        let state = *self.state();
        let is_good = |at| now.saturating_duration_since(at) < GOOD_FOR;
        state.is_steady && state.measured.is_some_and(is_good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn it_follows_what_was_measured_and_not_this_machine() {
        let clock = Steered::from(at(1_000));
        let began = clock.began;
        let after = |seconds| began + Duration::from_secs(seconds);
        assert!(!clock.is_trusted(began), "before the first measurement");
        assert_eq!(clock.learn(at(5_000), began, began), Measured::Steady);
        assert_eq!(clock.at(after(7)), at(5_007));
        assert!(clock.is_trusted(after(59)));
        assert!(
            !clock.is_trusted(after(60)),
            "nothing was measured for a minute"
        );
    }

    #[test]
    fn the_answer_is_of_the_middle_of_the_question() {
        let clock = Steered::from(at(0));
        let (asked, answered) = (clock.began, clock.began + Duration::from_millis(400));
        clock.learn(at(100), asked, answered);
        assert_eq!(clock.at(answered), at(100) + TimeDelta::milliseconds(200));
        let late = answered + Duration::from_secs(3);
        assert_eq!(clock.learn(at(900), answered, late), Measured::TooSlow);
        assert_eq!(clock.at(answered), at(100) + TimeDelta::milliseconds(200));
    }

    #[test]
    fn a_jump_is_trusted_once_it_is_measured_again() {
        let clock = Steered::from(at(0));
        let after = |seconds| clock.began + Duration::from_secs(seconds);
        clock.learn(at(100), after(0), after(0));
        assert_eq!(clock.learn(at(111), after(10), after(10)), Measured::Steady);
        assert_eq!(
            clock.learn(at(721), after(20), after(20)),
            Measured::Moved(600_000_000)
        );
        assert!(!clock.is_trusted(after(20)));
        assert_eq!(clock.at(after(21)), at(722));
        assert_eq!(clock.learn(at(722), after(21), after(21)), Measured::Steady);
        assert!(clock.is_trusted(after(21)));
    }
}
