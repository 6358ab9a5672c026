//! Group draws: one script takes the draws of all waiting requests, for the same reason as the group commit of the storage.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::ScriptInvocation;
use tokio::sync::{mpsc, oneshot};

use super::scripts;
use super::state::State;
use super::taken::Taken;
use crate::abuse::limits::{Draw, Exhausted, micros};
use crate::clock::Clock;
use crate::secret::random;
use crate::shared_state::redis::Redis;
use crate::verification::policy::Quota;

/// Requests per script, at most.
const GROUP: usize = 128;
/// After so many in one script, the next one waits a little for more to gather: each script costs as much as several
/// requests in it.
const BUSY: usize = 6;
const BREATH: Duration = Duration::from_millis(1);
/// Requests that may wait in the queue; further ones wait for a place.
const QUEUE: usize = 4_096;

/// The draws of one request.
#[derive(Debug)]
pub(super) struct Request {
    pub draws: Vec<Draw>,
    /// Whether there is room; nothing is taken.
    pub only_look: bool,
}

pub(super) enum Answer {
    Decided(Result<Taken, Exhausted>),
    /// The past is to be recalled first.
    Forgotten(Request),
    Away(Request),
}

type Waiting = (Request, oneshot::Sender<Answer>);

#[derive(Clone, Debug)]
pub(super) struct Group {
    queue: mpsc::Sender<Waiting>,
    redis: Arc<Redis>,
    /// Where Redis keeps since when it counts.
    since_key: Arc<str>,
    clock: Clock,
}

impl Group {
    /// Starts the task that takes the draws.
    pub fn start(redis: Arc<Redis>, installation: &str, state: Arc<State>, clock: Clock) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let since_key: Arc<str> = format!("{PREFIX}since:{installation}").into();
        let drawer = Drawer {
            redis: Arc::clone(&redis),
            since_key: Arc::clone(&since_key),
            state,
            clock: clock.clone(),
        };
        tokio::spawn(drawer.work(waiting));
        Self {
            queue,
            redis,
            since_key,
            clock,
        }
    }

    pub async fn take(&self, request: Request) -> Answer {
        let (answer, answered) = oneshot::channel();
        // The task ends only with the process: then nothing is taken any more.
        let ended = Exhausted {
            what: request.draws.first().map_or("", |draw| draw.what),
            is_of_number: request.draws.first().is_some_and(|draw| draw.is_recorded),
            limit: None,
            retry_after: Duration::from_secs(1),
        };
        if self.queue.send((request, answer)).await.is_err() {
            return Answer::Decided(Err(ended));
        }
        answered.await.unwrap_or(Answer::Decided(Err(ended)))
    }

    pub async fn recall(&self, draws: &[Draw], past: &[i64]) {
        let now = self.clock.now().timestamp_micros();
        for draw in draws.iter().filter(|draw| draw.is_recorded) {
            let _: Option<i64> = self
                .redis
                .run(&scripts::RECALL, |script| {
                    script.key(&*self.since_key).key(key(draw));
                    script.arg(now).arg(micros(draw.longest())).arg(past);
                })
                .await;
        }
    }

    pub async fn give_back(&self, taken: &Taken) {
        let _: Option<i64> = self
            .redis
            .run(&scripts::GIVE_BACK, |script| {
                script.arg(taken.at);
                for draw in &taken.draws {
                    script.key(key(draw)).arg(u8::from(is_many(draw)));
                }
            })
            .await;
    }
}

struct Drawer {
    redis: Arc<Redis>,
    since_key: Arc<str>,
    state: Arc<State>,
    clock: Clock,
}

impl Drawer {
    async fn work(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP);
        while waiting.recv_many(&mut group, GROUP).await > 0 {
            let now = self.clock.now().timestamp_micros();
            let answers = self.take(&group, now).await;
            let mut answers = answers.as_deref().unwrap_or_default().chunks_exact(2);
            let is_busy = group.len() >= BUSY;
            for (request, answer) in group.drain(..) {
                let answered = answers
                    .next()
                    .and_then(|pair| Some((*pair.first()?, *pair.last()?)));
                // The caller may be gone.
                let _ = answer.send(read(request, answered, now));
            }
            if is_busy {
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    /// Two numbers for each request.
    async fn take(&self, group: &[Waiting], now: i64) -> Option<Vec<i64>> {
        let (since, anew) = self.state.of_redis(now);
        let answers = self
            .redis
            .run(&scripts::TAKE, |script| {
                script.key(&*self.since_key);
                script.arg(now).arg(since).arg(u8::from(anew));
                script.arg(&random::<12>());
                write(script, group);
            })
            .await?;
        self.state.redis_counts(anew);
        Some(answers)
    }
}

/// The counters, shapes and requests, as the script reads them.
fn write(script: &mut ScriptInvocation<'_>, group: &[Waiting]) {
    let mut counters: HashMap<(&[u8], bool), usize> = HashMap::with_capacity(2 * group.len());
    let mut shapes: Vec<&Draw> = Vec::new();
    let mut requests = Vec::with_capacity(8 * group.len());
    for (request, _) in group {
        requests.extend([usize::from(request.only_look), request.draws.len()]);
        for draw in &request.draws {
            let next = counters.len() + 1;
            let counter = counters.entry((&draw.key, is_many(draw)));
            let counter = *counter.or_insert_with(|| {
                script.key(key(draw));
                next
            });
            let alike =
                |shape: &&Draw| shape.rates == draw.rates && shape.is_recorded == draw.is_recorded;
            let shape = shapes.iter().position(alike).unwrap_or_else(|| {
                shapes.push(draw);
                shapes.len() - 1
            });
            requests.extend([counter, shape + 1]);
        }
    }
    script.arg(shapes.len());
    for shape in shapes {
        script.arg(u8::from(is_many(shape)));
        script.arg(u8::from(shape.is_recorded));
        script.arg(shape.rates.len());
        for rate in &shape.rates {
            script.arg(rate.count).arg(micros(rate.window));
        }
    }
    script.arg(requests);
}

fn read(request: Request, answered: Option<(i64, i64)>, now: i64) -> Answer {
    let Some((code, wait)) = answered else {
        return Answer::Away(request);
    };
    let Ok(code) = usize::try_from(code) else {
        return Answer::Forgotten(request);
    };
    match code
        .checked_sub(1)
        .and_then(|place| request.draws.get(place))
    {
        Some(draw) => Answer::Decided(Err(Exhausted {
            what: draw.what,
            is_of_number: draw.is_recorded,
            limit: draw.limit.clone(),
            retry_after: Duration::from_micros(u64::try_from(wait).unwrap_or(0)),
        })),
        None if request.only_look => Answer::Decided(Ok(Taken::nothing())),
        None => Answer::Decided(Ok(Taken::in_redis(request.draws, now))),
    }
}

/// Whether its counter is a sorted set.
fn is_many(draw: &Draw) -> bool {
    let is_large = |rate: &Quota| rate.count > scripts::FEW;
    !draw.is_recorded && draw.rates.iter().any(is_large)
}

/// All keys have one hash tag, because a Redis cluster requires a script's keys to be in one slot. The digit is the form of
/// what is stored: earlier versions used another one.
const PREFIX: &str = "{pinroute}:2:";

fn key(draw: &Draw) -> Vec<u8> {
    let form: &[u8] = if is_many(draw) { b"many:" } else { b"few:" };
    [PREFIX.as_bytes(), form, &draw.key].concat()
}
