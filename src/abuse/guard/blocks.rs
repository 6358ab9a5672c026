//! How long a prefix stays challenged once its rule fired again and again: 15 minutes, then 2 hours, then 12 hours.
//!
//! A block ends after its time unless sends still come; it never grows into a permanent one, since a range has honest receivers too.
//! The times follow what vendors publish (Vonage escalates blocks, Twilio's last 12 hours and are renewed while fraud goes on).

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::bounded::{Bounded, Entry};
use super::cells::Key;
use super::tally::DAY;

/// Challenges within [`WITHIN`] that begin a block.
const CHALLENGES: usize = 3;
/// Also how long a block stays alive after a send.
const WITHIN: i64 = 15 * 60;
/// By level, in seconds.
const SPANS: [i64; 3] = [15 * 60, 2 * 3_600, 12 * 3_600];
/// The level at which a block gets the last of them: one that had it steps back from here.
const LONGEST: u8 = 2;

/// The escalation of one prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// 0: none yet; 3: the longest.
    level: u8,
    /// In seconds since 1970.
    until: i64,
    /// When it began.
    since: i64,
    /// The last challenges outside a block, in seconds since 1970.
    challenges: [i64; CHALLENGES - 1],
    /// When its rule last fired.
    last: i64,
}

impl Block {
    /// A send for which the prefix' rule fired, at a time in seconds since 1970. Under a block it keeps that alive.
    fn challenge(&mut self, at: i64) {
        let quiet = u8::try_from((at - self.last).max(0) / DAY).unwrap_or(u8::MAX);
        if quiet > 0 {
            self.level = self.level.min(LONGEST).saturating_sub(quiet);
        }
        self.last = self.last.max(at);
        if at < self.until {
            self.until = self.until.max(at + WITHIN);
            return;
        }
        let [oldest, newest] = self.challenges;
        if oldest > 0 && at - oldest < WITHIN {
            let span = SPANS[usize::from(self.level).min(SPANS.len() - 1)];
            self.level = (self.level + 1).min(LONGEST + 1);
            self.until = at + span;
            self.since = at;
            self.challenges = [0; 2];
        } else {
            self.challenges = [newest, at];
        }
    }

    fn is_on(&self, now: i64) -> bool {
        now < self.until
    }

    /// How often it escalated, 1 to 3.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// When it ends, if nothing is sent until then.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(self.until)
    }
}

impl Entry for Block {
    fn heap(&self) -> usize {
        0
    }

    fn is_over(&mut self, now: i64) -> bool {
        // Until then it may step back.
        now >= self.until && now - self.last >= DAY * i64::from(self.level.clamp(1, LONGEST))
    }

    fn idle(&self) -> (u8, u32) {
        // A longer block is harder to earn.
        (self.level, u32::try_from(self.last).unwrap_or(0))
    }
}

/// The blocks of all prefixes.
pub(super) struct Blocks {
    kept: Bounded<Key, Block>,
    /// No block is on at this time or later, in seconds since 1970: then there is nothing to look up.
    over: AtomicI64,
}

impl Blocks {
    pub(super) fn new(shards: usize, bytes: usize) -> Self {
        Self {
            kept: Bounded::new(shards, bytes),
            over: AtomicI64::new(0),
        }
    }

    pub(super) fn challenge(&self, prefix: Key, at: i64) {
        let until = self.kept.change(prefix, at, |block| {
            block.challenge(at);
            block.until
        });
        self.over.fetch_max(until, Ordering::AcqRel);
    }

    pub(super) fn is_on(&self, prefix: &Key, now: i64) -> bool {
        now < self.over.load(Ordering::Acquire)
            && self.kept.read(prefix, |block| block.is_on(now)) == Some(true)
    }

    /// Forgets the prefix' escalation too; what was counted stays.
    pub(super) fn end(&self, prefix: &Key, at: i64) -> bool {
        // Another replica may tell of the end after a later block has begun here. Sends go on meanwhile.
        let is_earlier = self.kept.read(prefix, |block| block.since <= at);
        is_earlier == Some(true)
            && self
                .kept
                .remove(prefix)
                .is_some_and(|block| block.is_on(at))
    }

    /// Its escalation; `None`: there is none.
    pub(super) fn find(&self, prefix: &Key) -> Option<Block> {
        self.kept.read(prefix, |block| *block)
    }

    /// Takes an escalation that was kept over a restart.
    pub(super) fn restore(&self, prefix: Key, kept: Block) {
        self.kept.change(prefix, kept.last, |block| *block = kept);
        self.over.fetch_max(kept.until, Ordering::AcqRel);
    }

    pub(super) fn all(&self, now: i64) -> Vec<(Key, Block)> {
        let mut all = Vec::new();
        self.kept.each(|key, block| {
            if block.is_on(now) {
                all.push((*key, *block));
            }
        });
        all.sort_by_key(|(key, block)| (std::cmp::Reverse(block.last), key.cell.to_string()));
        all
    }

    pub(super) fn bytes(&self) -> usize {
        self.kept.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const START: i64 = 1_790_000_000;

    fn three(block: &mut Block, at: i64) {
        for second in 0..3 {
            block.challenge(at + second);
        }
    }

    #[test]
    fn three_challenges_in_15_minutes_block_for_15_minutes_and_two_do_not() {
        let mut block = Block::default();
        block.challenge(START);
        block.challenge(START + 14 * MINUTE);
        assert!(!block.is_on(START + 14 * MINUTE));
        block.challenge(START + 15 * MINUTE);
        assert!(!block.is_on(START + 15 * MINUTE), "the first is too old");
        let third = START + 16 * MINUTE;
        block.challenge(third);
        assert!(block.is_on(third) && block.is_on(third + 15 * MINUTE - 1));
        assert!(!block.is_on(third + 15 * MINUTE));
    }

    #[test]
    fn blocks_last_15_minutes_then_2_hours_then_12_hours_and_no_longer() {
        let (mut block, mut at) = (Block::default(), START);
        for span in [15 * MINUTE, 2 * HOUR, 12 * HOUR, 12 * HOUR] {
            three(&mut block, at);
            assert!(block.is_on(at + 2) && block.is_on(at + 1 + span));
            at += 2 + span;
            assert!(!block.is_on(at));
        }
    }

    #[test]
    fn sends_under_a_block_keep_it_alive_and_do_not_escalate_it() {
        let mut block = Block::default();
        three(&mut block, START);
        let mut at = START;
        for _ in 0..30 {
            at += 10 * MINUTE;
            assert!(block.is_on(at));
            block.challenge(at);
        }
        assert_eq!(block.level(), 1);
        assert!(
            !block.is_on(at + 15 * MINUTE),
            "an honest range opens again"
        );
    }

    #[test]
    fn each_quiet_24_hours_take_one_step_back() {
        let mut block = Block::default();
        let mut at = START;
        for span in [15 * MINUTE, 2 * HOUR, 12 * HOUR] {
            three(&mut block, at);
            at += 2 + span;
        }
        let last = block.last;
        let after = |quiet| {
            let mut later = block;
            three(&mut later, last + quiet);
            later.until - (last + quiet + 2)
        };
        assert_eq!(after(24 * HOUR - 1), 12 * HOUR, "not quiet for long enough");
        assert_eq!(after(24 * HOUR), 2 * HOUR);
        assert_eq!(after(48 * HOUR), 15 * MINUTE);
        assert!(!block.is_over(last + 48 * HOUR - 1) && block.is_over(last + 48 * HOUR));
    }
}
