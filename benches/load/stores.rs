//! The stores of one run: a new database, an emptied Redis, and what they took.

use std::path::{Path, PathBuf};

use deadpool_redis::redis;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// The database that each run on Postgres drops and creates.
const NAME: &str = "pinroute_load";

pub enum Database {
    Sqlite { file: PathBuf },
    Postgres { server_url: String },
}

impl Database {
    /// A new, empty database: on the server, or else in `folder`.
    pub async fn create(server_url: Option<&str>, folder: &Path) -> Result<Self, String> {
        let Some(server_url) = server_url else {
            let file = folder.join("pinroute.db");
            return Ok(Self::Sqlite { file });
        };
        let server_url = server_url.to_owned();
        let created = async {
            let mut server = PgConnection::connect(&server_url).await?;
            drop_database(&mut server).await?;
            let create = format!("CREATE DATABASE {NAME}");
            server.execute(AssertSqlSafe(create)).await?;
            server.close().await
        };
        match created.await {
            Ok(()) => Ok(Self::Postgres { server_url }),
            Err(error) => Err(format!("cannot create the database {NAME}: {error}")),
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite { file } => format!("sqlite://{}", file.display()),
            Self::Postgres { server_url } => with_database(server_url, NAME),
        }
    }

    /// Bytes written to Postgres's log of changes so far, by all databases of the server.
    pub async fn wal(&self) -> Option<f64> {
        const WRITTEN: &str = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::FLOAT8";
        let Self::Postgres { server_url } = self else {
            return None;
        };
        let mut server = PgConnection::connect(server_url).await.ok()?;
        let written = sqlx::query_scalar(WRITTEN).fetch_one(&mut server).await;
        let _ = server.close().await;
        written.ok()
    }

    /// Bytes kept per verification after a `VACUUM`, and on Postgres also after a `VACUUM FULL`, which leaves no space of former
    /// versions, as SQLite's does. The gateway must have stopped.
    pub async fn kept(&self) -> Result<(f64, Option<f64>), sqlx::Error> {
        const COUNT: &str = "SELECT count(*) FROM verifications";
        let (size, compact, count): (f64, Option<f64>, i64) = match self {
            Self::Sqlite { .. } => {
                let mut database = SqliteConnection::connect(&self.url()).await?;
                database.execute("VACUUM").await?;
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
                let count = sqlx::query_scalar(COUNT).fetch_one(&mut database).await?;
                database.close().await?;
                let size = self.size().await?;
                (size, None, count)
            }
            Self::Postgres { .. } => {
                let mut database = PgConnection::connect(&self.url()).await?;
                database.execute("VACUUM ANALYZE").await?;
                let size = self.size().await?;
                database.execute("VACUUM FULL").await?;
                let compact = self.size().await?;
                let count = sqlx::query_scalar(COUNT).fetch_one(&mut database).await?;
                database.close().await?;
                (size, Some(compact), count)
            }
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a run creates far fewer than 2^53"
        )]
        let count = count.max(1) as f64;
        Ok((size / count, compact.map(|compact| compact / count)))
    }

    /// Bytes of all tables and indexes.
    pub async fn size(&self) -> Result<f64, sqlx::Error> {
        const SIZE: &str = "\
SELECT sum(pg_total_relation_size(oid))::FLOAT8 FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace";
        if let Some((size, _)) = self.files() {
            return Ok(size);
        }
        let mut database = PgConnection::connect(&self.url()).await?;
        let size = sqlx::query_scalar(SIZE).fetch_one(&mut database).await?;
        database.close().await?;
        Ok(size)
    }

    /// Drops a Postgres database. A SQLite one goes with its folder.
    pub async fn remove(self) {
        let Self::Postgres { server_url } = self else {
            return;
        };
        let removed = async {
            let mut server = PgConnection::connect(&server_url).await?;
            drop_database(&mut server).await?;
            server.close().await
        };
        if let Err(error) = removed.await {
            eprintln!("cannot drop the database {NAME}: {error}");
        }
    }
}

async fn drop_database(server: &mut PgConnection) -> Result<(), sqlx::Error> {
    let drop = format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)");
    server.execute(AssertSqlSafe(drop)).await?;
    Ok(())
}

/// The URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let (base, query) = match url[authority..].find('?') {
        Some(at) => url.split_at(authority + at),
        None => (url, ""),
    };
    let base = match base[authority..].find('/') {
        Some(at) => &base[..authority + at],
        None => base,
    };
    format!("{base}/{name}{query}")
}

/// Empties the Redis at this URL, if there is one, and says how much memory it then uses.
pub async fn empty_redis(url: &str) -> Result<Option<f64>, String> {
    if url.is_empty() {
        return Ok(None);
    }
    let emptied = async {
        let client = redis::Client::open(url)?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("FLUSHALL").exec_async(&mut connection).await
    };
    let emptied: redis::RedisResult<()> = emptied.await;
    emptied.map_err(|error| format!("cannot empty Redis: {error}"))?;
    Ok(redis_memory(url).await)
}

/// Bytes that Redis uses for its data.
pub async fn redis_memory(url: &str) -> Option<f64> {
    let client = redis::Client::open(url).ok()?;
    let mut connection = client.get_multiplexed_async_connection().await.ok()?;
    let info: redis::RedisResult<String> = redis::cmd("INFO")
        .arg("memory")
        .query_async(&mut connection)
        .await;
    let info = info.ok()?;
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))?;
    used.trim().parse().ok()
}
