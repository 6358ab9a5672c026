//! What all tables share: the two engines and the macros that run one statement on either; in the files of this folder,
//! connections, opening, group commit and group reads.

pub(super) mod change;
pub(super) mod connection;
mod health;
pub(super) mod migrations;
pub(super) mod open;
pub(super) mod postgres;
pub(super) mod reader;
mod row;
pub(super) mod rows;
mod transaction;
pub(super) mod writer;

use std::path::PathBuf;

use sqlx::{PgPool, SqlitePool};

/// Where the data is stored.
#[derive(Clone, Debug)]
pub enum Location {
    Sqlite(PathBuf),
    Postgres(postgres::Postgres),
}

#[derive(Clone, Debug)]
pub enum Engine {
    Postgres(PgPool),
    /// One connection to write, several to read.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
}

impl Engine {
    /// Closes all connections.
    pub(in crate::storage) async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// Runs a statement that only reads.
macro_rules! read {
    ($engine:expr, |$pool:ident| $body:expr) => {
        match $engine {
            $crate::storage::engine::Engine::Postgres($pool) => $body,
            $crate::storage::engine::Engine::Sqlite { read: $pool, .. } => $body,
        }
    };
}

/// Runs a single statement that writes, outside of the group commit.
macro_rules! write {
    ($engine:expr, |$pool:ident| $body:expr) => {
        match $engine {
            $crate::storage::engine::Engine::Postgres($pool) => $body,
            $crate::storage::engine::Engine::Sqlite { write: $pool, .. } => $body,
        }
    };
}

/// Runs one statement that writes, and returns how many rows it changed.
macro_rules! touch {
    ($db:expr, $sql:expr, $($value:expr),+) => {
        $crate::storage::engine::write!(&$db.engine, |pool| sqlx::query($sql)
            $(.bind($value))+
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))
    };
}

pub(in crate::storage) use row::row;
pub(in crate::storage) use {read, touch, write};
