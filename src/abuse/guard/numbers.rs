//! Which numbers raised a cell's verified count today: each counts once a UTC day, so that approvals cannot be bought with one number.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::bounded::{Bounded, Entry};
use super::cells::Key;
use super::ring::{BUCKET, slot};
use super::tally::{DAY, day};

/// Two different ones share a hash of 64 bits once in a million years of a busy site, and then one verification is not counted.
type Fingerprint = u64;

pub(super) struct Numbers(Bounded<Fingerprint, Raised>);

#[derive(Debug, Default)]
struct Raised {
    /// The bucket that was raised; `None`: none yet.
    slot: Option<u32>,
}

/// What a verification means for a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raise {
    First,
    /// It was heard of later than one that was after it: only the bucket changes.
    Earlier {
        than: u32,
    },
    Again,
}

impl Entry for Raised {
    fn heap(&self) -> usize {
        0
    }

    fn is_over(&mut self, now: i64) -> bool {
        let at = self.slot.map_or(0, |slot| i64::from(slot) * BUCKET);
        at + 2 * DAY <= now
    }

    fn idle(&self) -> (u8, u32) {
        (0, self.slot.unwrap_or(0))
    }
}

impl Numbers {
    pub(super) fn new(shards: usize, bytes: usize) -> Self {
        Self(Bounded::new(shards, bytes))
    }

    /// `number`: its keyed hash.
    pub(super) fn raise(&self, key: Key, number: [u8; 16], at: i64) -> Raise {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let fingerprint = hasher.hash_one((key, number, day(at)));
        let own = slot(at);
        self.0.change(fingerprint, at, |raised| {
            let known = raised.slot;
            raised.slot = Some(known.map_or(own, |known| known.min(own)));
            match known {
                None => Raise::First,
                Some(than) if own < than => Raise::Earlier { than },
                Some(_) => Raise::Again,
            }
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
