//! Group reads: one statement answers all waiting look-ups, for the same reason as in [`super::writer`].

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Engine;
use crate::storage::StorageError;

const GROUP: usize = 256;
const QUEUE: usize = 4_096;
/// A caller gets an error within two seconds if the database does not answer.
const LIMIT: Duration = Duration::from_millis(1_800);

/// A statement that looks up several keys.
pub(in crate::storage) trait LookUp {
    type Key: Copy + Eq + Hash + Ord + Send + Sync + 'static;
    type Found: Clone + Send + 'static;

    /// What was found of each key; a key of which nothing was may be missing. `keys`: sorted, none twice.
    fn read(
        engine: &Engine,
        keys: &[Self::Key],
    ) -> impl Future<Output = sqlx::Result<HashMap<Self::Key, Self::Found>>> + Send;
}

type Answer<L> = oneshot::Sender<sqlx::Result<Option<<L as LookUp>::Found>>>;
type Asked<L> = (<L as LookUp>::Key, Answer<L>);

/// The queue of a kind of look-ups.
#[derive(Debug)]
pub(in crate::storage) struct Reader<L: LookUp>(mpsc::Sender<Asked<L>>);

impl<L: LookUp> Clone for Reader<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<L: LookUp + 'static> Reader<L> {
    pub fn start(engine: &Engine) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(work::<L>(engine.clone(), waiting));
        Self(queue)
    }

    /// Looks up one key, in one statement with others that wait.
    pub async fn look_up(&self, key: L::Key) -> Result<Option<L::Found>, StorageError> {
        let (answer, answered) = oneshot::channel();
        let busy = || StorageError::Unavailable(sqlx::Error::PoolTimedOut);
        self.0.try_send((key, answer)).map_err(|_| busy())?;
        Ok(answered.await.map_err(|_| busy())??)
    }
}

async fn work<L: LookUp + 'static>(engine: Engine, mut waiting: mpsc::Receiver<Asked<L>>) {
    while let Some((key, answer)) = waiting.recv().await {
        let mut asked: HashMap<L::Key, Vec<Answer<L>>> = HashMap::new();
        asked.entry(key).or_default().push(answer);
        while asked.len() < GROUP {
            let Ok((key, answer)) = waiting.try_recv() else {
                break;
            };
            asked.entry(key).or_default().push(answer);
        }
        let mut keys: Vec<L::Key> = asked.keys().copied().collect();
        keys.sort_unstable();
        let looked = engine.clone();
        let look = tokio::spawn(async move { L::read(&looked, &keys).await });
        // A host that vanished without closing the connection would block the reader until the kernel gives up.
        let found = match tokio::time::timeout(LIMIT, look).await {
            Ok(Ok(found)) => found,
            _ => Err(sqlx::Error::PoolTimedOut),
        };
        match found {
            Ok(mut found) => {
                for (key, mut answers) in asked {
                    let found = found.remove(&key);
                    let last = answers.pop();
                    for answer in answers {
                        let _ = answer.send(Ok(found.clone()));
                    }
                    if let Some(last) = last {
                        let _ = last.send(Ok(found));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "verifications cannot be read");
                let queued =
                    std::iter::from_fn(|| waiting.try_recv().ok().map(|(_, answer)| answer));
                for answer in asked.into_values().flatten().chain(queued) {
                    let _ = answer.send(Err(sqlx::Error::PoolTimedOut));
                }
            }
        }
    }
}
