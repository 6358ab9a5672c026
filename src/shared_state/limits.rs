//! Counters of limits. All draws of a request are taken together or not at all.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_redis::redis::Script;

use super::redis::Redis;
use crate::abuse::limits::{Draw, Exhausted, Window};
use crate::clock::Clock;
use crate::secret::random;

/// Takes one unit from each key, or none; then it returns which key is full (from 1) and for how long (µs).
///
/// KEYS: the counters. ARGV: now in µs, a unique member, then count and window (µs) of each. Scores are exact, since µs
/// since 1970 fit in a double until the year 2255.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
    local count, window = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
    local size = redis.call('ZCARD', key)
    if size >= count then
        local leaver = redis.call('ZRANGE', key, size - count, size - count, 'WITHSCORES')
        return {i, string.format('%.0f', tonumber(leaver[2]) + window - now)}
    end
end
for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, ARGV[1], ARGV[2])
    redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[2 * i + 2]) / 1000))
end
return {0, '0'}
",
    )
});

static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new("for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end return 0")
});

#[derive(Clone, Debug)]
pub struct Limits {
    redis: Option<Arc<Redis>>,
    memory: Arc<Mutex<Memory>>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Memory {
    windows: HashMap<String, (Duration, Window)>,
    /// When to drop idle windows next.
    sweep_at: DateTime<Utc>,
}

/// The draws of a request, which can be given back.
#[derive(Debug)]
pub struct Taken {
    keys: Vec<String>,
    at: DateTime<Utc>,
    /// The member in Redis; `None`: taken in memory.
    member: Option<String>,
}

impl Limits {
    pub(super) fn new(redis: Option<Arc<Redis>>, clock: Clock) -> Self {
        Self {
            redis,
            memory: Arc::default(),
            clock,
        }
    }

    /// Takes all draws, or none if one limit is exhausted.
    pub async fn take(&self, draws: Vec<Draw>) -> Result<Taken, Exhausted> {
        let at = self.clock.now();
        if draws.is_empty() {
            return Ok(Taken {
                keys: Vec::new(),
                at,
                member: None,
            });
        }
        if let Some(redis) = &self.redis {
            let member = u128::from_be_bytes(random()).to_string();
            let answer: Option<(usize, String)> = redis
                .run(&TAKE, |script| {
                    script.arg(at.timestamp_micros()).arg(&member);
                    for draw in &draws {
                        script
                            .key(prefixed(&draw.key))
                            .arg(draw.rate.count)
                            .arg(micros(draw.rate.window));
                    }
                })
                .await;
            if let Some((full, wait)) = answer {
                return match full.checked_sub(1).and_then(|place| draws.get(place)) {
                    Some(draw) => Err(Exhausted {
                        what: draw.what,
                        retry_after: Duration::from_micros(wait.parse().unwrap_or(0)),
                    }),
                    None => Ok(Taken {
                        keys: keys(draws),
                        at,
                        member: Some(member),
                    }),
                };
            }
        }
        self.memory().take(draws, at)
    }

    /// Undoes a [`Limits::take`].
    pub async fn give_back(&self, taken: Taken) {
        if taken.keys.is_empty() {
            return;
        }
        match (&self.redis, &taken.member) {
            (Some(redis), Some(member)) => {
                let _: Option<i64> = redis
                    .run(&GIVE_BACK, |script| {
                        script.arg(member);
                        for key in &taken.keys {
                            script.key(prefixed(key));
                        }
                    })
                    .await;
            }
            _ => self.memory().give_back(&taken),
        }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Memory {
    fn take(&mut self, draws: Vec<Draw>, now: DateTime<Utc>) -> Result<Taken, Exhausted> {
        self.sweep(now);
        for draw in &draws {
            if let Some((_, window)) = self.windows.get_mut(&draw.key)
                && let Some(retry_after) = window.full_for(draw.rate, now)
            {
                return Err(Exhausted {
                    what: draw.what,
                    retry_after,
                });
            }
        }
        for draw in &draws {
            let (_, window) = self
                .windows
                .entry(draw.key.clone())
                .or_insert_with(|| (draw.rate.window, Window::default()));
            window.draw(now);
        }
        Ok(Taken {
            keys: keys(draws),
            at: now,
            member: None,
        })
    }

    fn give_back(&mut self, taken: &Taken) {
        for key in &taken.keys {
            if let Some((_, window)) = self.windows.get_mut(key) {
                window.give_back(taken.at);
            }
        }
    }

    fn sweep(&mut self, now: DateTime<Utc>) {
        if now >= self.sweep_at {
            self.windows
                .retain(|_, (span, window)| !window.is_idle(*span, now));
            self.sweep_at = now + chrono::TimeDelta::seconds(60);
        }
    }
}

fn keys(draws: Vec<Draw>) -> Vec<String> {
    draws.into_iter().map(|draw| draw.key).collect()
}

/// All keys have one hash tag, because a Redis cluster requires a script's keys to be in one slot.
fn prefixed(key: &str) -> String {
    format!("{{pinroute}}:limit:{key}")
}

fn micros(window: Duration) -> u64 {
    u64::try_from(window.as_micros()).unwrap_or(u64::MAX)
}
