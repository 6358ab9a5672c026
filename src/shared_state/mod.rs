//! What replicas share for a moment: limits, pauses and news, in memory, and in Redis when it is configured.
//!
//! Redis is an accelerator: while it is away each replica goes on alone and says so ([`SharedState::degraded`]). It is the
//! only module that speaks to it.

mod limits;
mod news;
mod pauses;
mod redis;

use std::sync::Arc;

pub use limits::{Limits, Taken};
pub use news::{News, Replicas};
pub use pauses::{PauseView, Pauses};

use crate::clock::Clock;
use redis::Redis;

#[derive(Clone, Debug)]
pub struct SharedState {
    pub limits: Limits,
    pub pauses: Pauses,
    pub replicas: Replicas,
    redis: Option<Arc<Redis>>,
}

impl SharedState {
    /// `redis_url` empty: in this process alone.
    ///
    /// `installation` keeps what several installations share a Redis for apart.
    pub fn new(redis_url: Option<&str>, installation: &str, clock: &Clock) -> Result<Self, String> {
        let redis = redis_url.map(Redis::new).transpose()?.map(Arc::new);
        Ok(Self {
            limits: Limits::new(redis.clone(), clock.clone()),
            pauses: Pauses::new(redis.clone(), installation.to_owned(), clock.clone()),
            replicas: Replicas::new(redis.clone().zip(redis_url), installation),
            redis,
        })
    }

    /// Redis is configured and out of reach: limits hold for this replica alone.
    pub async fn degraded(&self) -> bool {
        match &self.redis {
            Some(redis) => !redis.ping().await,
            None => false,
        }
    }

    #[must_use]
    pub fn has_redis(&self) -> bool {
        self.redis.is_some()
    }
}
