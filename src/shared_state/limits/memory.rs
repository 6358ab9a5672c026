//! Counters of limits in this process.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::taken::Taken;
use crate::abuse::limits::{Draw, Exhausted, Window};

#[derive(Debug)]
pub(super) struct Memory {
    windows: HashMap<String, (Duration, Window)>,
    /// Draws before this are not counted here.
    since: DateTime<Utc>,
    /// Keys whose draws before `since` were recalled from the database.
    recalled: HashSet<String>,
    /// When to drop idle windows next.
    sweep_at: DateTime<Utc>,
}

impl Memory {
    pub fn new(since: DateTime<Utc>) -> Self {
        Self {
            windows: HashMap::new(),
            since,
            recalled: HashSet::new(),
            sweep_at: since,
        }
    }

    /// Whether draws of this limit may be missing that the database knows.
    pub fn may_have_forgotten(&self, draw: &Draw, now: DateTime<Utc>) -> bool {
        draw.is_recorded
            && since(self.since, now) < draw.rate.window
            && !self.recalled.contains(&draw.key)
    }

    /// Puts the draws of the past, oldest first, in place of what is counted; the first one counts if two recall.
    pub fn recall(&mut self, draw: &Draw, past: &[DateTime<Utc>]) {
        if self.recalled.insert(draw.key.clone()) {
            let window = Window::of(past);
            self.windows
                .insert(draw.key.clone(), (draw.rate.window, window));
        }
    }

    pub fn take(&mut self, draws: Vec<Draw>, now: DateTime<Utc>) -> Result<Taken, Exhausted> {
        self.sweep(now);
        for draw in &draws {
            if let Some((_, window)) = self.windows.get_mut(&draw.key)
                && let Some(retry_after) = window.full_for(draw.rate, now)
            {
                return Err(Exhausted {
                    what: draw.what,
                    retry_after,
                });
            }
        }
        for draw in &draws {
            let (_, window) = self
                .windows
                .entry(draw.key.clone())
                .or_insert_with(|| (draw.rate.window, Window::default()));
            window.draw(now);
        }
        Ok(Taken::in_memory(draws, now))
    }

    pub fn give_back(&mut self, taken: &Taken) {
        for key in &taken.keys {
            if let Some((_, window)) = self.windows.get_mut(key) {
                window.give_back(taken.at);
            }
        }
    }

    fn sweep(&mut self, now: DateTime<Utc>) {
        const LONGEST: Duration = Duration::from_hours(24);
        if now >= self.sweep_at {
            self.windows
                .retain(|_, (span, window)| !window.is_idle(*span, now));
            // A key that was recalled stays so while a day's window is still younger than this memory.
            if since(self.since, now) >= LONGEST {
                self.recalled = HashSet::new();
            }
            self.sweep_at = now + TimeDelta::seconds(60);
        }
    }
}

fn since(earlier: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (now - earlier).to_std().unwrap_or(Duration::ZERO)
}
