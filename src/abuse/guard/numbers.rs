//! Which numbers raised a cell's verified count today: each counts once a UTC day, so that approvals cannot be bought
//! with one number. When there are more than fit, the earliest are forgotten, and may count again.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::bounded::{Bounded, Entry};
use super::cells::Key;
use super::ring::{BUCKET, slot};
use super::tally::{DAY, day};

/// Short, since there are many. Where two are alike, one verification in many thousands is not counted.
type Fingerprint = u32;

pub(super) struct Numbers(Bounded<Fingerprint, Raised>);

/// The bucket that was raised; 0: none yet.
#[derive(Debug, Default)]
struct Raised(u32);

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
        i64::from(self.0) * BUCKET + 2 * DAY <= now
    }

    fn idle(&self) -> (u8, u32) {
        (0, self.0)
    }
}

impl Numbers {
    pub(super) fn new(shards: usize, bytes: usize) -> Self {
        Self(Bounded::new(shards, bytes))
    }

    /// `number`: its keyed hash.
    pub(super) fn raise(&self, key: Key, number: [u8; 16], at: i64) -> Raise {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let [first, second, third, fourth, ..] =
            hasher.hash_one((key, number, day(at))).to_be_bytes();
        let fingerprint = u32::from_be_bytes([first, second, third, fourth]);
        let own = slot(at).max(1);
        self.0.change(fingerprint, at, |raised| match raised.0 {
            0 => {
                raised.0 = own;
                Raise::First
            }
            than if own < than => {
                raised.0 = own;
                Raise::Earlier { than }
            }
            _ => Raise::Again,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
