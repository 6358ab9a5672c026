//! A look at a database that changes nothing: for `doctor`, and before a backup or a restore.

use std::path::Path;

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::engine::migrations;
use super::engine::open::{RESTORING, connect};
use super::engine::postgres::{PATIENCE, Purpose};
use super::engine::{Engine, Location, read};
use super::{OpenError, StorageError};

/// What a database is.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Such as `PostgreSQL 17.2` or `SQLite 3.50.4`.
    pub version: String,
    /// Tables, other than the mark of a restore.
    pub tables: i64,
    /// A restore began, and did not end.
    pub is_half_restored: bool,
    /// Of this program's migrations, those that were not applied.
    pub pending: Vec<String>,
    /// The newest migration that was applied; 0: none.
    pub newest: i64,
    /// See [`Vault::canary`](crate::secret::Vault::canary).
    pub canary: Option<String>,
    /// Of Postgres; SQLite has none.
    pub server: Option<ServerFacts>,
}

/// What only a server has.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    pub clock: DateTime<Utc>,
    /// In which our tables are.
    pub schema: String,
    pub is_read_only: bool,
    pub max_connections: i64,
    /// Replicas that said lately that they work.
    pub replicas: i64,
}

impl Inspection {
    /// The newest migration that this version knows.
    #[must_use]
    pub fn known(location: &Location) -> i64 {
        migrations::all(location)
            .iter()
            .map(|one| one.version)
            .max()
            .unwrap_or(0)
    }

    /// A connection that creates nothing. `None`: there is no database file yet.
    pub(super) async fn engine(location: &Location) -> Result<Option<Engine>, OpenError> {
        Ok(Some(match location {
            Location::Sqlite(path) if !path.exists() => return Ok(None),
            Location::Sqlite(path) => only_reading(path).await?,
            Location::Postgres(_) => connect(location, Purpose::Administer).await?,
        }))
    }

    /// `None`: there is no database file yet.
    pub async fn of(location: &Location) -> Result<Option<Self>, OpenError> {
        let Some(engine) = Self::engine(location).await? else {
            return Ok(None);
        };
        let inspected = inspect(&engine).await;
        engine.close().await;
        Ok(Some(inspected?))
    }
}

/// Neither creates the file nor its side files' content.
pub(super) async fn only_reading(path: &Path) -> Result<Engine, OpenError> {
    let unreachable = |error| OpenError::Unreachable(format!("{}: {error}", path.display()));
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE);
    let pool = pool.connect_with(options).await.map_err(unreachable)?;
    Ok(Engine::Sqlite {
        write: pool.clone(),
        read: pool,
    })
}

async fn inspect(engine: &Engine) -> Result<Inspection, StorageError> {
    const SQLITE_TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    const POSTGRES_TABLES: &str =
        "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()";
    const CANARY: &str = "SELECT value FROM meta WHERE name = 'canary'";
    let names: Vec<(String,)> = match engine {
        Engine::Postgres(pool) => sqlx::query_as(POSTGRES_TABLES).fetch_all(pool).await,
        Engine::Sqlite { read, .. } => sqlx::query_as(SQLITE_TABLES).fetch_all(read).await,
    }?;
    let has = |table: &str| names.iter().any(|(name,)| name == table);
    let applied: Vec<(i64,)> = match has("_sqlx_migrations") {
        true => read!(engine, |pool| sqlx::query_as(migrations::APPLIED)
            .fetch_all(pool)
            .await)?,
        false => Vec::new(),
    };
    let canary: Option<(String,)> = match has("meta") {
        true => read!(engine, |pool| sqlx::query_as(CANARY)
            .fetch_optional(pool)
            .await)?,
        false => None,
    };
    let version = "SELECT 'SQLite ' || sqlite_version()";
    Ok(Inspection {
        version: match engine {
            Engine::Postgres(pool) => {
                let version = "SELECT 'PostgreSQL ' || current_setting('server_version')";
                sqlx::query_scalar(version).fetch_one(pool).await?
            }
            Engine::Sqlite { read, .. } => sqlx::query_scalar(version).fetch_one(read).await?,
        },
        tables: i64::try_from(names.iter().filter(|(name,)| name != RESTORING).count())
            .unwrap_or(i64::MAX),
        is_half_restored: has(RESTORING),
        pending: migrations::lacking(engine, &applied),
        newest: applied.iter().map(|(version,)| *version).max().unwrap_or(0),
        canary: canary.map(|(value,)| value),
        server: match engine {
            Engine::Postgres(pool) => Some(facts(pool, has("replicas")).await?),
            Engine::Sqlite { .. } => None,
        },
    })
}

async fn facts(pool: &sqlx::PgPool, has_replicas: bool) -> Result<ServerFacts, StorageError> {
    const FACTS: &str = "SELECT COALESCE(CAST(current_schema() AS TEXT), ''), \
        pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on', \
        CAST(current_setting('max_connections') AS BIGINT), clock_timestamp()";
    const REPLICAS: &str = "SELECT COUNT(*) FROM replicas WHERE alive_until > clock_timestamp()";
    let (schema, is_read_only, max_connections, clock) =
        sqlx::query_as(FACTS).fetch_one(pool).await?;
    let replicas = match has_replicas {
        true => sqlx::query_scalar(REPLICAS).fetch_one(pool).await?,
        false => 0,
    };
    Ok(ServerFacts {
        clock,
        schema,
        is_read_only,
        max_connections,
        replicas,
    })
}
