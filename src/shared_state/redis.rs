//! One multiplexed connection to Redis, cloned per request, because a pool's `get` costs an extra round trip.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{FromRedisValue, RedisError, Script, ScriptInvocation, cmd};
use deadpool_redis::{Config, Pool, Runtime};

/// Time limit for a Redis command; after it the request continues without Redis.
const PATIENCE: Duration = Duration::from_millis(250);
/// Pause after a failure, so that not every request waits for a timeout.
const REST: Duration = Duration::from_secs(1);

pub(super) struct Redis {
    pool: Pool,
    link: Mutex<Link>,
}

enum Link {
    Unknown,
    Up(MultiplexedConnection),
    DownUntil(Instant),
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis(…)")
    }
}

impl Redis {
    pub fn new(url: &str) -> Result<Self, String> {
        let pool = Config::from_url(url)
            .create_pool(Some(Runtime::Tokio1))
            .map_err(|error| format!("redis_url: {error}"))?;
        Ok(Self {
            pool,
            link: Mutex::new(Link::Unknown),
        })
    }

    /// Runs a script; `None`: Redis is unavailable.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        prepare: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Option<T> {
        let mut connection = self.connection().await?;
        let mut invocation = script.prepare_invoke();
        prepare(&mut invocation);
        let answer = tokio::time::timeout(PATIENCE, invocation.invoke_async(&mut connection)).await;
        self.note(answer)
    }

    pub async fn ping(&self) -> bool {
        let Some(mut connection) = self.connection().await else {
            return false;
        };
        let answer = tokio::time::timeout(PATIENCE, cmd("PING").query_async(&mut connection)).await;
        self.note::<String>(answer).is_some()
    }

    pub async fn command<T: FromRedisValue>(
        &self,
        command: &deadpool_redis::redis::Cmd,
    ) -> Option<T> {
        let mut connection = self.connection().await?;
        let answer = tokio::time::timeout(PATIENCE, command.query_async(&mut connection)).await;
        self.note(answer)
    }

    async fn connection(&self) -> Option<MultiplexedConnection> {
        match &*self.link() {
            Link::Up(connection) => return Some(connection.clone()),
            Link::DownUntil(until) if monotonic() < *until => return None,
            Link::DownUntil(_) | Link::Unknown => {}
        }
        // Only this request connects; the others continue without Redis meanwhile.
        *self.link() = Link::DownUntil(monotonic() + REST);
        match tokio::time::timeout(PATIENCE, self.pool.get()).await {
            Ok(Ok(connection)) => {
                let connection: MultiplexedConnection = (*connection).clone();
                *self.link() = Link::Up(connection.clone());
                tracing::info!("connected to Redis");
                Some(connection)
            }
            _ => None,
        }
    }

    fn note<T>(
        &self,
        answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>,
    ) -> Option<T> {
        match answer {
            Ok(Ok(value)) => Some(value),
            failed => {
                let error = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "no answer in time".to_owned(),
                };
                tracing::warn!(
                    error,
                    "Redis is unavailable: limits count per replica until it returns"
                );
                metrics::counter!("pinroute_redis_failures_total").increment(1);
                *self.link() = Link::DownUntil(monotonic() + REST);
                None
            }
        }
    }

    fn link(&self) -> std::sync::MutexGuard<'_, Link> {
        self.link
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The pause of Redis is not a business rule, so it uses the machine's clock instead of [`crate::clock::Clock`].
fn monotonic() -> Instant {
    Instant::now()
}
