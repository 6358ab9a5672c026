//! One multiplexed connection to Redis, cloned per request, because a pool would cost an extra round trip.
//!
//! Redis is away from its first failure until a write succeeds: a replica after a fail-over, or a full one, answers reads.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Cmd, FromRedisValue, RedisError, Script, ScriptInvocation, cmd};

use super::place::{PROBE, Place};

/// Time limit for a Redis command; after it the request continues without Redis.
const PATIENCE: Duration = Duration::from_millis(250);
/// Pause after a failure, so that it is not tried all the time.
const REST: Duration = Duration::from_secs(1);

pub(super) struct Redis {
    place: Place,
    link: Mutex<Link>,
}

struct Link {
    connection: Option<MultiplexedConnection>,
    state: State,
    /// No attempt before this.
    rest_until: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was tried yet.
    Unknown,
    Up,
    Away,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis(…)")
    }
}

impl Redis {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            link: Mutex::new(Link {
                connection: None,
                state: State::Unknown,
                rest_until: None,
            }),
        }
    }

    /// Runs a script; `None`: Redis is away.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        prepare: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Option<T> {
        let mut connection = self.usable().await?;
        let mut invocation = script.prepare_invoke();
        prepare(&mut invocation);
        let answer = tokio::time::timeout(PATIENCE, invocation.invoke_async(&mut connection)).await;
        self.note(answer)
    }

    /// Runs a command; `None`: Redis is away.
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let mut connection = self.usable().await?;
        let answer = tokio::time::timeout(PATIENCE, command.query_async(&mut connection)).await;
        self.note(answer)
    }

    /// Whether a write succeeds now. Only this ends an absence.
    pub async fn probe(&self) -> bool {
        let Some(mut connection) = self.connection().await else {
            return false;
        };
        let mut write = cmd("SET");
        write.arg(PROBE).arg(1).arg("EX").arg(60);
        let answer = tokio::time::timeout(PATIENCE, write.query_async(&mut connection)).await;
        let written = self.note::<String>(answer).is_some();
        if written {
            let before = std::mem::replace(&mut self.link().state, State::Up);
            match before {
                State::Up => {}
                State::Unknown => tracing::info!("connected to Redis"),
                State::Away => tracing::info!("Redis is back: limits count across replicas again"),
            }
        }
        written
    }

    /// A connection, unless Redis is away: then requests go on without it, and only the probe tries.
    async fn usable(&self) -> Option<MultiplexedConnection> {
        if self.link().state == State::Away {
            return None;
        }
        self.connection().await
    }

    async fn connection(&self) -> Option<MultiplexedConnection> {
        {
            let mut link = self.link();
            if let Some(connection) = &link.connection {
                return Some(connection.clone());
            }
            if link.rest_until.is_some_and(|until| monotonic() < until) {
                return None;
            }
            // Only this request connects; the others continue without Redis meanwhile.
            link.rest_until = Some(monotonic() + REST);
        }
        let connect = async {
            let client = self.place.find().await?;
            client.get_multiplexed_async_connection().await
        };
        let reason = match tokio::time::timeout(self.place.patience(), connect).await {
            Ok(Ok(connection)) => {
                self.link().connection = Some(connection.clone());
                return Some(connection);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => LATE.to_owned(),
        };
        self.failed(&reason);
        None
    }

    fn note<T>(
        &self,
        answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>,
    ) -> Option<T> {
        match answer {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(_) => self.failed(LATE),
        }
        None
    }

    /// Counts each failure, and logs the first of an absence.
    fn failed(&self, reason: &str) {
        metrics::counter!("pinroute_redis_failures_total").increment(1);
        let before = {
            let mut link = self.link();
            link.connection = None;
            link.rest_until = Some(monotonic() + REST);
            std::mem::replace(&mut link.state, State::Away)
        };
        if before != State::Away {
            tracing::warn!(
                reason,
                "Redis is away: limits count per replica until a write succeeds"
            );
        }
    }

    fn link(&self) -> std::sync::MutexGuard<'_, Link> {
        self.link
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

const LATE: &str = "no answer in time";

/// The pause of Redis is not a business rule, so it uses the machine's clock instead of [`crate::clock::Clock`].
fn monotonic() -> Instant {
    Instant::now()
}
