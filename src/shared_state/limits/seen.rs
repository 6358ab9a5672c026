//! Which numbers were drawn on lately, in two bytes each. It may say yes of one that was not, never no of one that was.

use std::hash::BuildHasher;

/// Bits per number: one in about a thousand that was not seen is taken for seen.
const BITS: usize = 16;
/// Bits that each number sets, within one line of the processor's cache.
const MARKS: u32 = 6;
const LINE: usize = 8;
/// Numbers in the first filter; each next one is twice as large, up to the largest.
const SMALLEST: usize = 1 << 14;
const LARGEST: usize = 1 << 20;

/// Bloom filters, of which the oldest is dropped as a whole when nothing in it counts any more.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<Filter>);

#[derive(Debug)]
struct Filter {
    lines: Vec<[u64; LINE]>,
    room: usize,
    /// The latest time until which one of its numbers counts.
    until: i64,
}

impl Seen {
    /// `key` is a hash of the number. `until`: when it may be forgotten.
    pub fn insert(&mut self, key: u64, until: i64) {
        if self.0.last().is_none_or(|filter| filter.room == 0) {
            let before = self.0.last().map_or(0, Filter::capacity);
            self.0
                .push(Filter::new((before * 2).clamp(SMALLEST, LARGEST)));
        }
        if let Some(filter) = self.0.last_mut() {
            filter.insert(key);
            filter.until = filter.until.max(until);
        }
    }

    pub fn may_contain(&self, key: u64) -> bool {
        self.0.iter().rev().any(|filter| filter.may_contain(key))
    }

    /// Forgets what no longer counts.
    pub fn sweep(&mut self, now: i64) {
        self.0.retain(|filter| filter.until > now);
    }
}

impl Filter {
    fn new(capacity: usize) -> Self {
        Self {
            lines: vec![[0; LINE]; (capacity * BITS).div_ceil(LINE * 64)],
            room: capacity,
            until: i64::MIN,
        }
    }

    fn capacity(&self) -> usize {
        self.lines.len() * LINE * 64 / BITS
    }

    fn insert(&mut self, key: u64) {
        let (line, marks) = self.place(key);
        for mark in marks {
            self.lines[line][mark / 64] |= 1 << (mark % 64);
        }
        self.room -= 1;
    }

    fn may_contain(&self, key: u64) -> bool {
        let (line, mut marks) = self.place(key);
        marks.all(|mark| self.lines[line][mark / 64] & (1 << (mark % 64)) != 0)
    }

    /// The line of a key, and the bits that it sets there.
    fn place(&self, key: u64) -> (usize, impl Iterator<Item = usize> + use<>) {
        // The high bits choose the line, the rest of a second hash the bits.
        let lines = self.lines.len() as u128;
        let line = usize::try_from((u128::from(key) * lines) >> 64).unwrap_or(0);
        let bits = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default();
        let bits = bits.hash_one(key);
        let marks = (0..MARKS).map(move |mark| ((bits >> (mark * 9)) & 511) as usize);
        (line, marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread over all values.
    fn key(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn what_was_seen_is_never_denied_and_little_else_is_taken_for_it() {
        let mut seen = Seen::default();
        for number in 0..200_000 {
            seen.insert(key(number), i64::try_from(number).unwrap());
        }
        assert!((0..200_000).all(|number| seen.may_contain(key(number))));
        let wrong = (200_000..300_000).filter(|number| seen.may_contain(key(*number)));
        let wrong = wrong.count();
        assert!(wrong < 1_000, "{wrong} of 100,000");
        let bytes: usize = seen.0.iter().map(|filter| filter.lines.len() * 64).sum();
        assert!(bytes < 3 * 200_000, "{bytes} bytes");
    }

    #[test]
    fn what_counts_no_longer_is_forgotten() {
        let mut seen = Seen::default();
        for number in 0..40_000 {
            seen.insert(key(number), i64::try_from(number).unwrap());
        }
        seen.sweep(30_000);
        assert!(!seen.may_contain(key(7)));
        assert!((30_000..40_000).all(|number| seen.may_contain(key(number))));
        seen.sweep(40_000);
        assert!(seen.0.is_empty());
    }
}
