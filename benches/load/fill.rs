//! Fills a database with past, ended verifications, each with its ledger entry: copies of one that the gateway made, with ids
//! and keys of their own.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use pinroute::clock::Clock;
use pinroute::verification::packed;

use crate::stores::Database;

/// Verifications of one transaction.
const CHUNK: u32 = 100_000;

/// The newest is this old, so that no limit counts it.
const NEWEST: Duration = Duration::from_hours(3 * 24);

/// The time from the oldest to the newest.
const SPREAD: Duration = Duration::from_hours(30 * 24);

/// Far enough that the weeks that the gateway makes ahead are in it.
const AHEAD: Duration = Duration::from_hours(60 * 24);

/// What ids say besides time and chance, as the gateway's own do: of which kind they are.
const VERIFICATION: &str = "000";
const ATTEMPT: &str = "010";
const ENTRY: &str = "011";

/// What to copy: an ended verification, and its charge.
const TEMPLATES: [&str; 2] = [
    "CREATE TEMP TABLE verifications_template AS SELECT * FROM verifications v WHERE status = 'approved' \
     AND EXISTS (SELECT 1 FROM ledger l WHERE l.verification_id = v.id) LIMIT 1",
    "CREATE TEMP TABLE ledger_template AS SELECT * FROM ledger \
     WHERE verification_id = (SELECT id FROM verifications_template) LIMIT 1",
];

/// What the copies of a table have of their own, as SQL by column.
struct Copied {
    table: &'static str,
    template: &'static str,
    own: Vec<(&'static str, String)>,
}

/// Adds `count` verifications, to the past or, if they are `unmoved`, to the hot table. The gateway must have stopped; it has left
/// an approved one.
pub async fn fill(database: &Database, count: u32, unmoved: bool) -> Result<(), String> {
    if count == 0 {
        return Ok(());
    }
    eprintln!("  filling with {count} verifications …");
    let begin = Instant::now();
    let filled = match database {
        Database::Sqlite { .. } => fill_sqlite(database, count, unmoved).await,
        Database::Postgres { .. } => fill_postgres(database, count, unmoved).await,
    };
    let fault = |error| format!("cannot fill the database: {error}");
    filled.map_err(fault)?;
    let size = database.size().await.map_err(fault)?;
    eprintln!(
        "  filled in {:.0} s; the database has {:.0} MiB",
        begin.elapsed().as_secs_f64(),
        size / f64::from(1 << 20)
    );
    Ok(())
}

/// A record whose events are as old as its id says, so that it counts as quiet.
fn aged(packed: &[u8]) -> Vec<u8> {
    let mut record = packed::unpack(packed).expect("the gateway has just packed it");
    let then = Clock::system().now() - NEWEST - SPREAD;
    for event in &mut record.events {
        event.at = then;
    }
    packed::pack(&record)
}

async fn age_postgres(connection: &mut PgConnection) -> sqlx::Result<()> {
    let (packed,): (Vec<u8>,) = sqlx::query_as("SELECT packed FROM verifications_template")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("UPDATE verifications_template SET packed = $1")
        .bind(aged(&packed))
        .execute(connection)
        .await?;
    Ok(())
}

async fn fill_postgres(database: &Database, count: u32, unmoved: bool) -> sqlx::Result<()> {
    const KEYS: &str = "\
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype IN ('p', 'u') AND conrelid IN ('verifications'::regclass, 'ledger'::regclass)";
    const INDEXES: &str = "\
SELECT format('DROP INDEX %I', indexname), indexdef FROM pg_indexes
WHERE schemaname = current_schema() AND tablename IN ('verifications', 'ledger')";
    const PAST: &str = "\
DO $$ DECLARE one regclass; BEGIN
    FOR one IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'past_verifications'::regclass LOOP
        EXECUTE format('DROP TABLE %s', one);
    END LOOP;
    CREATE TABLE past_filled (LIKE past_verifications INCLUDING DEFAULTS);
END $$";
    const COLUMNS: &str = "\
SELECT column_name::TEXT FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";
    let mut connection = PgConnection::connect(&database.url()).await?;
    for statement in [
        "SET synchronous_commit = off",
        "SET maintenance_work_mem = '256MB'",
    ]
    .into_iter()
    .chain(TEMPLATES)
    {
        connection.execute(statement).await?;
    }
    age_postgres(&mut connection).await?;
    let mut indexes = Vec::new();
    let target = if unmoved {
        "verifications"
    } else {
        "past_filled"
    };
    if !unmoved {
        // One partition for all, of weeks that the gateway made and left empty too.
        connection.execute(PAST).await?;
        let until = Clock::system().now() + AHEAD;
        let until = format!("{:012x}{}", until.timestamp_millis(), "0".repeat(20));
        indexes.push(format!(
            "ALTER TABLE past_verifications ATTACH PARTITION past_filled FOR VALUES FROM (MINVALUE) TO ('{until}')"
        ));
    }
    // Indexes are built faster over all rows than row by row.
    for found in [KEYS, INDEXES] {
        let found: Vec<(String, String)> = sqlx::query_as(found).fetch_all(&mut connection).await?;
        for (remove, create) in found {
            connection.execute(AssertSqlSafe(remove)).await?;
            indexes.push(create);
        }
    }
    let id = |place: &str| {
        format!("(lpad(to_hex(millis), 12, '0') || '7{place}9' || substr(one, 1, 15))::UUID")
    };
    let key = |name: &str, text: &str| {
        format!("substr(decode({text}, 'hex'), 1, octet_length(t.{name}))")
    };
    let copied = copied(
        target,
        [
            id(VERIFICATION),
            key("phone_index", "one || two"),
            key("reuse_key", "two || one"),
        ],
        [
            id(ENTRY),
            String::from("to_timestamp(millis / 1000.0)"),
            id(VERIFICATION),
            id(ATTEMPT),
        ],
    );
    let millis = millis(count);
    for Copied {
        table,
        template,
        own,
    } in &copied
    {
        let columns: Vec<String> = sqlx::query_scalar(COLUMNS)
            .bind(table)
            .fetch_all(&mut connection)
            .await?;
        let insert = insert(table, &columns, own);
        for (first, last) in chunks(count) {
            let made = format!(
                "{insert} FROM generate_series({first}::BIGINT, {last}) n, LATERAL (SELECT {millis} AS millis, \
                 md5('one ' || n) AS one, md5('two ' || n) AS two OFFSET 0) made, {template} t"
            );
            connection.execute(AssertSqlSafe(made)).await?;
        }
    }
    for create in indexes {
        connection.execute(AssertSqlSafe(create)).await?;
    }
    // As the vacuum and the checkpoints of the days before would have left it.
    connection.execute("VACUUM (ANALYZE)").await?;
    connection.execute("CHECKPOINT").await?;
    connection.close().await
}

async fn fill_sqlite(database: &Database, count: u32, unmoved: bool) -> sqlx::Result<()> {
    const INDEXES: &str = "\
SELECT 'DROP INDEX ' || name, sql FROM sqlite_master
WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('verifications', 'past_verifications', 'ledger')";
    const COLUMNS: &str = "SELECT name FROM pragma_table_info($1) ORDER BY cid";
    let mut connection = SqliteConnection::connect(&database.url()).await?;
    for statement in [
        "PRAGMA busy_timeout = 60000",
        "PRAGMA synchronous = OFF",
        "PRAGMA cache_size = -400000",
    ]
    .into_iter()
    .chain(TEMPLATES)
    {
        connection.execute(statement).await?;
    }
    let (sealed,): (Vec<u8>,) = sqlx::query_as("SELECT packed FROM verifications_template")
        .fetch_one(&mut connection)
        .await?;
    sqlx::query("UPDATE verifications_template SET packed = $1")
        .bind(aged(&sealed))
        .execute(&mut connection)
        .await?;
    let target = if unmoved {
        "verifications"
    } else {
        "past_verifications"
    };
    let indexes: Vec<(String, String)> = sqlx::query_as(INDEXES).fetch_all(&mut connection).await?;
    for (remove, _) in &indexes {
        connection.execute(AssertSqlSafe(remove.to_owned())).await?;
    }
    // The end of an id follows from its place, so that a ledger entry has its verification's.
    let id = |place: &str| {
        format!(
            "unhex(printf('%012x7{place}9%015x', millis, n * 40503571117 % 1152921504606846976))"
        )
    };
    let copied = copied(
        target,
        [
            id(VERIFICATION),
            String::from("randomblob(length(t.phone_index))"),
            String::from("randomblob(length(t.reuse_key))"),
        ],
        [
            id(ENTRY),
            String::from("strftime('%Y-%m-%dT%H:%M:%f+00:00', millis / 1000.0, 'unixepoch')"),
            id(VERIFICATION),
            id(ATTEMPT),
        ],
    );
    let millis = millis(count);
    let mut inserts = Vec::new();
    for Copied {
        table,
        template,
        own,
    } in &copied
    {
        let columns: Vec<String> = sqlx::query_scalar(COLUMNS)
            .bind(table)
            .fetch_all(&mut connection)
            .await?;
        inserts.push((template, insert(table, &columns, own)));
    }
    for (first, last) in chunks(count) {
        let mut transaction = connection.begin().await?;
        for (template, insert) in &inserts {
            let made = format!(
                "WITH RECURSIVE numbered (n) AS (VALUES ({first}) UNION ALL SELECT n + 1 FROM numbered WHERE n < {last}), \
                 made AS (SELECT n, {millis} AS millis FROM numbered) {insert} FROM made, {template} t"
            );
            transaction.execute(AssertSqlSafe(made)).await?;
        }
        transaction.commit().await?;
    }
    for (_, create) in indexes {
        connection.execute(AssertSqlSafe(create)).await?;
    }
    connection
        .execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .await?;
    connection.close().await
}

/// Given the id and the keys of a verification, and the id, time, verification and attempt of a ledger entry.
fn copied(
    verifications: &'static str,
    [id, phone_index, reuse_key]: [String; 3],
    [entry, at, verification, attempt]: [String; 4],
) -> [Copied; 2] {
    let null = || String::from("NULL");
    [
        Copied {
            table: verifications,
            template: "verifications_template",
            own: vec![
                ("id", id),
                ("phone_index", phone_index),
                ("reuse_key", reuse_key),
                ("status", String::from("'approved'")),
                ("wake_at", null()),
                ("lease_owner", null()),
                ("lease_until", null()),
            ],
        },
        Copied {
            table: "ledger",
            template: "ledger_template",
            own: vec![
                ("id", entry),
                ("at", at),
                ("verification_id", verification),
                ("attempt_id", attempt),
            ],
        },
    ]
}

/// The start of a statement: whatever columns the table has, those without a value of their own are copied.
fn insert(table: &str, columns: &[String], own: &[(&str, String)]) -> String {
    let value = |column: &String| {
        let own = own.iter().find(|(name, _)| name == column);
        own.map_or_else(|| format!("t.{column}"), |(_, value)| value.clone())
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    format!("INSERT INTO {table} ({columns}) SELECT {values}")
}

/// When the `n`th was made, as SQL: milliseconds since 1970.
fn millis(count: u32) -> String {
    let now = Clock::system().now().timestamp_millis();
    let before = i64::try_from((NEWEST + SPREAD).as_millis()).unwrap_or(i64::MAX);
    let oldest = now.saturating_sub(before);
    format!("{oldest} + n * {} / {count}", SPREAD.as_millis())
}

fn chunks(count: u32) -> impl Iterator<Item = (u32, u32)> {
    let first = (1..=count).step_by(CHUNK as usize);
    first.map(move |first| (first, count.min(first.saturating_add(CHUNK - 1))))
}
