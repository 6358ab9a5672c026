//! One start of the past, as a back-test judges it again.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::judge::Facts;
use crate::money::Micros;
use crate::verification::phone::PhoneNumber;

/// What is known of one start, and of what followed.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: Uuid,
    pub facts: Facts,
    /// `None`: it was not kept, or is erased.
    pub phone: Option<PhoneNumber>,
    /// It was held back then, so nobody knows whether the code would have been entered.
    pub was_refused: bool,
    /// Its keyed hash.
    pub number: [u8; 16],
    pub approval: Option<Approval>,
    /// The start first, then in order.
    pub moments: Vec<Moment>,
    /// What all of its messages cost.
    pub spent: Micros,
    /// So many alike, of which no more is known.
    pub alike: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct Approval {
    pub at: DateTime<Utc>,
    /// The code came by a channel that pays for termination.
    pub is_paid: bool,
}

/// When something was to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub at: DateTime<Utc>,
    /// By a channel that pays for termination; `None`: the start came by another.
    pub paid: Option<Paid>,
}

#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// By the guard, then.
    pub was_stopped: bool,
    pub spent: Micros,
}
