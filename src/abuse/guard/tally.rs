//! What is counted in one cell, and what a rule reads of it.

use chrono::{DateTime, Utc};

use super::cells::Cell;
use super::pace::{DAYS, Dense, Pace, Pulse};
use super::ring::{Ring, slot};
use crate::verification::phone::Country;

/// Seconds of a UTC day.
pub(super) const DAY: i64 = 86_400;

/// A UTC day since 1970.
pub(super) fn day(seconds: i64) -> u32 {
    u32::try_from(seconds.div_euclid(DAY)).unwrap_or(0)
}

/// The figures of one cell at one time. A cell without traffic has zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Sends without a verification in the last 24 h.
    pub unverified_day: u32,
    /// The same in the last hour.
    pub unverified_hour: u32,
    /// Verifications in the last 24 h; a number counts once a UTC day.
    pub verified_day: u32,
    /// The same in the last hour.
    pub verified_hour: u32,
    /// Verifications of the best of the last 14 UTC days, today included; of destinations alone.
    pub best_day: u32,
    /// The same without today.
    pub known_day: u32,
    /// Countries that the address asked for without a verification, with the one that it asks for now; of addresses alone.
    pub countries: u32,
    /// Of countries alone.
    pub pace: Pace,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub ring: Ring,
    pub days: Option<Box<Dense<DAYS>>>,
    pub pulse: Option<Box<Pulse>>,
    /// When it was last counted in, in seconds since 1970.
    pub touched: u32,
}

impl Tally {
    pub(super) fn touch(&mut self, seconds: i64) {
        self.touched = self.touched.max(u32::try_from(seconds).unwrap_or(0));
    }

    /// A send, or with -1 one that is taken out again.
    pub(super) fn send(&mut self, at: i64, country: Option<Country>, count: i32) {
        self.ring.count(slot(at), country, count, 0);
    }

    /// A number that was verified for the first time that day.
    pub(super) fn verify(&mut self, cell: Cell, at: i64, country: Option<Country>) {
        self.ring.count(slot(at), country, 0, 1);
        if cell.is_destination() || matches!(cell, Cell::Host(_)) {
            self.days.get_or_insert_default().add(day(at), 1);
        }
    }

    /// That number was verified earlier that day already.
    pub(super) fn move_verified(&mut self, from: u32, to: u32, country: Option<Country>) {
        self.ring.count(from, country, 0, -1);
        self.ring.count(to, country, 0, 1);
    }

    pub(super) fn read(&mut self, now: DateTime<Utc>, next: Option<Country>) -> Reading {
        let seconds = now.timestamp();
        let slot = slot(seconds);
        self.ring.expire(slot);
        let (in_day, in_hour) = (self.ring.day(), self.ring.hour(slot));
        let (days, today) = (self.days.as_deref(), day(seconds));
        Reading {
            unverified_day: in_day.unverified,
            unverified_hour: in_hour.unverified,
            verified_day: in_day.verified,
            verified_hour: in_hour.verified,
            best_day: days.map_or(0, |days| days.largest(today)),
            known_day: days.map_or(0, |days| days.largest_before(today)),
            countries: next.map_or(0, |next| self.ring.countries(next)),
            pace: self
                .pulse
                .as_deref()
                .map_or_else(Pace::default, |pulse| pulse.pace(slot)),
        }
    }

    /// Sends and verifications of the 7 full UTC days before this one.
    pub(super) fn week_before(&self, day: u32) -> (u32, u32) {
        let sends = self.pulse.as_deref();
        let sends = sends.map_or(0, |pulse| pulse.before(day * 24, 7 * 24));
        let those = self.days.as_deref().into_iter().flat_map(Dense::iter);
        let those = those.filter(|(at, _)| (day.saturating_sub(7)..day).contains(at));
        (sends, those.map(|(_, verified)| verified).sum())
    }

    /// Nothing of it counts any more.
    pub(super) fn is_over(&mut self, seconds: i64) -> bool {
        self.ring.expire(slot(seconds));
        let has_days = || {
            let days = self.days.as_deref();
            days.is_some_and(|days| days.largest(day(seconds)) > 0)
        };
        let has_pulse = || {
            let pulse = self.pulse.as_deref();
            pulse.is_some_and(|pulse| !pulse.is_over(slot(seconds)))
        };
        self.ring.is_empty() && !has_days() && !has_pulse()
    }

    /// Bytes besides its own.
    pub(super) fn heap(&self) -> usize {
        let days = self.days.as_ref().map_or(0, |_| size_of::<Dense<DAYS>>());
        let pulse = self.pulse.as_ref().map_or(0, |_| size_of::<Pulse>());
        self.ring.heap() + days + pulse
    }
}
