//! Random numbers that are the same in each run.

use chrono::TimeDelta;

/// Reproducible random numbers: `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    #[must_use]
    pub fn new(start: u64) -> Self {
        Self(start)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number less than `most`, or 0.
    pub fn below(&mut self, most: u64) -> u64 {
        self.number() % most.max(1)
    }

    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// A duration in milliseconds between `least` and `most`, mostly near the lower end, as waiting times are.
    pub fn span(&mut self, least: u64, most: u64) -> TimeDelta {
        let narrow = self
            .below(most - least + 1)
            .min(self.below(most - least + 1));
        let millis = least + narrow.min(self.below(most - least + 1));
        TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}
