//! Counters of limits. All draws of a request are taken together or not at all.
//!
//! What a number was sent and has guessed is in the database too. Counters that are younger than their window (after a
//! restart, with an emptied Redis, when Redis goes and when it returns) recall it from there, once per number.

mod memory;
mod scripts;
mod taken;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::redis::Redis;
use crate::abuse::limits::{Draw, Exhausted};
use crate::clock::Clock;
use crate::secret::random;
use memory::Memory;

pub use taken::Taken;

#[derive(Clone, Debug)]
pub struct Limits {
    redis: Option<Arc<Redis>>,
    /// Where Redis keeps since when it counts.
    since_key: Arc<str>,
    state: Arc<State>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    memory: Mutex<Memory>,
    /// There was nothing in the database before this process, so nothing can be forgotten.
    nothing_before: AtomicBool,
    /// This memory counts because Redis is away.
    stands_in: AtomicBool,
}

/// What Redis said.
enum Answer {
    Taken(String),
    Full(Exhausted),
    /// The past is to be recalled.
    Forgotten,
}

impl Limits {
    pub(super) fn new(redis: Option<Arc<Redis>>, installation: &str, clock: Clock) -> Self {
        let state = State {
            memory: Mutex::new(Memory::new(clock.now())),
            nothing_before: AtomicBool::new(false),
            stands_in: AtomicBool::new(false),
        };
        Self {
            redis,
            since_key: prefixed(&format!("since:{installation}")).into(),
            state: Arc::new(state),
            clock,
        }
    }

    /// The database was empty when this process began to count.
    pub fn begin_with_nothing(&self) {
        self.state.nothing_before.store(true, Ordering::Relaxed);
        *self.memory() = Memory::new(DateTime::UNIX_EPOCH);
    }

    /// Takes all draws, or none if one limit is exhausted. None of them is recorded in the database.
    pub async fn take(&self, draws: Vec<Draw>) -> Result<Taken, Exhausted> {
        let nothing = async |_| Ok::<_, Infallible>(Vec::new());
        match self.take_recalling(draws, nothing).await {
            Ok(taken) => taken,
            Err(never) => match never {},
        }
    }

    /// Like [`Self::take`]. `recall` reads from the database when the recorded draws of these limits were made within the time
    /// that it is given, oldest first; it is called only if they may be forgotten here. Its error is returned.
    pub async fn take_recalling<E>(
        &self,
        draws: Vec<Draw>,
        recall: impl AsyncFnOnce(Duration) -> Result<Vec<DateTime<Utc>>, E>,
    ) -> Result<Result<Taken, Exhausted>, E> {
        let at = self.clock.now();
        if draws.is_empty() {
            return Ok(Ok(Taken::in_memory(draws, at)));
        }
        let mut recall = Some(recall);
        if let Some(redis) = &self.redis {
            let mut answer = self.take_in_redis(redis, &draws, at).await;
            if matches!(answer, Some(Answer::Forgotten))
                && let Some(recall) = recall.take()
            {
                let past = recall(longest(&draws)).await?;
                self.recall_in_redis(redis, &draws, &past, at).await;
                answer = self.take_in_redis(redis, &draws, at).await;
            }
            match answer {
                Some(Answer::Taken(member)) => {
                    return Ok(Ok(Taken::in_redis(draws, at, member)));
                }
                Some(Answer::Full(exhausted)) => return Ok(Err(exhausted)),
                // Gone meanwhile, or emptied again.
                Some(Answer::Forgotten) | None => self.stand_in(at),
            }
        }
        let forgotten = {
            let memory = self.memory();
            draws.iter().any(|draw| memory.may_have_forgotten(draw, at))
        };
        if let Some(recall) = recall.filter(|_| forgotten) {
            let past = recall(longest(&draws)).await?;
            let mut memory = self.memory();
            for draw in draws.iter().filter(|draw| draw.is_recorded) {
                memory.recall(draw, &past);
            }
        }
        Ok(self.memory().take(draws, at))
    }

    async fn take_in_redis(
        &self,
        redis: &Redis,
        draws: &[Draw],
        at: DateTime<Utc>,
    ) -> Option<Answer> {
        let member = u128::from_be_bytes(random()).to_string();
        let now = at.timestamp_micros();
        let since = match self.state.nothing_before.load(Ordering::Relaxed) {
            true => 0,
            false => now,
        };
        // What was drawn while Redis was away is not in it.
        let anew = self.state.stands_in.load(Ordering::Relaxed);
        let answer: (i64, String) = redis
            .run(&scripts::TAKE, |script| {
                script.key(&*self.since_key);
                for draw in draws {
                    script.key(prefixed(&draw.key));
                }
                for draw in draws.iter().filter(|draw| draw.is_recorded) {
                    script.key(mark(&draw.key));
                }
                script.arg(now).arg(&member).arg(since).arg(u8::from(anew));
                let mut marks = 0;
                for draw in draws {
                    marks += i32::from(draw.is_recorded);
                    script
                        .arg(draw.rate.count)
                        .arg(micros(draw.rate.window))
                        .arg(if draw.is_recorded { marks } else { 0 });
                }
            })
            .await?;
        // From now on an emptied Redis has forgotten something.
        self.state.nothing_before.store(false, Ordering::Relaxed);
        self.state.stands_in.store(false, Ordering::Relaxed);
        let (full, wait) = answer;
        let full = usize::try_from(full).ok();
        Some(match full.map(|full| full.checked_sub(1)) {
            None => Answer::Forgotten,
            Some(place) => match place.and_then(|place| draws.get(place)) {
                Some(draw) => Answer::Full(Exhausted {
                    what: draw.what,
                    retry_after: Duration::from_micros(wait.parse().unwrap_or(0)),
                }),
                None => Answer::Taken(member),
            },
        })
    }

    async fn recall_in_redis(
        &self,
        redis: &Redis,
        draws: &[Draw],
        past: &[DateTime<Utc>],
        now: DateTime<Utc>,
    ) {
        for draw in draws.iter().filter(|draw| draw.is_recorded) {
            let _: Option<i64> = redis
                .run(&scripts::RECALL, |script| {
                    script
                        .key(&*self.since_key)
                        .key(prefixed(&draw.key))
                        .key(mark(&draw.key))
                        .arg(now.timestamp_micros())
                        .arg(micros(draw.rate.window));
                    for at in past {
                        script.arg(at.timestamp_micros());
                    }
                })
                .await;
        }
    }

    /// Redis is away: this memory counts from now on, and knows nothing of before.
    fn stand_in(&self, now: DateTime<Utc>) {
        if !self.state.stands_in.swap(true, Ordering::Relaxed) {
            *self.memory() = Memory::new(now);
        }
    }

    /// Undoes a [`Limits::take`].
    pub async fn give_back(&self, taken: Taken) {
        if taken.keys.is_empty() {
            return;
        }
        match (&self.redis, &taken.member) {
            (Some(redis), Some(member)) => {
                let _: Option<i64> = redis
                    .run(&scripts::GIVE_BACK, |script| {
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
        self.state
            .memory
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn longest(draws: &[Draw]) -> Duration {
    let recorded = draws.iter().filter(|draw| draw.is_recorded);
    let windows = recorded.map(|draw| draw.rate.window);
    windows.max().unwrap_or_default()
}

/// All keys have one hash tag, because a Redis cluster requires a script's keys to be in one slot.
fn prefixed(key: &str) -> String {
    format!("{{pinroute}}:limit:{key}")
}

/// Says that the past of a counter was recalled.
fn mark(key: &str) -> String {
    prefixed(&format!("{key}:known"))
}

fn micros(window: Duration) -> u64 {
    u64::try_from(window.as_micros()).unwrap_or(u64::MAX)
}
