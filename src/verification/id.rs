//! Related identifiers, each derivable from the other.
//!
//! A verification's id is a UUIDv7 whose 12 `rand_a` bits are a counter (RFC 9562 §6.2, method 1) at zero. Attempts
//! count in the upper eight of those bits, an attempt's ledger entries in the lower four. So an attempt id echoed by a
//! provider identifies the verification without a look-up table, and entries sort by attempt.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Number of random bytes in an id.
pub const RANDOM_LEN: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerificationId(Uuid);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(Uuid);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(pub Uuid);

/// A UUIDv7 with its counter bits at zero.
#[must_use]
pub fn time_ordered(now: DateTime<Utc>, random: [u8; RANDOM_LEN]) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis())
        .unwrap_or(0)
        .to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6] = 0x70;
    bytes[8..].copy_from_slice(&random);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

fn millis_of(id: Uuid) -> i64 {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&id.as_bytes()[..6]);
    i64::from_be_bytes(millis)
}

/// The time that [`time_ordered`] or [`numbered`] put into an id, in whole milliseconds.
#[must_use]
pub fn time_of(id: Uuid) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis_of(id))
        .expect("48 bits of milliseconds are within ten thousand years")
}

/// Highest number that [`numbered`] can tell apart.
const MOST_NUMBERED: u16 = 0x0fff;

/// A UUIDv7 whose counter bits are `number`, so that ids of one millisecond sort by it. A verification has far fewer events than fit.
#[must_use]
pub fn numbered(now: DateTime<Utc>, number: u32, random: [u8; RANDOM_LEN]) -> Uuid {
    let mut bytes = time_ordered(now, random).into_bytes();
    let number = u16::try_from(number).map_or(MOST_NUMBERED, |number| number.min(MOST_NUMBERED));
    let [high, low] = number.to_be_bytes();
    bytes[6] |= high;
    bytes[7] = low;
    Uuid::from_bytes(bytes)
}

/// The number in the counter bits of an id.
#[must_use]
pub fn number_of(id: Uuid) -> u32 {
    let bytes = id.as_bytes();
    u32::from(u16::from_be_bytes([bytes[6] & 0x0f, bytes[7]]))
}

/// The id of the entry that reverses this one, so that it cannot be reversed twice; the entry itself was made by hand and has
/// counter bits at zero.
#[must_use]
pub fn reversal_of(entry: Uuid) -> Uuid {
    let mut bytes = *entry.as_bytes();
    let place = (u16::from(bytes[6] & 0x0f) << 8 | u16::from(bytes[7])).wrapping_add(1);
    let [high, low] = place.to_be_bytes();
    bytes[6] = 0x70 | (high & 0x0f);
    bytes[7] = low;
    Uuid::from_bytes(bytes)
}

impl VerificationId {
    #[must_use]
    pub fn new(now: DateTime<Utc>, random: [u8; RANDOM_LEN]) -> Self {
        Self(time_ordered(now, random))
    }

    /// Accepts any UUID from outside; if no verification has it, look-ups find nothing.
    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// In milliseconds since 1970.
    #[must_use]
    pub fn made_at(self) -> i64 {
        millis_of(self.0)
    }

    /// The id of attempt `ordinal`, counted from 1.
    #[must_use]
    pub fn attempt(self, ordinal: u8) -> AttemptId {
        let mut bytes = *self.0.as_bytes();
        bytes[6] = 0x70 | (ordinal >> 4);
        bytes[7] = ordinal << 4;
        AttemptId(Uuid::from_bytes(bytes))
    }

    /// The range that contains the ids of all its ledger entries, and possibly entries of other verifications created
    /// in the same millisecond.
    #[must_use]
    pub fn entry_range(self) -> (Uuid, Uuid) {
        let mut last = *self.0.as_bytes();
        last[6] = 0x7f;
        last[7] = 0xff;
        (self.0, Uuid::from_bytes(last))
    }
}

impl AttemptId {
    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }

    #[must_use]
    pub fn verification(self) -> VerificationId {
        let mut bytes = *self.0.as_bytes();
        bytes[6] = 0x70;
        bytes[7] = 0;
        VerificationId(Uuid::from_bytes(bytes))
    }

    /// The id of ledger entry `ordinal`, 1 to 15.
    #[must_use]
    pub fn entry(self, ordinal: u8) -> Uuid {
        let mut bytes = *self.0.as_bytes();
        bytes[7] |= ordinal & 0x0f;
        Uuid::from_bytes(bytes)
    }
}

impl fmt::Display for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reversal_has_an_id_of_its_own() {
        let now = DateTime::from_timestamp_millis(1_789_894_598_123).unwrap();
        let first = time_ordered(now, [7; 8]);
        let second = reversal_of(first);
        assert_eq!(second, reversal_of(first));
        assert_eq!(second.get_version_num(), 7);
        assert!(first < second && second < reversal_of(second));
    }

    #[test]
    fn ids_of_one_millisecond_sort_by_their_number() {
        let now = DateTime::from_timestamp_millis(1_789_894_598_123).unwrap();
        let ids = [0, 1, 2, 300, 4_095].map(|number| numbered(now, number, [9; 8]));
        assert!(ids.is_sorted());
        assert_eq!(ids.map(number_of), [0, 1, 2, 300, 4_095]);
        assert_eq!(number_of(numbered(now, 70_000, [9; 8])), 4_095);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn an_attempts_id_names_its_verification_and_stays_a_uuid_v7() {
        let now = DateTime::from_timestamp_millis(1_789_894_598_123).unwrap();
        let id = VerificationId::new(now, [0xff; 8]);
        assert_eq!(id.made_at(), now.timestamp_millis());
        for ordinal in [1, 15, 16, 255] {
            let attempt = id.attempt(ordinal);
            assert_eq!(attempt.verification(), id);
            assert_eq!(attempt.uuid().get_version_num(), 7);
            assert_eq!(attempt.uuid().get_variant(), uuid::Variant::RFC4122);
            let entry = attempt.entry(15);
            let (first, last) = id.entry_range();
            assert!(first < entry && entry <= last && entry != attempt.uuid());
        }
        assert!(id.attempt(1) < id.attempt(2) && id.attempt(15) < id.attempt(16));
    }
}
