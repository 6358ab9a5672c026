//! A connection taken out of the pool, for transactions of several statements.

use sqlx::pool::PoolConnection;
use sqlx::{Executor, Postgres, Sqlite};

use super::Engine;
use super::rows::Rows;
use crate::storage::StorageError;

/// A pooled connection for exclusive use. If a transaction is neither committed nor rolled back, for example because the future
/// that held it was dropped, the connection is closed instead of returned, which ends the transaction.
pub(in crate::storage) struct Connection {
    pub on: On,
    /// A transaction may be open.
    open: bool,
}

pub(in crate::storage) enum On {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

impl From<On> for Connection {
    fn from(on: On) -> Self {
        Self { on, open: false }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.open {
            match &mut self.on {
                On::Postgres(connection) => connection.close_on_drop(),
                On::Sqlite(connection) => connection.close_on_drop(),
            }
        }
    }
}

/// Runs a statement on a connection, whichever engine it belongs to.
macro_rules! on {
    ($connection:expr, |$to:ident| $body:expr) => {
        match &mut $connection.on {
            $crate::storage::engine::connection::On::Postgres(connection) => {
                let $to = &mut **connection;
                $body
            }
            $crate::storage::engine::connection::On::Sqlite(connection) => {
                let $to = &mut **connection;
                $body
            }
        }
    };
}

pub(in crate::storage) use on;

/// Runs `what` in one transaction, and rolls it back on error.
pub(in crate::storage) async fn in_transaction<T>(
    engine: &Engine,
    what: impl AsyncFnOnce(&mut Connection) -> sqlx::Result<T>,
) -> Result<T, StorageError> {
    let mut connection = Connection::take(engine).await?;
    connection.begin().await?;
    match what(&mut connection).await {
        Ok(done) => {
            connection.commit().await?;
            Ok(done)
        }
        Err(error) => {
            connection.roll_back().await;
            Err(error.into())
        }
    }
}

impl Connection {
    /// Takes a connection that can write.
    pub async fn take(engine: &Engine) -> sqlx::Result<Self> {
        let on = match engine {
            Engine::Postgres(pool) => On::Postgres(pool.acquire().await?),
            Engine::Sqlite { write, .. } => On::Sqlite(write.acquire().await?),
        };
        Ok(on.into())
    }

    pub async fn begin(&mut self) -> sqlx::Result<()> {
        let sql = match self.on {
            On::Postgres(_) => "BEGIN",
            // A plain BEGIN would take the write lock only at the first write.
            On::Sqlite(_) => "BEGIN IMMEDIATE",
        };
        self.begin_by(sql).await
    }

    /// Begins a transaction in which every statement sees the same rows.
    pub async fn begin_snapshot(&mut self) -> sqlx::Result<()> {
        let sql = match self.on {
            On::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            On::Sqlite(_) => "BEGIN IMMEDIATE",
        };
        self.begin_by(sql).await
    }

    /// Like `begin_snapshot`, on a connection that only reads.
    pub async fn begin_reading(&mut self) -> sqlx::Result<()> {
        self.begin_by("BEGIN").await
    }

    async fn begin_by(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.open = true;
        self.plain(sql).await
    }

    /// Lets the statements of this transaction take the time that they take.
    pub async fn take_time(&mut self) -> sqlx::Result<()> {
        match self.on {
            On::Postgres(_) => self.plain("SET LOCAL statement_timeout = 0").await,
            On::Sqlite(_) => Ok(()),
        }
    }

    /// Runs one statement and returns how many rows it changed.
    pub async fn run(&mut self, sql: impl sqlx::SqlSafeStr) -> sqlx::Result<u64> {
        let sql = sql.into_sql_str();
        on!(self, |to| sqlx::query(sql)
            .execute(to)
            .await
            .map(|done| done.rows_affected()))
    }

    /// Runs a statement that returns one text.
    pub async fn text(&mut self, sql: &'static str) -> sqlx::Result<String> {
        let (text,): (String,) = on!(self, |to| sqlx::query_as(sql).fetch_one(to).await?);
        Ok(text)
    }

    pub async fn commit(&mut self) -> sqlx::Result<()> {
        self.plain("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    /// Rolls back; if that fails, the connection is closed.
    pub async fn roll_back(mut self) {
        if self.plain("ROLLBACK").await.is_ok() {
            self.open = false;
        }
    }

    /// Closes the connection, since its state is unknown.
    pub fn throw_away(mut self) {
        self.open = true;
    }

    async fn plain(&mut self, sql: &'static str) -> sqlx::Result<()> {
        on!(self, |to| to.execute(sql).await.map(|_| ()))
    }

    /// Runs a statement and returns how many rows it changed.
    pub async fn write(&mut self, sql: &'static str, rows: Rows<'_>) -> sqlx::Result<u64> {
        match &mut self.on {
            On::Postgres(connection) => rows
                .postgres(sql)
                .execute(&mut **connection)
                .await
                .map(|done| done.rows_affected()),
            On::Sqlite(connection) => rows
                .sqlite(sql)
                .execute(&mut **connection)
                .await
                .map(|done| done.rows_affected()),
        }
    }

    /// Runs a statement that ends in `RETURNING` one column.
    pub async fn returning<T>(&mut self, sql: &'static str, rows: Rows<'_>) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres> + Send + Unpin,
        T: for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    {
        use sqlx::Row;
        match &mut self.on {
            On::Postgres(connection) => rows
                .postgres(sql)
                .fetch_all(&mut **connection)
                .await?
                .iter()
                .map(|row| row.try_get(0))
                .collect(),
            On::Sqlite(connection) => rows
                .sqlite(sql)
                .fetch_all(&mut **connection)
                .await?
                .iter()
                .map(|row| row.try_get(0))
                .collect(),
        }
    }
}
