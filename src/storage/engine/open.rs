//! Opens the store: connections, migrations, the default project, the key's canary, and the lock that limits SQLite to one
//! replica.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::postgres::{PATIENCE, Purpose};
use super::reader::Reader;
use super::writer::Writer;
use super::{Engine, Location, migrations, read, write};
use crate::clock::Clock;
use crate::secret::Vault;
use crate::storage::{Act, Db, StorageError, Store};

/// The table that says that a restore into this Postgres database has begun and not ended.
pub(in crate::storage) const RESTORING: &str = "pinroute_restore";

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Apply pending migrations; otherwise they must have been applied.
    pub migrate: bool,
    /// This process serves: on SQLite, take the lock that keeps a second one out.
    pub serve: bool,
    /// It is being restored, and may be opened nevertheless.
    pub restoring: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Unreachable(String),
    #[error(
        "another pinroute serves {0} already; SQLite is for one replica, use Postgres for several"
    )]
    Locked(PathBuf),
    #[error(
        "migrations are pending ({0}); run `pinroute migrate`, or start the server with migrate_on_start = true"
    )]
    MigrationsPending(usize),
    #[error(
        "the database was made with another secret_key; configure that one, or list it in previous_secret_keys"
    )]
    WrongKey,
    #[error(
        "a restore into this database did not end; drop it, create it again, and repeat `pinroute restore`"
    )]
    HalfRestored,
    #[error(transparent)]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// How often to check whether another replica has finished the first rebuild.
const AGAIN: Duration = Duration::from_secs(1);

impl Db {
    pub async fn open(
        location: &Location,
        vault: Arc<Vault>,
        options: Options,
        now: DateTime<Utc>,
    ) -> Result<Self, OpenError> {
        let lock = match location {
            Location::Sqlite(path) if options.serve => Some(Arc::new(lock(path)?)),
            _ => None,
        };
        let purpose = match options.serve {
            true => Purpose::Serve,
            false => Purpose::Administer,
        };
        let engine = connect(location, purpose).await?;
        if !options.restoring && is_half_restored(&engine).await? {
            return Err(OpenError::HalfRestored);
        }
        let pending = pending(&engine).await?.len();
        let all = migrations::of(&engine).iter().count();
        // Administration commands may also migrate an empty database: there is nothing to lose.
        let fresh = pending == all && !options.serve;
        if options.migrate || fresh {
            migrate(location, &engine).await?;
        } else if pending > 0 {
            return Err(OpenError::MigrationsPending(pending));
        }
        let db = Self {
            writer: Writer::start(&engine),
            by_id: Reader::start(&engine),
            by_id_anywhere: Reader::start(&engine),
            of_number: Reader::start(&engine),
            of_number_anywhere: Reader::start(&engine),
            by_reuse: Reader::start(&engine),
            store: Store::new(engine, vault),
            lock,
        };
        db.check_canary().await?;
        db.have_default_project(now).await?;
        if db.lock.is_some() {
            db.void_leases(now).await?;
        }
        // Also if another replica has begun it, since that one may die.
        while options.serve && db.is_unsummed().await? {
            tracing::info!("the history is summed for the reports, once");
            match db
                .rebuild(&Clock::system(), |progress| {
                    tracing::info!(
                        done = progress.done,
                        of = progress.of,
                        "summing the history"
                    );
                })
                .await
            {
                Ok(()) => {}
                Err(crate::storage::RebuildError::Busy) => tokio::time::sleep(AGAIN).await,
                Err(crate::storage::RebuildError::Storage(error)) => return Err(error.into()),
            }
        }
        Ok(db)
    }

    /// Applies the pending migrations and returns their names.
    pub async fn migrate_only(location: &Location) -> Result<Vec<String>, OpenError> {
        let engine = connect(location, Purpose::Migrate).await?;
        if is_half_restored(&engine).await? {
            return Err(OpenError::HalfRestored);
        }
        let pending = pending(&engine).await?;
        migrations::run(&engine).await?;
        engine.close().await;
        Ok(pending)
    }

    async fn check_canary(&self) -> Result<(), OpenError> {
        const FIND: &str = "SELECT value FROM meta WHERE name = 'canary'";
        const KEEP: &str = "INSERT INTO meta (name, value) VALUES ('canary', $1) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let stored: Option<(String,)> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .fetch_optional(pool)
            .await)
        .map_err(StorageError::from)?;
        let current = self.vault.canary();
        match stored {
            Some((canary,)) if canary == current => return Ok(()),
            Some((canary,)) if !self.vault.knows_canary(&canary) => {
                return Err(OpenError::WrongKey);
            }
            _ => {}
        }
        write!(&self.engine, |pool| sqlx::query(KEEP)
            .bind(current)
            .execute(pool)
            .await
            .map(|_| ()))
        .map_err(StorageError::from)?;
        Ok(())
    }

    async fn have_default_project(&self, now: DateTime<Utc>) -> Result<(), OpenError> {
        const ANY: &str = "SELECT 1 FROM projects WHERE name = 'default'";
        let found = read!(&self.engine, |pool| sqlx::query(ANY)
            .fetch_optional(pool)
            .await
            .map(|row| row.is_some()))
        .map_err(StorageError::from)?;
        if !found {
            let act = Act::of_program(now);
            match self.create_project("default", "{}", &act).await {
                // Another replica was faster.
                Ok(_) | Err(StorageError::Exists) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// On SQLite every lease is stale at start, since we hold the file's lock.
    async fn void_leases(&self, now: DateTime<Utc>) -> Result<(), StorageError> {
        // Wakes them all: that of some lies after their lease.
        const VOID: &str = "UPDATE verifications SET lease_owner = NULL, lease_until = NULL, wake_at = $1 \
            WHERE wake_at IS NOT NULL AND lease_until IS NOT NULL";
        write!(&self.engine, |pool| sqlx::query(VOID)
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }
}

/// Runs the pending migrations; on Postgres over connections of their own, without a limit on statements.
async fn migrate(location: &Location, engine: &Engine) -> Result<(), OpenError> {
    if let Location::Sqlite(_) = location {
        return Ok(migrations::run(engine).await?);
    }
    let engine = connect(location, Purpose::Migrate).await?;
    let done = migrations::run(&engine).await;
    engine.close().await;
    Ok(done?)
}

pub(in crate::storage) async fn connect(
    location: &Location,
    purpose: Purpose,
) -> Result<Engine, OpenError> {
    match location {
        Location::Sqlite(path) => {
            let unreachable =
                |error| OpenError::Unreachable(format!("{}: {error}", path.display()));
            keep_private(path);
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                // What is erased leaves nothing behind in the file.
                .pragma("secure_delete", "ON")
                .busy_timeout(PATIENCE);
            let pool = |size| {
                SqlitePoolOptions::new()
                    .max_connections(size)
                    .acquire_timeout(PATIENCE)
            };
            let write = pool(1)
                .connect_with(options.clone())
                .await
                .map_err(unreachable)?;
            let read = pool(4)
                .connect_with(options.read_only(true))
                .await
                .map_err(unreachable)?;
            Ok(Engine::Sqlite { write, read })
        }
        Location::Postgres(postgres) => {
            // The URL may hold a password: it is never part of a message.
            let unreachable = |error| OpenError::Unreachable(format!("Postgres: {error}"));
            let pool = postgres.pool(purpose).await.map_err(unreachable)?;
            Ok(Engine::Postgres(pool))
        }
    }
}

async fn pending(engine: &Engine) -> Result<Vec<String>, OpenError> {
    // The table does not exist yet: nothing is applied.
    let applied: Vec<(i64,)> = write!(engine, |pool| sqlx::query_as(migrations::APPLIED)
        .fetch_all(pool)
        .await)
    .unwrap_or_default();
    Ok(migrations::lacking(engine, &applied))
}

/// Whether a restore began and did not end.
async fn is_half_restored(engine: &Engine) -> Result<bool, StorageError> {
    let Engine::Postgres(pool) = engine else {
        return Ok(false);
    };
    let sql = format!("SELECT to_regclass('{RESTORING}') IS NOT NULL");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(pool)
        .await?)
}

/// Creates a new database file readable by its owner alone; SQLite gives its side files the same mode. An existing file keeps
/// its mode.
fn keep_private(database: &Path) {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // If it cannot be created, the connection will say why.
    let _ = options.open(database);
}

/// An operating-system lock: it is released when the process ends, however it ends.
pub(in crate::storage) fn lock(database: &Path) -> Result<std::fs::File, OpenError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let fault =
        |error: std::io::Error| OpenError::Unreachable(format!("{}: {error}", path.display()));
    let file = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Locked(database.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(fault(error)),
    }
}
