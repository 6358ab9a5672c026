//! A sparse ring of 5-minute buckets over 24 h, with running sums. Counts add up to the same in whatever order
//! replicas learn of them.

use smallvec::SmallVec;

use crate::verification::phone::Country;

/// Seconds of one bucket.
pub(super) const BUCKET: i64 = 300;
const HOUR: u32 = 12;
const DAY: u32 = 24 * HOUR;
/// Beyond this, buckets of one cell are no longer told apart by country: nobody asks for so many.
const MOST_BUCKETS: usize = 600;
/// The most countries that are counted separately for one address.
const MOST_COUNTRIES: usize = 64;

/// The bucket of a time in seconds since 1970.
pub(super) fn slot(seconds: i64) -> u32 {
    u32::try_from(seconds.div_euclid(BUCKET)).unwrap_or(0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Bucket of time since 1970.
    pub slot: u32,
    /// Of an address' cell, which tells its destinations apart.
    pub country: Option<Country>,
    /// Below zero while a send is taken out that is not yet heard of; it then counts as zero.
    pub unverified: i32,
    pub verified: i32,
}

/// Counts of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub unverified: u32,
    pub verified: u32,
}

impl Sums {
    fn of(bucket: &Bucket) -> Self {
        let count = |count: i32| u32::try_from(count).unwrap_or(0);
        Self {
            unverified: count(bucket.unverified),
            verified: count(bucket.verified),
        }
    }

    fn add(&mut self, other: Self) {
        self.unverified = self.unverified.saturating_add(other.unverified);
        self.verified = self.verified.saturating_add(other.verified);
    }

    fn take(&mut self, other: Self) {
        self.unverified = self.unverified.saturating_sub(other.unverified);
        self.verified = self.verified.saturating_sub(other.verified);
    }
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    /// Oldest first.
    buckets: SmallVec<[Bucket; 2]>,
    day: Sums,
}

impl Ring {
    /// Adds to the bucket of that time, or takes from it.
    pub(super) fn count(
        &mut self,
        slot: u32,
        country: Option<Country>,
        unverified: i32,
        verified: i32,
    ) {
        let end = self.buckets.partition_point(|bucket| bucket.slot <= slot);
        let same = self.buckets[..end]
            .iter()
            .rev()
            .take_while(|bucket| bucket.slot == slot)
            .position(|bucket| bucket.country == country);
        if same.is_none() && country.is_some() && self.buckets.len() >= MOST_BUCKETS {
            return self.count(slot, None, unverified, verified);
        }
        let place = same.map_or(end, |back| end - 1 - back);
        if same.is_none() {
            let empty = Bucket {
                slot,
                country,
                unverified: 0,
                verified: 0,
            };
            self.buckets.insert(place, empty);
        }
        let bucket = &mut self.buckets[place];
        self.day.take(Sums::of(bucket));
        bucket.unverified = bucket.unverified.saturating_add(unverified);
        bucket.verified = bucket.verified.saturating_add(verified);
        self.day.add(Sums::of(bucket));
        if bucket.unverified == 0 && bucket.verified == 0 {
            self.buckets.remove(place);
        }
    }

    /// Drops what is older than 24 h.
    pub(super) fn expire(&mut self, now: u32) {
        let is_old = |bucket: &Bucket| bucket.slot.saturating_add(DAY) <= now;
        if !self.buckets.first().is_some_and(is_old) {
            return;
        }
        let old = self.buckets.iter().take_while(|it| is_old(it)).count();
        for bucket in self.buckets.drain(..old) {
            self.day.take(Sums::of(&bucket));
        }
        if self.buckets.spilled() && self.buckets.len() * 4 <= self.buckets.capacity() {
            self.buckets.shrink_to_fit();
        }
    }

    /// The last 24 h up to `now`: its bucket and the 287 before. Up to date after [`Ring::expire`].
    pub(super) fn day(&self) -> Sums {
        self.day
    }

    /// The last hour up to `now`: its bucket and the 11 before.
    pub(super) fn hour(&self, now: u32) -> Sums {
        let mut sums = Sums::default();
        let recent = |bucket: &&Bucket| bucket.slot.saturating_add(HOUR) > now;
        for bucket in self.buckets.iter().rev().take_while(recent) {
            sums.add(Sums::of(bucket));
        }
        sums
    }

    /// Different countries with a send that was not verified, `next` among them; without those with one that was.
    pub(super) fn countries(&self, next: Country) -> u32 {
        // Country, and whether anything of it was verified.
        let mut found = [(next, false); MOST_COUNTRIES];
        let mut len = 1;
        for bucket in &self.buckets {
            let Some(country) = bucket.country else {
                continue;
            };
            let is_verified = bucket.verified > 0;
            if !is_verified && bucket.unverified <= 0 {
                continue;
            }
            if let Some((_, known)) = found[..len].iter_mut().find(|(it, _)| *it == country) {
                *known |= is_verified;
            } else if len < MOST_COUNTRIES {
                found[len] = (country, is_verified);
                len += 1;
            }
        }
        let open = found[..len].iter().filter(|(_, known)| !known).count();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub(super) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Bytes besides its own.
    pub(super) fn heap(&self) -> usize {
        if self.buckets.spilled() {
            self.buckets.capacity() * size_of::<Bucket>()
        } else {
            0
        }
    }
}
