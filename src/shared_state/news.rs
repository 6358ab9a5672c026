//! What replicas tell each other at once: that a verification has changed, or who may do what.
//!
//! Told through Redis and lost without harm: whoever needs to know looks for himself too, only later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{Client, RedisError, cmd};
use futures_util::StreamExt;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::redis::Redis;
use crate::secret::random;
use crate::verification::id::VerificationId;

/// What waits to be told; more is left untold.
const QUEUE: usize = 4_096;
/// Told together in one message.
const GROUP: usize = 256;
/// Before Redis is tried again.
const REST: Duration = Duration::from_secs(1);

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
    url: String,
    channel: String,
    /// Marks what this process has told.
    origin: [u8; 8],
    queue: mpsc::Sender<News>,
    waiting: Mutex<mpsc::Receiver<News>>,
    hears: AtomicBool,
}

impl Replicas {
    pub(super) fn new(redis: Option<(Arc<Redis>, &str)>, installation: &str) -> Self {
        Self(redis.map(|(redis, url)| {
            let (queue, waiting) = mpsc::channel(QUEUE);
            Arc::new(Inner {
                redis,
                url: url.to_owned(),
                channel: format!("pinroute:{installation}:news"),
                origin: random(),
                queue,
                waiting: Mutex::new(waiting),
                hears: AtomicBool::new(false),
            })
        }))
    }

    /// Tells the other replicas, soon and perhaps.
    pub fn tell(&self, news: News) {
        if let Some(inner) = &self.0 {
            // A full queue tells nothing: those who need it look for themselves.
            let _ = inner.queue.try_send(news);
        }
    }

    /// Whether what others tell arrives here at the moment.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|inner| inner.hears.load(Ordering::Relaxed))
    }

    /// Tells what is queued and passes on what others tell, until `stop`. After a gap, in which anything may have been missed,
    /// `heard` is called with `None`.
    pub async fn run(&self, stop: &CancellationToken, heard: impl Fn(Option<News>)) {
        let Some(inner) = &self.0 else { return };
        tokio::select! {
            () = stop.cancelled() => {}
            () = inner.speak() => {}
            () = inner.listen(heard) => {}
        }
        inner.hears.store(false, Ordering::Relaxed);
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
        }
    }

    async fn listen(&self, heard: impl Fn(Option<News>)) {
        loop {
            if let Err(error) = self.listen_once(&heard).await {
                tracing::debug!(%error, "what other replicas tell does not arrive");
            }
            self.hears.store(false, Ordering::Relaxed);
            tokio::time::sleep(REST).await;
        }
    }

    async fn listen_once(&self, heard: &impl Fn(Option<News>)) -> Result<(), RedisError> {
        let client = Client::open(self.url.as_str())?;
        let mut link = client.get_async_pubsub().await?;
        link.subscribe(&self.channel).await?;
        self.hears.store(true, Ordering::Relaxed);
        heard(None);
        let mut messages = link.into_on_message();
        while let Some(message) = messages.next().await {
            let bytes = message.get_payload_bytes();
            let Some(told) = bytes
                .split_at_checked(self.origin.len())
                .filter(|(origin, _)| *origin != self.origin)
                .map(|(_, told)| told)
            else {
                continue;
            };
            for one in told.chunks_exact(16).filter_map(read) {
                heard(Some(one));
            }
        }
        Ok(())
    }
}

/// A verification's id; that of none is the directory.
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
