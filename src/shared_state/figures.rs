//! What the guard's replicas counted, told to one another: each adds its batches to one stream in Redis, and reads those of the others,
//! in one call.

use std::sync::{Arc, Mutex, PoisonError};

use deadpool_redis::redis::Script;

use super::redis::Redis;

/// Entries that are kept, for a replica that was away for a moment.
const KEPT: usize = 2_000;
/// Batches that wait while Redis is away; older ones are dropped.
const WAITING: usize = 500;
/// Bytes of batches that one call adds: an answer must come in a quarter of a second.
const CALL: usize = 256 << 10;

/// `KEYS[1]`: the stream. `ARGV`: the last entry that was read, or nothing; then the texts to add. Returns the last entry, and the texts
/// after the first one given.
const SWAP: &str = r"
local last = ARGV[1]
if last == '' then
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  last = newest[1] and newest[1][1] or '0-0'
end
for place = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', %KEPT%, '*', 'd', ARGV[place])
end
redis.call('EXPIRE', KEYS[1], 86400)
local answer = {last}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1000)) do
  answer[1] = entry[1]
  answer[#answer + 1] = entry[2][2]
end
return answer";

/// The stream; without Redis there is no other replica.
#[derive(Clone, Debug)]
pub struct SharedFigures(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    redis: Arc<Redis>,
    key: String,
    swap: Script,
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// The last entry that was read; empty: none yet.
    last: String,
    waiting: Vec<String>,
}

impl SharedFigures {
    pub(super) fn new(redis: Option<Arc<Redis>>, installation: &str) -> Self {
        Self(redis.map(|redis| {
            Arc::new(Inner {
                redis,
                key: format!("pinroute:{installation}:guard"),
                swap: Script::new(&SWAP.replace("%KEPT%", &KEPT.to_string())),
                place: Mutex::default(),
            })
        }))
    }

    /// Adds a batch, and returns what was added since the last time, also by this replica. While Redis is away it returns nothing, and
    /// keeps the batch for later.
    pub async fn swap(&self, own: Option<String>) -> Vec<String> {
        let Some(inner) = &self.0 else {
            return Vec::new();
        };
        let lock = || inner.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, texts) = {
            let mut place = lock();
            place.waiting.extend(own);
            let surplus = place.waiting.len().saturating_sub(WAITING);
            place.waiting.drain(..surplus);
            let mut bytes = 0;
            let told = place.waiting.iter().take_while(|text| {
                bytes += text.len();
                bytes <= CALL || bytes == text.len()
            });
            (place.last.clone(), told.cloned().collect::<Vec<_>>())
        };
        let answer: Option<Vec<String>> = inner
            .redis
            .run(&inner.swap, |call| {
                call.key(&inner.key).arg(&last).arg(&texts);
            })
            .await;
        let Some(mut answer) = answer.filter(|answer| !answer.is_empty()) else {
            return Vec::new();
        };
        let mut place = lock();
        place.last = answer.remove(0);
        let told = texts.len().min(place.waiting.len());
        place.waiting.drain(..told);
        answer
    }
}
