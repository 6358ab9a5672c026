//! Whether this replica can serve. A database that is away for a moment takes no replica out of rotation: all would go at once.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::verification::span;

/// For how long a replica that was ready counts as ready although it is not.
const BLINK: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// It has never been ready.
    #[default]
    Starting,
    Ready,
    FailingSince(DateTime<Utc>),
}

/// What was found so far.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Readiness(Mutex<State>);

impl Readiness {
    /// Takes what was found now, and says whether the replica counts as ready.
    pub fn judge(&self, is_good: bool, now: DateTime<Utc>) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match *state {
            _ if is_good => State::Ready,
            State::Ready => State::FailingSince(now),
            failing => failing,
        };
        match *state {
            State::Ready => true,
            State::FailingSince(then) => now < span::after(then, BLINK),
            State::Starting => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blink_is_not_an_outage() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let readiness = Readiness::default();
        assert!(!readiness.judge(false, at(0)), "it has yet to begin");
        assert!(readiness.judge(true, at(1)));
        assert!(readiness.judge(false, at(2)));
        assert!(readiness.judge(false, at(11)));
        assert!(!readiness.judge(false, at(12)));
        assert!(readiness.judge(true, at(13)));
        assert!(
            readiness.judge(false, at(30)),
            "each blink counts from its beginning"
        );
    }
}
