//! Pauses of a provider, or of a single number on a provider (circuit breaker).
//!
//! A provider that refuses the account is paused for 10 s, doubling to 5 min; so is one with five failures in a row.
//! After a pause one real send is the probe, and a success ends the pause. A provider's flood wait pauses the number;
//! flood waits for three numbers within 10 s pause the provider.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_redis::redis::cmd;

use super::redis::Redis;
use crate::clock::Clock;
use crate::verification::attempt::{Receipt, SendError};
use crate::verification::span;

const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const STRIKES: u32 = 5;
const FLOOD_WINDOW: Duration = Duration::from_secs(10);
const FLOODED_NUMBERS: usize = 3;
/// A probe without a result after this time counts as lost.
const PROBE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Pauses {
    inner: Arc<Mutex<Inner>>,
    redis: Option<Arc<Redis>>,
    installation: String,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Inner {
    providers: HashMap<String, Breaker>,
    numbers: HashMap<(String, [u8; 16]), DateTime<Utc>>,
    /// Pauses set by other replicas.
    elsewhere: HashMap<String, DateTime<Utc>>,
}

#[derive(Debug, Default)]
struct Breaker {
    strikes: u32,
    paused: Option<Pause>,
    floods: Vec<([u8; 16], DateTime<Utc>)>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: DateTime<Utc>,
    /// The length that the next refusal doubles; `None`: only flood waits have paused the provider.
    length: Option<Duration>,
    probing_until: Option<DateTime<Utc>>,
}

/// A provider's pause, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseView {
    pub provider: String,
    pub until: DateTime<Utc>,
}

impl Pauses {
    pub(super) fn new(redis: Option<Arc<Redis>>, installation: String, clock: Clock) -> Self {
        Self {
            inner: Arc::default(),
            redis,
            installation,
            clock,
        }
    }

    /// Whether a send may be tried now. Does not claim the probe.
    #[must_use]
    pub fn is_open(&self, provider: &str, number: [u8; 16]) -> bool {
        let now = self.clock.now();
        let inner = self.inner();
        let number_paused = inner
            .numbers
            .get(&(provider.to_owned(), number))
            .is_some_and(|until| now < *until);
        let elsewhere = inner
            .elsewhere
            .get(provider)
            .is_some_and(|until| is_ahead(*until, now));
        let paused = inner
            .providers
            .get(provider)
            .and_then(|breaker| breaker.paused);
        !number_paused && !elsewhere && paused.is_none_or(|pause| pause.admits(now))
    }

    /// Call this right before a send. After a pause, it admits one send at a time, as the probe.
    #[must_use]
    pub fn begin(&self, provider: &str) -> bool {
        let now = self.clock.now();
        let mut inner = self.inner();
        match inner
            .providers
            .get_mut(provider)
            .and_then(|breaker| breaker.paused.as_mut())
        {
            None => true,
            Some(pause) if pause.admits(now) => {
                pause.probing_until = Some(span::after(now, PROBE));
                true
            }
            Some(_) => false,
        }
    }

    /// Updates pauses from the outcome of a send.
    pub async fn learn(
        &self,
        provider: &str,
        number: [u8; 16],
        outcome: &Result<Receipt, SendError>,
    ) {
        let now = self.clock.now();
        let paused = self.inner().learn(provider, number, outcome, now);
        let (Some(redis), Some(until)) = (&self.redis, paused) else {
            return;
        };
        let millis = (until - now).num_milliseconds().max(1);
        let key = self.key(provider);
        let mut set = cmd("SET");
        set.arg(key)
            .arg(until.timestamp_micros())
            .arg("PX")
            .arg(millis);
        let _: Option<String> = Box::pin(redis.command(&set)).await;
    }

    /// Reads the pauses set by other replicas; called about once a second.
    pub async fn listen(&self, providers: &[String]) {
        let Some(redis) = &self.redis else { return };
        if providers.is_empty() {
            return;
        }
        let mut get = cmd("MGET");
        for provider in providers {
            get.arg(self.key(provider));
        }
        let Some(found) = redis.command::<Vec<Option<i64>>>(&get).await else {
            return;
        };
        let mut inner = self.inner();
        inner.elsewhere = providers
            .iter()
            .zip(found)
            .filter_map(|(provider, until)| {
                Some((provider.clone(), DateTime::from_timestamp_micros(until?)?))
            })
            .collect();
    }

    /// The currently paused providers.
    #[must_use]
    pub fn list(&self) -> Vec<PauseView> {
        let now = self.clock.now();
        let inner = self.inner();
        let own = inner
            .providers
            .iter()
            .filter_map(|(name, breaker)| Some((name, breaker.paused?.until)));
        let mut list: Vec<PauseView> = own
            .chain(inner.elsewhere.iter().map(|(name, until)| (name, *until)))
            .filter(|(_, until)| is_ahead(*until, now))
            .map(|(provider, until)| PauseView {
                provider: provider.clone(),
                until,
            })
            .collect();
        list.sort_by(|a, b| a.provider.cmp(&b.provider).then(b.until.cmp(&a.until)));
        list.dedup_by(|a, b| a.provider == b.provider);
        list
    }

    fn key(&self, provider: &str) -> String {
        format!("{{pinroute}}:pause:{}:{provider}", self.installation)
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inner {
    /// The end of the provider's pause, if this outcome pauses it.
    fn learn(
        &mut self,
        provider: &str,
        number: [u8; 16],
        outcome: &Result<Receipt, SendError>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        self.numbers.retain(|_, until| now < *until);
        let breaker = self.providers.entry(provider.to_owned()).or_default();
        match outcome {
            Ok(_) => {
                breaker.strikes = 0;
                // A success during the pause does not end it: that send began before the pause.
                if breaker
                    .paused
                    .take_if(|pause| !is_ahead(pause.until, now))
                    .is_some()
                {
                    tracing::info!(provider, "provider pause ended: a send succeeded");
                }
                None
            }
            Err(SendError::Misconfigured) => Some(breaker.pause(provider, now)),
            Err(SendError::Unknown | SendError::Unavailable) => {
                breaker.strikes += 1;
                let probe_failed = breaker.paused.is_some();
                (probe_failed || breaker.strikes >= STRIKES).then(|| breaker.pause(provider, now))
            }
            Err(SendError::Throttled(wait)) => {
                let wait = wait.unwrap_or(FIRST_PAUSE);
                breaker
                    .floods
                    .retain(|(other, at)| *other != number && now < span::after(*at, FLOOD_WINDOW));
                breaker.floods.push((number, now));
                let flooded = breaker.floods.len() >= FLOODED_NUMBERS;
                breaker.end_probe();
                let paused = flooded.then(|| breaker.flood(provider, wait.min(LONGEST_PAUSE), now));
                self.numbers
                    .insert((provider.to_owned(), number), span::after(now, wait));
                paused
            }
            // Says nothing about the provider's health.
            Err(
                SendError::NumberInvalid
                | SendError::Rejected
                | SendError::Unrecognised
                | SendError::Paused
                | SendError::Canceled,
            ) => {
                breaker.end_probe();
                None
            }
            Err(SendError::Refused) => {
                breaker.strikes = 0;
                breaker.end_probe();
                None
            }
        }
    }
}

impl Breaker {
    fn pause(&mut self, provider: &str, now: DateTime<Utc>) -> DateTime<Utc> {
        let length = match self.paused {
            // This send began before the pause and says nothing new.
            Some(Pause {
                until,
                probing_until: None,
                ..
            }) if is_ahead(until, now) => return until,
            Some(Pause {
                length: Some(length),
                ..
            }) => (length * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.pause_for(provider, length, Some(length), now)
    }

    fn pause_for(
        &mut self,
        provider: &str,
        wait: Duration,
        length: Option<Duration>,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let until = span::after(now, wait);
        tracing::warn!(
            alarm = true,
            provider,
            seconds = wait.as_secs(),
            "provider paused"
        );
        metrics::counter!("pinroute_pauses_total", "provider" => provider.to_owned()).increment(1);
        self.strikes = 0;
        self.paused = Some(Pause {
            until,
            length,
            probing_until: None,
        });
        until
    }

    /// Pauses for the provider's own wait, which neither doubles nor changes the length to double.
    fn flood(&mut self, provider: &str, wait: Duration, now: DateTime<Utc>) -> DateTime<Utc> {
        let length = self.paused.and_then(|pause| pause.length);
        self.pause_for(provider, wait, length, now)
    }

    fn end_probe(&mut self) {
        if let Some(pause) = &mut self.paused {
            pause.probing_until = None;
        }
    }
}

impl Pause {
    fn admits(self, now: DateTime<Utc>) -> bool {
        !is_ahead(self.until, now)
            && self
                .probing_until
                .is_none_or(|lost_at| !is_ahead(lost_at, now))
    }
}

/// Whether a pause lasts. One that ends further ahead than any pause is long began before the clock was set back.
fn is_ahead(until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now < span::due(until, LONGEST_PAUSE, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: [u8; 16] = [1; 16];

    fn pauses() -> (Pauses, Clock) {
        let clock = Clock::manual(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        (Pauses::new(None, String::new(), clock.clone()), clock)
    }

    const TAKEN: Result<Receipt, SendError> = {
        Ok(Receipt {
            message_id: None,
            balance: None,
            cost: None,
        })
    };

    #[tokio::test]
    async fn a_refused_account_pauses_doubling_and_one_probe_ends_it() {
        let (pauses, clock) = pauses();
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            assert!(pauses.is_open("t", NUMBER) && pauses.begin("t"));
            pauses
                .learn("t", NUMBER, &Err(SendError::Misconfigured))
                .await;
            clock.advance(Duration::from_secs(seconds - 1));
            assert!(!pauses.is_open("t", NUMBER), "not yet {seconds} s");
            clock.advance(Duration::from_secs(1));
        }
        assert!(pauses.begin("t"));
        assert!(
            !pauses.begin("t") && !pauses.is_open("t", NUMBER),
            "two probes at once"
        );
        pauses.learn("t", NUMBER, &TAKEN).await;
        assert!(pauses.begin("t") && pauses.begin("t"));
    }

    #[tokio::test]
    async fn five_breaks_in_a_row_pause_and_invalid_numbers_never_do() {
        let (pauses, _) = pauses();
        for _ in 0..50 {
            pauses
                .learn("t", NUMBER, &Err(SendError::NumberInvalid))
                .await;
        }
        for _ in 0..4 {
            pauses.learn("t", NUMBER, &Err(SendError::Unknown)).await;
        }
        pauses.learn("t", NUMBER, &TAKEN).await;
        for _ in 0..4 {
            pauses.learn("t", NUMBER, &Err(SendError::Unknown)).await;
            assert!(pauses.is_open("t", NUMBER));
        }
        pauses
            .learn("t", NUMBER, &Err(SendError::Unavailable))
            .await;
        assert!(!pauses.is_open("t", NUMBER));
        assert_eq!(pauses.list().len(), 1);
    }

    #[tokio::test]
    async fn a_flood_wait_pauses_the_number_and_three_numbers_the_provider() {
        let (pauses, clock) = pauses();
        let flood = Err(SendError::Throttled(Some(Duration::from_secs(7))));
        for number in 1..=3 {
            assert!(pauses.is_open("t", [9; 16]));
            pauses.learn("t", [number; 16], &flood).await;
            pauses.learn("t", [number; 16], &flood).await;
            assert!(!pauses.is_open("t", [number; 16]));
        }
        assert!(!pauses.is_open("t", [9; 16]));
        clock.advance(Duration::from_secs(7));
        assert!(pauses.is_open("t", [1; 16]) && pauses.is_open("t", [9; 16]));
    }
}
