//! Counters of limits in this process.
//!
//! Those that the database knows too are kept only while they are in use: after that, a few bits say that the number was
//! seen, and its draws are recalled from the database when it comes back. So memory grows with the rate, not with all
//! numbers of a day.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use super::seen::Seen;
use super::taken::Taken;
use crate::abuse::limits::{Draw, Exhausted, Window, micros};

/// How long a recorded counter is kept after its last use, at least. Longer than a draw can take to be in the database.
const IN_USE: Duration = Duration::from_secs(15);
const SWEEP: Duration = Duration::from_secs(60);

/// Counters by a hash of their key.
type Counters = HashMap<u64, Counter>;

#[derive(Debug, Default)]
struct Counter {
    window: Window,
    /// How long its draws count, in µs.
    longest: i64,
}

#[derive(Debug)]
pub(super) struct Memory {
    /// Recorded counters in use. Each knows all draws that count.
    fresh: Counters,
    /// Those that were not used since `fresh` was begun.
    stale: Counters,
    seen: Seen,
    /// All others: only this process knows of them.
    others: Counters,
    hasher: RandomState,
    /// Draws before this are not counted here, in µs since 1970 like all times here.
    since: i64,
    turn_at: i64,
    sweep_at: i64,
}

impl Memory {
    pub fn new(since: i64) -> Self {
        Self {
            fresh: HashMap::new(),
            stale: HashMap::new(),
            seen: Seen::default(),
            others: HashMap::new(),
            hasher: RandomState::new(),
            since,
            turn_at: since,
            sweep_at: since,
        }
    }

    /// Whether draws of this limit may be missing that the database knows.
    pub fn may_have_forgotten(&self, draw: &Draw, now: i64) -> bool {
        let key = self.key(draw);
        let is_known = || self.fresh.contains_key(&key) || self.stale.contains_key(&key);
        let is_young = now - self.since < micros(draw.longest());
        draw.is_recorded && (is_young || self.seen.may_contain(key)) && !is_known()
    }

    /// Begins a counter with the draws of the past, oldest first. If two recall, the first one counts.
    pub fn recall(&mut self, draw: &Draw, past: &[i64]) {
        let key = self.key(draw);
        if !self.stale.contains_key(&key) {
            self.fresh.entry(key).or_insert_with(|| Counter {
                window: Window::of(past),
                longest: micros(draw.longest()),
            });
        }
    }

    /// Takes all draws, or with `only_look` none of them, unless a limit is exhausted.
    pub fn take(
        &mut self,
        draws: Vec<Draw>,
        only_look: bool,
        now: i64,
    ) -> Result<Taken, Exhausted> {
        self.sweep(now);
        for draw in &draws {
            let found = self.find(draw);
            let wait = found.and_then(|counter| counter.window.full_for(&draw.rates, now));
            if let Some(retry_after) = wait {
                return Err(Exhausted {
                    what: draw.what,
                    is_of_number: draw.is_recorded,
                    limit: draw.limit.clone(),
                    retry_after,
                });
            }
        }
        if only_look {
            return Ok(Taken::nothing());
        }
        for draw in &draws {
            let key = self.key(draw);
            let counters = match draw.is_recorded {
                true => &mut self.fresh,
                false => &mut self.others,
            };
            let counter = counters.entry(key).or_default();
            counter.longest = micros(draw.longest());
            counter.window.draw(now);
        }
        Ok(Taken::in_memory(draws, now))
    }

    pub fn give_back(&mut self, taken: &Taken) {
        for draw in &taken.draws {
            if let Some(counter) = self.find(draw) {
                counter.window.give_back(taken.at);
            }
        }
    }

    /// The counter of a draw, which is in use from now on.
    fn find(&mut self, draw: &Draw) -> Option<&mut Counter> {
        let key = self.key(draw);
        if !draw.is_recorded {
            return self.others.get_mut(&key);
        }
        if let Some(counter) = self.stale.remove(&key) {
            self.fresh.insert(key, counter);
        }
        self.fresh.get_mut(&key)
    }

    fn key(&self, draw: &Draw) -> u64 {
        self.hasher.hash_one(&draw.key)
    }

    fn sweep(&mut self, now: i64) {
        if now >= self.turn_at {
            for (key, counter) in std::mem::take(&mut self.stale) {
                if let Some(newest) = counter.window.newest() {
                    self.seen.insert(key, newest + counter.longest);
                }
            }
            self.stale = std::mem::take(&mut self.fresh);
            self.turn_at = now + micros(IN_USE);
        }
        if now >= self.sweep_at {
            self.seen.sweep(now);
            self.others.retain(|_, counter| {
                let newest = counter.window.newest();
                newest.is_some_and(|newest| newest + counter.longest > now)
            });
            self.sweep_at = now + micros(SWEEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn draw(number: u32) -> Draw {
        Draw {
            key: number.to_be_bytes().to_vec(),
            rates: vec!["2/1h".parse().unwrap()],
            what: "too many",
            limit: None,
            is_recorded: true,
        }
    }

    #[test]
    fn a_number_that_comes_back_later_is_recalled_and_one_in_use_is_not() {
        let mut memory = Memory::new(0);
        let day = 86_400 * SECOND;
        let mut now = day;
        assert!(!memory.may_have_forgotten(&draw(1), now));
        memory.take(vec![draw(1)], false, now).unwrap();
        assert!(!memory.may_have_forgotten(&draw(1), now));
        for other in 2..7 {
            now += 20 * SECOND;
            memory.take(vec![draw(other)], false, now).unwrap();
        }
        assert!(memory.may_have_forgotten(&draw(1), now));
        assert!(!memory.may_have_forgotten(&draw(99), now), "never seen");
        memory.recall(&draw(1), &[day]);
        assert!(!memory.may_have_forgotten(&draw(1), now));
        memory.take(vec![draw(1)], false, now).unwrap();
        assert!(memory.take(vec![draw(1)], false, now).is_err());
        // An hour and a sweep later nothing of it counts.
        now += 3_700 * SECOND;
        for other in 7..10 {
            now += 100 * SECOND;
            memory.take(vec![draw(other)], false, now).unwrap();
        }
        assert!(!memory.may_have_forgotten(&draw(1), now));
    }

    #[test]
    fn a_young_memory_recalls_every_number_once() {
        let mut memory = Memory::new(SECOND);
        assert!(memory.may_have_forgotten(&draw(1), 2 * SECOND));
        memory.recall(&draw(1), &[0, SECOND]);
        memory.recall(&draw(1), &[]);
        assert!(memory.take(vec![draw(1)], true, 2 * SECOND).is_err());
        assert!(!memory.may_have_forgotten(&draw(2), 3_602 * SECOND));
    }
}
