//! What a request has drawn.

use chrono::{DateTime, Utc};

use crate::abuse::limits::Draw;

/// The draws of a request, which can be given back.
#[derive(Debug)]
pub struct Taken {
    pub(super) keys: Vec<String>,
    pub(super) at: DateTime<Utc>,
    /// The member in Redis; `None`: taken in memory.
    pub(super) member: Option<String>,
}

impl Taken {
    pub(super) fn in_memory(draws: Vec<Draw>, at: DateTime<Utc>) -> Self {
        Self {
            keys: keys(draws),
            at,
            member: None,
        }
    }

    pub(super) fn in_redis(draws: Vec<Draw>, at: DateTime<Utc>, member: String) -> Self {
        Self {
            member: Some(member),
            ..Self::in_memory(draws, at)
        }
    }
}

fn keys(draws: Vec<Draw>) -> Vec<String> {
    draws.into_iter().map(|draw| draw.key).collect()
}
