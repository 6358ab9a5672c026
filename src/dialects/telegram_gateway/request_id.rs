//! `request_id`: the id of a verification, in decimal. [`check`](super::send_ability) gives one out before there is a verification.
//!
//! Nothing is stored for it. It carries its time, and a keyed tag of the project and the number that it was given out for.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::fault::Word;
use crate::gateway::Gateway;
use crate::secret::random;
use crate::verification::id::{ProjectId, RANDOM_LEN, VerificationId};
use crate::verification::phone::PhoneNumber;

/// How long an id that was given out can be used, in milliseconds.
const LIFE: i64 = 3_600_000;

/// How far the clock of the replica that gave it out may be ahead, in milliseconds.
const AHEAD: i64 = 5_000;

/// The first bytes of the random part are chance, so that two ids of one millisecond differ; the tag follows.
const CHANCE: usize = 2;

pub fn text(id: VerificationId) -> String {
    id.uuid().as_u128().to_string()
}

/// Only as [`text`] writes it.
pub fn read(given: &str) -> Result<VerificationId, Word> {
    let number = given.parse().map(Uuid::from_u128);
    let id = number.map(VerificationId::from_uuid).ok();
    id.filter(|id| text(*id) == given)
        .ok_or(Word::RequestIdInvalid)
}

/// An id that a later send may use.
pub fn give_out(gateway: &Gateway, project: ProjectId, phone: &PhoneNumber) -> VerificationId {
    let now = gateway.now();
    let chance: [u8; CHANCE] = random();
    tagged(gateway, project, phone, now, chance)
}

/// Whether the id was given out for this number, not more than an hour ago.
pub fn was_given_out(
    gateway: &Gateway,
    id: VerificationId,
    project: ProjectId,
    phone: &PhoneNumber,
) -> bool {
    let Some(at) = DateTime::from_timestamp_millis(id.made_at()) else {
        return false;
    };
    let age = gateway.now().timestamp_millis() - id.made_at();
    let bytes = id.uuid().into_bytes();
    let chance = [bytes[8], bytes[9]];
    (-AHEAD..=LIFE).contains(&age) && tagged(gateway, project, phone, at, chance) == id
}

fn tagged(
    gateway: &Gateway,
    project: ProjectId,
    phone: &PhoneNumber,
    at: DateTime<Utc>,
    chance: [u8; CHANCE],
) -> VerificationId {
    // Two of its bits say which kind of UUID it is.
    let chance = [chance[0] & 0x3f, chance[1]];
    let tag = gateway.verify().tag(&[
        b"telegram request id",
        project.0.as_bytes(),
        phone.as_str().as_bytes(),
        &at.timestamp_millis().to_be_bytes(),
        &chance,
    ]);
    let mut random = [0; RANDOM_LEN];
    let (first, rest) = random.split_at_mut(CHANCE);
    first.copy_from_slice(&chance);
    rest.copy_from_slice(&tag[..RANDOM_LEN - CHANCE]);
    VerificationId::new(at, random)
}
