//! Group reads: one statement answers all waiting look-ups by id, for the same reason as in [`super::writer`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::FromRow;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Engine;
use super::rows::{Column, Rows};
use crate::storage::StorageError;
use crate::storage::verifications::Row;
use crate::verification::id::VerificationId;

const GROUP: usize = 256;
const QUEUE: usize = 4_096;
const LIMIT: Duration = Duration::from_secs(5);

type Answer = oneshot::Sender<sqlx::Result<Option<Row>>>;

/// The readers' queues. All look-ups of one verification go to the same queue.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Readers(Arc<[mpsc::Sender<(Uuid, Answer)>]>);

impl Readers {
    pub fn start(engine: &Engine) -> Self {
        let queues = (0..2).map(|_| {
            let (queue, waiting) = mpsc::channel(QUEUE);
            tokio::spawn(work(engine.clone(), waiting));
            queue
        });
        Self(queues.collect())
    }

    /// Reads the row of one verification, in one statement with other waiting look-ups.
    pub async fn look_up(&self, id: VerificationId) -> Result<Option<Row>, StorageError> {
        let queue = &self.0[usize::from(id.uuid().as_bytes()[15]) % self.0.len()];
        let (answer, answered) = oneshot::channel();
        let busy = || StorageError::Unavailable(sqlx::Error::PoolTimedOut);
        queue.try_send((id.uuid(), answer)).map_err(|_| busy())?;
        Ok(answered.await.map_err(|_| busy())??)
    }
}

async fn work(engine: Engine, mut waiting: mpsc::Receiver<(Uuid, Answer)>) {
    while let Some(first) = waiting.recv().await {
        let mut asked: HashMap<Uuid, Vec<Answer>> = HashMap::new();
        asked.entry(first.0).or_default().push(first.1);
        while asked.len() < GROUP {
            let Ok((id, answer)) = waiting.try_recv() else {
                break;
            };
            asked.entry(id).or_default().push(answer);
        }
        let mut ids: Vec<Uuid> = asked.keys().copied().collect();
        ids.sort_unstable();
        let looked = engine.clone();
        let look = tokio::spawn(async move { read(&looked, &ids).await });
        // A host that vanished without closing the connection would block the reader until the kernel gives up.
        let rows = match tokio::time::timeout(LIMIT, look).await {
            Ok(Ok(rows)) => rows,
            _ => Err(sqlx::Error::PoolTimedOut),
        };
        match rows {
            Ok(rows) => {
                for row in rows {
                    for answer in asked.remove(&row.id()).unwrap_or_default() {
                        let _ = answer.send(Ok(Some(row.clone())));
                    }
                }
                for answer in asked.into_values().flatten() {
                    let _ = answer.send(Ok(None));
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

async fn read(engine: &Engine, ids: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    const FIND: &str = "SELECT v.id, v.project_id, v.version, v.sealed, v.code_hash, v.record, v.packed \
        FROM {rows} JOIN verifications v ON v.id = r.id";
    let column = Column::Uuid(ids.iter().copied().map(Some).collect());
    let rows = Rows::new(ids.len(), vec![("id", column)]);
    match engine {
        Engine::Postgres(pool) => {
            let rows = rows.postgres(FIND).fetch_all(pool).await?;
            rows.iter().map(Row::from_row).collect()
        }
        Engine::Sqlite { read, .. } => {
            let rows = rows.sqlite(FIND).fetch_all(read).await?;
            rows.iter().map(Row::from_row).collect()
        }
    }
}
