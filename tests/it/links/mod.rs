//! How Postgres and Redis are reached: over TLS with an authority of one's own, through PgBouncer, by way of Redis Sentinel.
//!
//! The peers are real servers that the tests start themselves; without them a test is skipped.

mod peers;
mod poolers;
mod sentinel;
mod timeouts;
mod tls;

use pinroute::app::StartupError;

/// Why it does not start.
fn failure<T>(started: Result<T, StartupError>) -> String {
    match started {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}
