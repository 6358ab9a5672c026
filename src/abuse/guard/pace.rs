//! Counts per day and per hour of the last 14 days: what traffic is usual.

/// Days that figures look back.
pub(super) const DAYS: usize = 14;
/// The hours of these days, and the two that the last hour may touch.
const HOURS: usize = DAYS * 24 + 2;
const WEEK: u32 = 7 * 24;
/// 5-minute buckets of an hour.
const SLOTS: usize = 12;

/// A count for each of the last `N` periods.
#[derive(Clone, Debug)]
pub(super) struct Dense<const N: usize> {
    newest: u32,
    counts: [u32; N],
}

impl<const N: usize> Default for Dense<N> {
    fn default() -> Self {
        Self {
            newest: 0,
            counts: [0; N],
        }
    }
}

impl<const N: usize> Dense<N> {
    fn place(period: u32) -> usize {
        period as usize % N
    }

    /// Counts in a period, unless it is too long ago.
    pub(super) fn add(&mut self, period: u32, count: u32) {
        if period > self.newest {
            let ahead = (period - self.newest) as usize;
            if ahead >= N {
                self.counts = [0; N];
            } else {
                for skipped in self.newest + 1..=period {
                    self.counts[Self::place(skipped)] = 0;
                }
            }
            self.newest = period;
        }
        if ((self.newest - period) as usize) < N {
            let kept = &mut self.counts[Self::place(period)];
            *kept = kept.saturating_add(count);
        }
    }

    /// Counts so many in a period if it has fewer.
    pub(super) fn raise_to(&mut self, period: u32, count: u32) {
        self.add(period, count.saturating_sub(self.get(period)));
    }

    /// The count of a period; 0: none, or too long ago.
    pub(super) fn get(&self, period: u32) -> u32 {
        let age = self.newest.checked_sub(period);
        if age.is_some_and(|age| (age as usize) < N) {
            self.counts[Self::place(period)]
        } else {
            0
        }
    }

    /// Periods with a count, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let length = u32::try_from(N).unwrap_or(u32::MAX);
        let first = self.newest.saturating_sub(length - 1);
        let counts = (first..=self.newest).map(|period| (period, self.get(period)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// The largest count of the `N` periods up to `now`.
    pub(super) fn largest(&self, now: u32) -> u32 {
        let length = u32::try_from(N).unwrap_or(u32::MAX);
        if now == self.newest {
            return self.counts.iter().copied().max().unwrap_or(0);
        }
        let recent = self
            .iter()
            .filter(|(at, _)| at.saturating_add(length) > now);
        recent.map(|(_, count)| count).max().unwrap_or(0)
    }

    /// The largest count of the `N` - 1 periods before `now`.
    pub(super) fn largest_before(&self, now: u32) -> u32 {
        let length = u32::try_from(N).unwrap_or(u32::MAX);
        let full = self
            .iter()
            .filter(|(at, _)| *at < now && at.saturating_add(length) > now);
        full.map(|(_, count)| count).max().unwrap_or(0)
    }
}

/// The sends of a country per hour, verified or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse {
    slots: Dense<SLOTS>,
    hours: Dense<HOURS>,
}

/// How fast a country's sends come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Sends of the last hour.
    pub hour: u32,
    /// Sends of the largest whole hour within 14 days that was over before the last hour began.
    pub largest: u32,
    /// Sends are known from 7 days ago or earlier.
    pub has_week: bool,
}

impl Pulse {
    pub(super) fn count(&mut self, slot: u32) {
        self.slots.add(slot, 1);
        self.hours.add(slot / 12, 1);
    }

    pub(super) fn add_hour(&mut self, hour: u32, sends: u32) {
        self.hours.add(hour, sends);
    }

    /// Takes the sums of an hour for what was counted.
    pub(super) fn set_hour(&mut self, hour: u32, sends: u32) {
        self.hours.raise_to(hour, sends);
    }

    /// Hours with sends, in order.
    pub(super) fn hours(&self) -> impl Iterator<Item = (u32, u32)> {
        self.hours.iter()
    }

    /// The sends of so many hours up to this one, which is left out.
    pub(super) fn before(&self, hour: u32, hours: u32) -> u32 {
        let first = hour.saturating_sub(hours);
        let those = self.hours.iter();
        let those = those.filter(|(at, _)| (first..hour).contains(at));
        those.map(|(_, sends)| sends).sum()
    }

    pub(super) fn pace(&self, slot: u32) -> Pace {
        let now = slot / 12;
        let mut pace = Pace::default();
        for (at, sends) in self.slots.iter() {
            if at.saturating_add(12) > slot {
                pace.hour = pace.hour.saturating_add(sends);
            }
        }
        for (at, sends) in self.hours.iter() {
            if at.saturating_add(WEEK) <= now {
                pace.has_week = true;
            }
            // The hour that runs, and the one in which the last 60 minutes began, may hold the surge itself.
            let is_before = at.saturating_add(2) <= now;
            if is_before && at.saturating_add(2 + 14 * 24) > now {
                pace.largest = pace.largest.max(sends);
            }
        }
        pace
    }

    /// Nothing of it counts any more.
    pub(super) fn is_over(&self, slot: u32) -> bool {
        let oldest = (slot / 12).saturating_sub(14 * 24 + 1);
        self.hours.newest < oldest
    }
}
