//! What this process knows by itself, and whether it counts instead of Redis.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::memory::Memory;

#[derive(Debug)]
pub(super) struct State {
    memory: Mutex<Memory>,
    /// There was nothing in the database before this process, so nothing can be forgotten.
    nothing_before: AtomicBool,
    /// This memory counts because Redis is away.
    stands_in: AtomicBool,
}

impl State {
    /// `now`: in µs since 1970, like all times here.
    pub fn new(now: i64) -> Self {
        Self {
            memory: Mutex::new(Memory::new(now)),
            nothing_before: AtomicBool::new(false),
            stands_in: AtomicBool::new(false),
        }
    }

    pub fn begin_with_nothing(&self) {
        self.nothing_before.store(true, Ordering::Relaxed);
        *self.memory() = Memory::new(0);
    }

    /// Redis is away: this memory counts from now on, and knows nothing of before.
    pub fn stand_in(&self, now: i64) {
        if !self.stands_in.swap(true, Ordering::Relaxed) {
            *self.memory() = Memory::new(now);
        }
    }

    /// Since when an empty Redis counts, and whether it lacks what was drawn while it was away.
    pub fn of_redis(&self, now: i64) -> (i64, bool) {
        let nothing_before = self.nothing_before.load(Ordering::Relaxed);
        let since = if nothing_before { 0 } else { now };
        (since, self.stands_in.load(Ordering::Relaxed))
    }

    /// Redis counts from now on; if it is emptied, it has forgotten something. `anew`: it knows that it lacks what was drawn
    /// while it was away.
    pub fn redis_counts(&self, anew: bool) {
        self.nothing_before.store(false, Ordering::Relaxed);
        if anew {
            self.stands_in.store(false, Ordering::Relaxed);
        }
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
