//! Group commit: waiting changes are written together, in few set-based statements and one transaction, and each caller is
//! answered once its change is durable.
//!
//! A lone change does not wait; while one group is written, the next one gathers. A change that is stale or whose key is taken
//! fails alone, and without any of its effects. A group that the database refuses is retried one by one. The writer is a task
//! of its own, so that a dropped request leaves no transaction open.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::error::ErrorKind;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use super::change::{Change, CommitError, Lost};
use super::connection::{Connection, On};
use super::health::{Health, is_refusal};
use super::transaction::{is_one_statement, write_all, write_in_one};
use super::{Engine, write};
use crate::secret::random;
use crate::storage::verifications::last_change;

/// Changes per transaction, at most.
const GROUP: usize = 256;
/// Changes that may wait; further ones are refused.
const QUEUE: usize = 4_096;
/// Far longer than a group takes on a healthy database.
const LIMIT: Duration = Duration::from_secs(6);
/// How long a caller waits for its change on Postgres, so that it learns within two seconds that the database does not answer. SQLite
/// has no such limit: a local file can be slow, but not away.
const PATIENCE: Duration = Duration::from_millis(1_800);
/// How long the outcomes of a group without an answer are looked up, all at once: the writer does nothing else meanwhile.
const LOOK: Duration = Duration::from_millis(1_500);

type Answer = oneshot::Sender<Result<(), CommitError>>;

/// The writer's queue. One writer is cheaper than two, because its groups are twice as large.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Writer {
    queue: mpsc::Sender<(Change, Answer)>,
    health: Arc<Health>,
    patience: Option<Duration>,
}

impl Writer {
    /// Starts the writer.
    pub fn start(engine: &Engine) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let health = Arc::<Health>::default();
        tokio::spawn(work(engine.clone(), waiting, Arc::clone(&health)));
        let patience = matches!(engine, Engine::Postgres(_)).then_some(PATIENCE);
        Self {
            queue,
            health,
            patience,
        }
    }

    /// Checks that writes succeed. After one failed for lack of disk space or permission, it tries another.
    pub async fn probe(&self, engine: &Engine) -> sqlx::Result<()> {
        // A value that changes: SQLite writes nothing for one that stays the same.
        const PROBE: &str = "INSERT INTO meta (name, value) VALUES ('write_probe', $1) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        if self.health.is_good() {
            return Ok(());
        }
        let value = i64::from_be_bytes(random()).to_string();
        let tried: sqlx::Result<()> = write!(engine, |pool| sqlx::query(PROBE)
            .bind(value)
            .execute(pool)
            .await
            .map(|_| ()));
        if tried.is_ok() {
            self.health.recovered();
        }
        tried
    }

    /// Makes a change durable, or says why it did not take effect. `waits`: nobody else waits for the answer, so this is not cut
    /// short.
    pub async fn write(&self, change: Change, waits: bool) -> Result<(), CommitError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((change, answer)).map_err(|_| {
            metrics::counter!("pinroute_commit_queue_full_total").increment(1);
            CommitError::Unavailable
        })?;
        let answered = match self.patience {
            Some(patience) if !waits => timeout(patience, answered).await,
            _ => Ok(answered.await),
        };
        // Too late, it may yet take effect, unless it still waits: the writer skips it then.
        answered
            .unwrap_or(Ok(Err(CommitError::Unanswered)))
            .unwrap_or(Err(CommitError::Unanswered))
    }
}

async fn work(engine: Engine, mut waiting: mpsc::Receiver<(Change, Answer)>, health: Arc<Health>) {
    let groups = metrics::counter!("pinroute_commit_groups_total");
    let changes = metrics::counter!("pinroute_commit_changes_total");
    let sizes = metrics::histogram!("pinroute_commit_group_changes");
    let times = metrics::histogram!("pinroute_commit_seconds");
    let queued = metrics::gauge!("pinroute_commit_queue");
    let mut next = None;
    loop {
        let Some(first) = (match next.take() {
            Some(change) => Some(change),
            None => waiting.recv().await,
        }) else {
            return;
        };
        if first.1.is_closed() {
            continue;
        }
        let mut group = Group::default();
        group.push(first);
        while group.changes.len() < GROUP {
            match waiting.try_recv() {
                Ok((_, answer)) if answer.is_closed() => {}
                Ok(change) if group.has_room_for(&change.0) => group.push(change),
                Ok(change) => {
                    next = Some(change);
                    break;
                }
                Err(_) => break,
            }
        }
        groups.increment(1);
        changes.increment(group.changes.len() as u64);
        sizes.record(f64::from(
            u32::try_from(group.changes.len()).unwrap_or(u32::MAX),
        ));
        queued.set(f64::from(u32::try_from(waiting.len()).unwrap_or(u32::MAX)));
        let began = Instant::now();
        let was_reached = group.write(&engine, &health).await;
        times.record(began.elapsed());
        if !was_reached {
            // Those queued meanwhile would wait for the next failure, and might be written after their callers gave up.
            for (_, answer) in next
                .take()
                .into_iter()
                .chain(std::iter::from_fn(|| waiting.try_recv().ok()))
            {
                let _ = answer.send(Err(CommitError::Unavailable));
            }
        }
    }
}

#[derive(Default)]
struct Group {
    changes: Vec<Change>,
    answers: Vec<Answer>,
    subjects: HashSet<Uuid>,
    keys: HashSet<[u8; 32]>,
}

impl Group {
    fn has_room_for(&self, change: &Change) -> bool {
        change
            .subject()
            .is_none_or(|id| !self.subjects.contains(&id))
            && change
                .idempotency_key()
                .is_none_or(|key| !self.keys.contains(&key))
    }

    fn push(&mut self, (change, answer): (Change, Answer)) {
        self.subjects.extend(change.subject());
        self.keys.extend(change.idempotency_key());
        self.changes.push(change);
        self.answers.push(answer);
    }

    /// Returns whether the database could be reached.
    async fn write(self, engine: &Engine, health: &Health) -> bool {
        let changes = Arc::new(self.changes);
        let mut reached = true;
        let written = within_limit(engine, &changes, None).await;
        match &written {
            Ok(_) => health.recovered(),
            Err(Fault::Statement(error) | Fault::Commit(Some(error))) => health.note(error),
            Err(Fault::Commit(None)) => {}
        }
        let results = match written {
            Ok(results) => results,
            Err(Fault::Commit(_)) => resolve(engine, &changes).await,
            // No connection, too slow, or no writes at all: retrying one by one would not help, and all of them have waited long
            // enough.
            Err(Fault::Statement(error)) if is_away(&error) || is_refusal(&error) => {
                tracing::warn!(%error, changes = changes.len(), "the database is away; changes are refused");
                reached = false;
                changes
                    .iter()
                    .map(|_| Err(CommitError::Unavailable))
                    .collect()
            }
            Err(Fault::Statement(error)) => {
                if !changes.iter().any(|change| change.lacks_room(&error)) {
                    tracing::warn!(%error, changes = changes.len(), "a group of changes is retried one by one");
                }
                let mut results = Vec::with_capacity(changes.len());
                for place in 0..changes.len() {
                    results.push(write_alone(engine, &changes, place).await);
                }
                results
            }
        };
        for (answer, result) in self.answers.into_iter().zip(results) {
            // The caller may be gone.
            let _ = answer.send(result);
        }
        reached
    }
}

enum Fault {
    /// Nothing was written.
    Statement(sqlx::Error),
    /// The COMMIT was sent and did not succeed, with what was answered.
    Commit(Option<sqlx::Error>),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error)
    }
}

async fn write_alone(
    engine: &Engine,
    changes: &Arc<Vec<Change>>,
    place: usize,
) -> Result<(), CommitError> {
    for try_again in [true, true, false] {
        match within_limit(engine, changes, Some(place)).await {
            Ok(mut results) => return results.pop().unwrap_or(Err(CommitError::Unavailable)),
            Err(Fault::Commit(_)) => return resolve_one(engine, &changes[place]).await,
            Err(Fault::Statement(error)) if changes[place].lacks_room(&error) => {
                return Err(CommitError::Lost(Lost::NoRoom));
            }
            // A verification was reopened just when a newer one of its number was stored.
            Err(Fault::Statement(error)) if is_reuse(&error) => {
                return Err(CommitError::Lost(Lost::Stale));
            }
            Err(Fault::Statement(error)) if !try_again => {
                let written = changes[place].write.as_ref();
                let verification = written.map(|(_, stored)| tracing::field::display(stored.id));
                tracing::error!(verification, %error, "a change cannot be written");
                if is_constraint(&error) {
                    return Err(CommitError::Rejected);
                }
            }
            Err(Fault::Statement(_)) => {}
        }
    }
    Err(CommitError::Unavailable)
}

/// Whether the database was not reached, or ended the statement for the time that it took.
fn is_away(error: &sqlx::Error) -> bool {
    const QUERY_CANCELED: &str = "57014";
    match error {
        sqlx::Error::Database(fault) => fault.code().as_deref() == Some(QUERY_CANCELED),
        _ => true,
    }
}

fn is_reuse(error: &sqlx::Error) -> bool {
    let fault = error.as_database_error();
    fault.and_then(|fault| fault.constraint()) == Some("verifications_reuse")
}

/// The change itself is at fault, not the database.
fn is_constraint(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|fault| !matches!(fault.kind(), ErrorKind::Other))
}

/// Writes all changes, or only one. A host that vanished without closing the connection would block the writer until the
/// kernel gives up: a transaction that exceeds the limit is left to end with its connection, and its outcome is looked up.
async fn within_limit(
    engine: &Engine,
    changes: &Arc<Vec<Change>>,
    only: Option<usize>,
) -> Result<Vec<Result<(), CommitError>>, Fault> {
    let (engine, changes) = (engine.clone(), Arc::clone(changes));
    let work = tokio::spawn(async move {
        let chosen: Vec<&Change> = match only {
            Some(place) => vec![&changes[place]],
            None => changes.iter().collect(),
        };
        write_once(&engine, &chosen).await
    });
    match timeout(LIMIT, work).await {
        Ok(Ok(done)) => done,
        late_or_panicked => {
            tracing::error!(
                late = late_or_panicked.is_err(),
                "a group of changes did not end"
            );
            Err(Fault::Commit(None))
        }
    }
}

async fn resolve(engine: &Engine, changes: &[Change]) -> Vec<Result<(), CommitError>> {
    join_all(changes.iter().map(|change| resolve_one(engine, change))).await
}

/// After a COMMIT without an answer: the change id in the row shows whether it took effect.
async fn resolve_one(engine: &Engine, change: &Change) -> Result<(), CommitError> {
    let Some((_, stored)) = &change.write else {
        return Err(CommitError::Unanswered);
    };
    match timeout(LOOK, last_change(engine, stored.id)).await {
        Ok(Ok(Some(id))) if id == stored.change_id => Ok(()),
        _ => Err(CommitError::Unanswered),
    }
}

async fn write_once(
    engine: &Engine,
    changes: &[&Change],
) -> Result<Vec<Result<(), CommitError>>, Fault> {
    let began = Instant::now();
    let mut connection = Connection::take(engine).await?;
    metrics::histogram!("pinroute_database_wait_seconds").record(began.elapsed());
    let alone = is_one_statement(&connection, changes);
    if !alone && let Err(error) = connection.begin().await {
        connection.throw_away();
        return Err(error.into());
    }
    let written = match &mut connection.on {
        On::Postgres(connection) if alone => write_in_one(connection, changes).await,
        _ => write_all(&mut connection, changes).await,
    };
    match written {
        Ok(results) if alone => Ok(results),
        Ok(results) => match connection.commit().await {
            Ok(()) => Ok(results),
            Err(error) => {
                tracing::warn!(%error, "COMMIT was not answered");
                connection.throw_away();
                Err(Fault::Commit(Some(error)))
            }
        },
        // Refused by the database: nothing was written.
        Err(error @ sqlx::Error::Database(_)) if alone => Err(error.into()),
        Err(error) if alone => {
            tracing::warn!(%error, "a statement was not answered");
            connection.throw_away();
            Err(Fault::Commit(None))
        }
        Err(error) => {
            connection.roll_back().await;
            Err(error.into())
        }
    }
}
