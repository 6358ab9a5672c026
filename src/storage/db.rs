//! The handle to the database: table functions through [`Store`], changes as group commits, look-ups as group reads.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::engine::change::{Change, CommitError, Lost};
use super::engine::reader::Reader;
use super::engine::writer::Writer;
use super::of_number::OfNumber;
use super::past::HOT;
use super::reuse::ByReuse;
use super::verifications::{ById, ByIdAnywhere};
use super::{StorageError, Store};
use crate::verification::Verification;
use crate::verification::event::Event;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::phone::PhoneNumber;

/// A handle to the database; clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) store: Store,
    pub(super) writer: Writer,
    pub(super) by_id: Reader<ById>,
    pub(super) by_id_anywhere: Reader<ByIdAnywhere>,
    pub(super) of_number: Reader<OfNumber<false>>,
    pub(super) of_number_anywhere: Reader<OfNumber<true>>,
    pub(super) by_reuse: Reader<ByReuse>,
    /// Locked while this process serves a SQLite file, to keep a second server out.
    pub(super) lock: Option<Arc<std::fs::File>>,
}

/// Table functions belong to [`Store`], so that tables do not depend on the writer, which depends on them.
impl Deref for Db {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Db {
    /// Makes a change durable; an error says why it had no effect. A caller gets an answer within two seconds.
    pub async fn commit(&self, change: Change) -> Result<(), CommitError> {
        self.commit_or_wait(change, false).await
    }

    /// Like [`Db::commit`]; with `waits`, of work that no caller waits for: one that is written late is then known to be.
    pub async fn commit_or_wait(&self, change: Change, waits: bool) -> Result<(), CommitError> {
        let subject = change.subject();
        let written = self.writer.write(change, waits).await;
        if let (Err(CommitError::Lost(Lost::Stale)), Some(id)) = (&written, subject) {
            // It may be in the past. Made again from a fresh read, the change then finds it.
            let recalled = Box::pin(self.recall(id)).await;
            recalled.map_err(|_| CommitError::Unavailable)?;
        }
        written
    }

    /// Whether the database answers, and takes writes as far as is known.
    pub async fn probe(&self) -> Result<(), StorageError> {
        self.ping().await?;
        Ok(self.writer.probe(&self.engine).await?)
    }

    /// The current state of a verification.
    pub async fn find(&self, id: VerificationId) -> Result<Option<Verification>, StorageError> {
        let row = match self.by_id.look_up(id.uuid()).await? {
            None => Box::pin(self.by_id_anywhere.look_up(id.uuid())).await?,
            found => found,
        };
        self.read_one(row.map(|row| row.open(&self.vault)))
    }

    /// The newest verification with this reuse key that is pending, has failed or is locked.
    pub async fn find_newest(
        &self,
        reuse_key: [u8; 16],
    ) -> Result<Option<Verification>, StorageError> {
        match self.by_reuse.look_up(reuse_key).await? {
            Some(id) => self.find(VerificationId::from_uuid(id)).await,
            None => Ok(None),
        }
    }

    /// The events of a number's verifications in a project that began at or after `from`, in no order: at least those of the
    /// time `within` before now.
    pub async fn events_of(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        from: DateTime<Utc>,
        within: Duration,
    ) -> Result<Vec<Event>, StorageError> {
        let whose = (project, phone);
        let records = if within <= HOT {
            self.records_by(&self.of_number, whose, from).await
        } else {
            Box::pin(self.records_by(&self.of_number_anywhere, whose, from)).await
        };
        let events = records?.into_iter().flat_map(|record| record.events);
        Ok(events.collect())
    }

    /// How many asked for verifications of a number since `from`, of those that are in the hot table: by address, and by /64 of IPv6, of
    /// which one visitor has every address.
    pub async fn askers_of(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        from: DateTime<Utc>,
    ) -> Result<usize, StorageError> {
        let records = self.records_by(&self.of_number, (project, phone), from);
        let origins = records
            .await?
            .into_iter()
            .filter_map(|record| record.origin);
        let visitors = origins.filter_map(|origin| match origin.requester.networks[..] {
            [subscriber, _] => Some(subscriber),
            _ => origin.requester.ip,
        });
        Ok(visitors.collect::<HashSet<_>>().len())
    }

    /// Closes all connections and unlocks the SQLite file.
    pub async fn close(&self) {
        self.engine.close().await;
        if let Some(Err(error)) = self.lock.as_ref().map(|file| file.unlock()) {
            tracing::warn!(%error, "cannot unlock the database file; the lock ends with the process");
        }
    }
}
