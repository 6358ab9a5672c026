//! What a database does besides requests, and what state that keeps it in: checkpoints, vacuums, dead rows, sizes.

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::stores::Database;

/// Settings of the server that let a run of ten minutes see several checkpoints and vacuums.
const OFTEN: [(&str, &str); 2] = [("checkpoint_timeout", "60s"), ("autovacuum_naptime", "15s")];

/// Checkpoints and automatic vacuums of Postgres so far, or in a while.
#[derive(Clone, Copy)]
pub struct Upkeep {
    pub checkpoints: f64,
    pub vacuums: f64,
}

/// A table of Postgres with its indexes.
#[derive(Clone)]
pub struct Table {
    name: String,
    /// The share of rows that are dead, as Postgres counts them.
    dead: f64,
    /// In bytes.
    rows: f64,
    indexes: f64,
}

/// Postgres's tables after a run, and after a `VACUUM FULL`.
pub struct Bloat {
    pub before: Vec<Table>,
    pub after: Vec<Table>,
}

impl Database {
    /// Makes Postgres's checkpoints and vacuums frequent, or as they were.
    pub async fn keep_up_often(&self, often: bool) {
        let Self::Postgres { server_url } = self else {
            return;
        };
        let changed = async {
            let mut server = PgConnection::connect(server_url).await?;
            for (name, value) in OFTEN {
                let change = match often {
                    true => format!("ALTER SYSTEM SET {name} = '{value}'"),
                    false => format!("ALTER SYSTEM RESET {name}"),
                };
                server.execute(AssertSqlSafe(change)).await?;
            }
            server.execute("SELECT pg_reload_conf()").await?;
            server.close().await
        };
        if let Err(error) = changed.await {
            eprintln!("cannot change how often Postgres makes checkpoints: {error}");
        }
    }

    pub async fn upkeep(&self) -> Option<Upkeep> {
        let Self::Postgres { .. } = self else {
            return None;
        };
        let read = async {
            let mut database = PgConnection::connect(&self.url()).await?;
            let version = "SELECT current_setting('server_version_num')::INT";
            let version: i32 = sqlx::query_scalar(version).fetch_one(&mut database).await?;
            let checkpoints = match version {
                170_000.. => "SELECT num_timed + num_requested FROM pg_stat_checkpointer",
                _ => "SELECT checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter",
            };
            let upkeep = format!(
                "SELECT ({checkpoints})::FLOAT8 AS checkpoints, \
                 (SELECT sum(autovacuum_count) FROM pg_stat_user_tables)::FLOAT8 AS vacuums"
            );
            let (checkpoints, vacuums) = sqlx::query_as(AssertSqlSafe(upkeep))
                .fetch_one(&mut database)
                .await?;
            database.close().await?;
            Ok::<_, sqlx::Error>(Upkeep {
                checkpoints,
                vacuums,
            })
        };
        read.await.inspect_err(complain).ok()
    }

    /// The tables of Postgres, the largest first.
    pub async fn tables(&self) -> Option<Vec<Table>> {
        const TABLES: &str = "\
SELECT relname::TEXT AS name, (n_dead_tup::FLOAT8 / greatest(n_live_tup + n_dead_tup, 1)) AS dead,
    pg_table_size(relid)::FLOAT8 AS rows, pg_indexes_size(relid)::FLOAT8 AS indexes
FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC";
        let Self::Postgres { .. } = self else {
            return None;
        };
        let read = async {
            let mut database = PgConnection::connect(&self.url()).await?;
            let tables: Vec<(String, f64, f64, f64)> =
                sqlx::query_as(TABLES).fetch_all(&mut database).await?;
            database.close().await?;
            let table = |(name, dead, rows, indexes)| Table {
                name,
                dead,
                rows,
                indexes,
            };
            Ok::<_, sqlx::Error>(tables.into_iter().map(table).collect())
        };
        read.await.inspect_err(complain).ok()
    }

    /// Bytes of SQLite's database and of its log of changes.
    pub fn files(&self) -> Option<(f64, f64)> {
        let Self::Sqlite { file } = self else {
            return None;
        };
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        let size = |file: &std::ffi::OsStr| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a file's size is far below 2^53"
            )]
            std::fs::metadata(file).map_or(0.0, |it| it.len() as f64)
        };
        Some((size(file.as_os_str()), size(&log)))
    }
}

fn complain(error: &sqlx::Error) {
    eprintln!("cannot measure Postgres: {error}");
}

impl Bloat {
    /// Each table before and after.
    fn lines(&self) -> impl Iterator<Item = (&Table, &Table)> {
        self.before.iter().filter_map(|before| {
            let after = self.after.iter().find(|after| after.name == before.name)?;
            Some((before, after))
        })
    }

    pub fn json(&self) -> Value {
        let line = |(before, after): (&Table, &Table)| {
            json!({
                "table": before.name,
                "dead": before.dead,
                "row_bytes": before.rows,
                "compact_row_bytes": after.rows,
                "index_bytes": before.indexes,
                "compact_index_bytes": after.indexes,
            })
        };
        self.lines().map(line).collect()
    }
}

impl std::fmt::Display for Bloat {
    /// Tables under 1 MiB say nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MIB: f64 = 1_048_576.0;
        let bloat = |before: f64, after: f64| (before / after.max(1.0) - 1.0) * 100.0;
        let large = |(before, _): &(&Table, &Table)| before.rows + before.indexes >= MIB;
        write!(
            f,
            "table: dead rows; MiB of rows, of indexes; and more than after VACUUM FULL"
        )?;
        for (before, after) in self.lines().filter(large) {
            write!(
                f,
                "\n  {}: {:.1} %; {:.1}, {:+.0} %; {:.1}, {:+.0} %",
                before.name,
                before.dead * 100.0,
                before.rows / MIB,
                bloat(before.rows, after.rows),
                before.indexes / MIB,
                bloat(before.indexes, after.indexes)
            )?;
        }
        let size = |tables: &[Table]| -> f64 { tables.iter().map(|it| it.rows + it.indexes).sum() };
        let (before, after) = (size(&self.before), size(&self.after));
        let more = bloat(before, after);
        write!(f, "\n  all: {:.1} MiB, {more:+.0} %", before / MIB)
    }
}
