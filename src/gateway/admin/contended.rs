//! Retries changes to rows that others may change at the same time, each time from a fresh read.

use crate::gateway::error::Error;

/// Repeats `change` while it returns `None`, which means that another change came first. Gives up with
/// [`Error::Unavailable`] after ten tries.
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
