//! Changes of rows that others may change at the same time: each is made again from a fresh read when it lost.

use crate::gateway::error::Error;

/// Makes a change until it wins; `None`: another change came first. After ten losses the caller should try later.
pub(super) async fn contended<T, E: From<Error>>(
    mut change: impl AsyncFnMut() -> Result<Option<T>, E>,
) -> Result<T, E> {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        if let Some(done) = change().await? {
            return Ok(done);
        }
    }
    Err(Error::Unavailable.into())
}
