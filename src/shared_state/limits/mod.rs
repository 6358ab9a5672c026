//! Counters of limits. All draws of a request are taken together or not at all.
//!
//! In Redis, the draws of all requests that wait are taken by one script, one request after another; meanwhile the next ones
//! gather. What a number was sent and has guessed is in the database too. Counters that are younger than their window (after a
//! restart, with an emptied Redis, when Redis goes and when it returns) recall it from there, once per number.

mod group;
mod memory;
mod scripts;
mod seen;
mod state;
mod taken;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::redis::Redis;
use crate::abuse::limits::{Draw, Exhausted};
use crate::clock::Clock;
use group::{Answer, Group, Request};
use state::State;

pub use taken::Taken;

#[derive(Clone, Debug)]
pub struct Limits {
    group: Option<Group>,
    state: Arc<State>,
    clock: Clock,
}

impl Limits {
    pub(super) fn new(redis: Option<Arc<Redis>>, installation: &str, clock: Clock) -> Self {
        let state = Arc::new(State::new(clock.now().timestamp_micros()));
        let group =
            redis.map(|redis| Group::start(redis, installation, Arc::clone(&state), clock.clone()));
        Self {
            group,
            state,
            clock,
        }
    }

    /// The database was empty when this process began to count.
    pub fn begin_with_nothing(&self) {
        self.state.begin_with_nothing();
    }

    /// Takes all draws, or none if one limit is exhausted. None of them is recorded in the database.
    pub async fn take(&self, draws: Vec<Draw>) -> Result<Taken, Exhausted> {
        let nothing = async |_| Ok::<_, Infallible>(Vec::new());
        match self.take_recalling(draws, false, nothing).await {
            Ok(taken) => taken,
            Err(never) => match never {},
        }
    }

    /// Like [`Self::take`]; with `only_look` it says whether there is room, and takes nothing. `recall` reads from the database
    /// when the recorded draws of these limits were made within the time that it is given, oldest first; it is called only if
    /// they may be forgotten here. Its error is returned.
    pub async fn take_recalling<E>(
        &self,
        draws: Vec<Draw>,
        only_look: bool,
        recall: impl AsyncFnOnce(Duration) -> Result<Vec<DateTime<Utc>>, E>,
    ) -> Result<Result<Taken, Exhausted>, E> {
        if draws.is_empty() {
            return Ok(Ok(Taken::nothing()));
        }
        let (mut draws, mut recall, mut recalled) = (draws, Some(recall), None);
        if let Some(group) = &self.group {
            let mut answer = group.take(Request { draws, only_look }).await;
            if let Answer::Forgotten(request) = answer {
                answer = match recall.take() {
                    Some(recall) => {
                        let past = Box::pin(past(recall, &request.draws)).await?;
                        Box::pin(group.recall(&request.draws, &past)).await;
                        recalled = Some(past);
                        Box::pin(group.take(request)).await
                    }
                    None => Answer::Forgotten(request),
                };
            }
            draws = match answer {
                Answer::Decided(decided) => return Ok(decided),
                // Gone meanwhile, or emptied again.
                Answer::Forgotten(request) | Answer::Away(request) => request.draws,
            };
            self.state.stand_in(self.clock.now().timestamp_micros());
        }
        let now = self.clock.now().timestamp_micros();
        let is_forgotten = {
            let memory = self.state.memory();
            draws
                .iter()
                .any(|draw| memory.may_have_forgotten(draw, now))
        };
        if is_forgotten {
            if let Some(recall) = recall {
                recalled = Some(Box::pin(past(recall, &draws)).await?);
            }
            let mut memory = self.state.memory();
            for draw in draws.iter().filter(|draw| draw.is_recorded) {
                memory.recall(draw, recalled.as_deref().unwrap_or_default());
            }
        }
        Ok(self.state.memory().take(draws, only_look, now))
    }

    /// Undoes a [`Limits::take`].
    pub async fn give_back(&self, taken: Taken) {
        match &self.group {
            _ if taken.draws.is_empty() => {}
            Some(group) if taken.is_shared => Box::pin(group.give_back(&taken)).await,
            _ => self.state.memory().give_back(&taken),
        }
    }
}

/// When the recorded ones of these draws were made, in µs since 1970.
async fn past<E>(
    recall: impl AsyncFnOnce(Duration) -> Result<Vec<DateTime<Utc>>, E>,
    draws: &[Draw],
) -> Result<Vec<i64>, E> {
    let recorded = draws.iter().filter(|draw| draw.is_recorded);
    let longest = recorded.map(Draw::longest).max().unwrap_or_default();
    let past = recall(longest).await?;
    Ok(past.iter().map(DateTime::timestamp_micros).collect())
}
