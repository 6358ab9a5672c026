//! Short-lived state shared by replicas: limits, pauses and news. In memory, and in Redis if it is configured.
//!
//! Redis is an accelerator: without it each replica continues alone and reports that ([`SharedState::degraded`]). No
//! other module uses Redis. To add shared state: a file here with its form in memory and in Redis, and a field of
//! [`SharedState`].

mod figures;
mod limits;
mod news;
mod pauses;
mod place;
mod redis;
mod stream;

use std::sync::Arc;

pub use figures::SharedFigures;
pub use limits::{Limits, Taken};
pub use news::{News, Replicas};
pub use pauses::{PauseView, Pauses};
pub use place::Place;
pub use stream::Stream;

use crate::clock::Clock;
use redis::Redis;

#[derive(Clone, Debug)]
pub struct SharedState {
    pub limits: Limits,
    pub pauses: Pauses,
    pub replicas: Replicas,
    pub figures: SharedFigures,
    redis: Option<Arc<Redis>>,
}

impl SharedState {
    /// Without Redis, the state is shared within this process only.
    ///
    /// `installation` separates the keys of several installations in one Redis.
    #[must_use]
    pub fn new(place: Option<Place>, installation: &str, clock: &Clock) -> Self {
        let redis = place.clone().map(Redis::new).map(Arc::new);
        Self {
            limits: Limits::new(redis.clone(), installation, clock.clone()),
            pauses: Pauses::new(redis.clone(), installation.to_owned(), clock.clone()),
            figures: SharedFigures::new(redis.clone(), installation),
            replicas: Replicas::new(redis.clone().zip(place), installation),
            redis,
        }
    }

    /// Whether Redis is configured but takes no writes, so that limits count per replica.
    pub async fn degraded(&self) -> bool {
        match &self.redis {
            Some(redis) => !redis.probe().await,
            None => false,
        }
    }

    #[must_use]
    pub fn has_redis(&self) -> bool {
        self.redis.is_some()
    }
}
