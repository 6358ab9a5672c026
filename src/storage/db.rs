//! The handle on the store: the tables' functions through [`Store`], changes as group commits, look-ups as group reads.

use std::ops::Deref;
use std::sync::Arc;

use super::engine::Engine;
use super::engine::change::{Change, CommitError};
use super::engine::reader::Readers;
use super::engine::writer::Writer;
use super::{StorageError, Store};
use crate::verification::Verification;
use crate::verification::id::VerificationId;

/// A handle on the store; clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) store: Store,
    pub(super) writer: Writer,
    pub(super) readers: Readers,
    /// Held for as long as this process serves a SQLite file: a second replica must not.
    pub(super) lock: Option<Arc<std::fs::File>>,
}

/// A table's functions are those of [`Store`], so that a table does not depend on the writer, which depends on the tables.
impl Deref for Db {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Db {
    /// Makes a change durable, or says why it did not take effect.
    pub async fn commit(&self, change: Change) -> Result<(), CommitError> {
        self.writer.write(change).await
    }

    /// The newest state of one verification.
    pub async fn find(&self, id: VerificationId) -> Result<Option<Verification>, StorageError> {
        let row = self.readers.look_up(id).await?;
        self.read_one(row.map(|row| row.open(&self.vault)))
    }

    /// Closes all connections, and lets another process serve the SQLite file.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Postgres(pool) => pool.close().await,
            Engine::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
        if let Some(Err(error)) = self.lock.as_ref().map(|file| file.unlock()) {
            tracing::warn!(%error, "the database's lock goes with the process");
        }
    }
}
