//! Notifications between replicas: a verification has changed, or the directory (projects, keys, webhooks) has.
//!
//! They travel through Redis and may get lost: every receiver also polls the database, only later. To add a
//! notification: a variant of [`News`], and its form in `written` and `read`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{RedisError, cmd};
use futures_util::StreamExt;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::place::Place;
use super::redis::Redis;
use crate::secret::random;
use crate::verification::id::VerificationId;

/// Capacity of the queue; further news is dropped.
const QUEUE: usize = 4_096;
/// Maximum news per message.
const GROUP: usize = 256;
/// Wait before Redis is tried again.
const REST: Duration = Duration::from_secs(1);
/// How long further news gathers after a message.
const BREATH: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Verification(VerificationId),
    /// Projects, keys or webhooks.
    Directory,
}

#[derive(Clone, Debug)]
pub struct Replicas(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    redis: Arc<Redis>,
    place: Place,
    channel: String,
    /// Marks messages from this process, which it ignores.
    origin: [u8; 8],
    queue: mpsc::Sender<News>,
    waiting: Mutex<mpsc::Receiver<News>>,
    is_connected: AtomicBool,
}

impl Replicas {
    pub(super) fn new(redis: Option<(Arc<Redis>, Place)>, installation: &str) -> Self {
        Self(redis.map(|(redis, place)| {
            let (queue, waiting) = mpsc::channel(QUEUE);
            Arc::new(Inner {
                redis,
                place,
                channel: format!("pinroute:{installation}:news"),
                origin: random(),
                queue,
                waiting: Mutex::new(waiting),
                is_connected: AtomicBool::new(false),
            })
        }))
    }

    /// Queues news for the other replicas. Best effort.
    pub fn publish(&self, news: News) {
        if let Some(inner) = &self.0 {
            // Dropped if the queue is full: receivers also poll.
            let _ = inner.queue.try_send(news);
        }
    }

    /// Whether news from other replicas currently arrives.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|inner| inner.is_connected.load(Ordering::Relaxed))
    }

    /// Sends queued news and passes received news to `receive`, until `stop`. `receive(None)` means that news may have been
    /// missed before, as after every (re)connection.
    pub async fn run(&self, stop: &CancellationToken, receive: impl Fn(Option<News>)) {
        let Some(inner) = &self.0 else { return };
        tokio::select! {
            () = stop.cancelled() => {}
            () = inner.speak() => {}
            () = inner.listen(receive) => {}
        }
        inner.is_connected.store(false, Ordering::Relaxed);
    }
}

impl Inner {
    async fn speak(&self) {
        let mut waiting = self.waiting.lock().await;
        let mut group = Vec::with_capacity(GROUP);
        while waiting.recv_many(&mut group, GROUP).await > 0 {
            let mut message = self.origin.to_vec();
            for news in group.drain(..) {
                message.extend_from_slice(written(news).as_bytes());
            }
            let mut publish = cmd("PUBLISH");
            publish.arg(&self.channel).arg(message);
            self.redis.command::<i64>(&publish).await;
            // A message costs about the same with one piece of news as with many.
            tokio::time::sleep(BREATH).await;
        }
    }

    async fn listen(&self, receive: impl Fn(Option<News>)) {
        loop {
            if let Err(error) = self.listen_once(&receive).await {
                tracing::debug!(%error, "cannot receive news from other replicas");
            }
            self.is_connected.store(false, Ordering::Relaxed);
            tokio::time::sleep(REST).await;
        }
    }

    async fn listen_once(&self, receive: &impl Fn(Option<News>)) -> Result<(), RedisError> {
        let client = self.place.find().await?;
        let mut link = client.get_async_pubsub().await?;
        link.subscribe(&self.channel).await?;
        self.is_connected.store(true, Ordering::Relaxed);
        receive(None);
        let mut messages = link.into_on_message();
        while let Some(message) = messages.next().await {
            let bytes = message.get_payload_bytes();
            let Some(news) = bytes
                .split_at_checked(self.origin.len())
                .filter(|(origin, _)| *origin != self.origin)
                .map(|(_, news)| news)
            else {
                continue;
            };
            for one in news.chunks_exact(16).filter_map(read) {
                receive(Some(one));
            }
        }
        Ok(())
    }
}

/// A verification's id; the nil UUID means the directory.
fn written(news: News) -> Uuid {
    match news {
        News::Verification(id) => id.uuid(),
        News::Directory => Uuid::nil(),
    }
}

fn read(bytes: &[u8]) -> Option<News> {
    let id = Uuid::from_slice(bytes).ok()?;
    Some(if id.is_nil() {
        News::Directory
    } else {
        News::Verification(VerificationId::from_uuid(id))
    })
}
