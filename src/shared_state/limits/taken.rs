//! What a request has drawn.

use crate::abuse::limits::Draw;

/// The draws of a request, which can be given back.
#[derive(Debug)]
pub struct Taken {
    pub(super) draws: Vec<Draw>,
    /// µs since 1970.
    pub(super) at: i64,
    /// In Redis, not in memory.
    pub(super) is_shared: bool,
}

impl Taken {
    pub(super) fn nothing() -> Self {
        Self::in_memory(Vec::new(), 0)
    }

    pub(super) fn in_memory(draws: Vec<Draw>, at: i64) -> Self {
        Self {
            draws,
            at,
            is_shared: false,
        }
    }

    pub(super) fn in_redis(draws: Vec<Draw>, at: i64) -> Self {
        Self {
            is_shared: true,
            ..Self::in_memory(draws, at)
        }
    }
}
