//! Alerts about the database, Redis and the clock.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use pinroute::clock::Clock;
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use tokio::sync::Notify;

use super::{Gauges, Watched, of, rehearse};
use crate::stage::{Engine, Stage};
use crate::world::Answer;

/// Less than a caller waits.
const HELD: Duration = Duration::from_millis(1_200);

/// Somebody else who holds the lock that commits need.
pub(super) enum Holder {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Holder {
    pub async fn new(stage: &Stage) -> Self {
        match stage.engine {
            Engine::Sqlite => {
                let to = SqliteConnection::connect(&stage.database_url).await;
                let mut to = to.unwrap();
                to.execute(sqlx::raw_sql("BEGIN IMMEDIATE")).await.unwrap();
                Self::Sqlite(to)
            }
            Engine::Postgres => {
                let lock = "BEGIN; LOCK TABLE verifications IN EXCLUSIVE MODE";
                let to = PgConnection::connect(&stage.database_url).await;
                let mut to = to.unwrap();
                to.execute(sqlx::raw_sql(lock)).await.unwrap();
                Self::Postgres(to)
            }
        }
    }

    /// Lets it go.
    pub async fn end(self) {
        let ended = match self {
            Self::Sqlite(to) => to.close().await,
            Self::Postgres(to) => to.close().await,
        };
        ended.unwrap();
    }
}

/// Does something while commits are held up.
pub(super) async fn held_up<T>(stage: &Stage, what: impl Future<Output = T>) -> T {
    let holder = Holder::new(stage).await;
    let release = async {
        tokio::time::sleep(HELD).await;
        holder.end().await;
    };
    tokio::join!(what, release).0
}

pub(super) async fn redis_down(stage: Stage) {
    let up = "pinroute_redis_up";
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.until(|now| of(now, up) > 0.0).await;
    watched.end().await;
    let watched = Watched::start(&stage, &[("REDIS_URL", "redis://127.0.0.1:1")]).await;
    watched.started().await;
    let after = watched.until(|now| now.get(up) == Some(&0.0)).await;
    rehearse("PinrouteRedisDown", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn partitions_missing(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let ahead = r#"pinroute_partitions_ahead{table="past_verifications"}"#;
    // Those of the other table are made a moment later.
    let other = r#"pinroute_partitions_ahead{table="webhook_deliveries"}"#;
    let before = watched
        .until(|now| of(now, ahead) > 3.5 && of(now, other) > 3.5)
        .await;
    watched.end().await;
    // None is there, and one that begins in the middle of a coming week is in the way.
    stage
        .run_sql(
            "DO $$ DECLARE one regclass; BEGIN FOR one IN SELECT inhrelid::regclass FROM pg_inherits \
            WHERE inhparent = 'past_verifications'::regclass LOOP EXECUTE format('DROP TABLE %s', one); END LOOP; END $$",
        )
        .await;
    let id = |days| {
        let then = Clock::system().now() + chrono::TimeDelta::days(days);
        format!("{:012x}{}", then.timestamp_millis(), "0".repeat(20))
    };
    stage
        .run_sql(&format!(
            "CREATE TABLE in_the_way PARTITION OF past_verifications FOR VALUES FROM ('{}') TO ('{}')",
            id(10),
            id(40)
        ))
        .await;
    let watched = Watched::start(&stage, &[]).await;
    let after = watched
        .until(|now| now.get(ahead).is_some_and(|ahead| *ahead < 2.0))
        .await;
    rehearse("PinroutePartitionsMissing", Gauges::Stay, &before, &after);
    stage.run_sql("DROP TABLE in_the_way").await;
    watched.end().await;
}

pub(super) async fn commits_slow(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let commits = "pinroute_commit_seconds_count";
    let before = watched.samples().await;
    // One in twelve or so.
    for _ in 0..5 {
        watched.started().await;
    }
    watched
        .until(|now| of(now, "pinroute_work_in_progress") == 0.0)
        .await;
    held_up(&stage, watched.started()).await;
    let after = watched
        .until(|now| of(now, commits) - of(&before, commits) >= 12.0)
        .await;
    rehearse("PinrouteCommitsSlow", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn commit_queue_full(stage: Stage) {
    let limits = ("DEFAULTS__LIMITS__CREATES", "off");
    let watched = Watched::start(&stage, &[limits]).await;
    let refused = "pinroute_commit_queue_full_total";
    let before = watched.samples().await;
    let holder = Holder::new(&stage).await;
    // Starts whose callers do not wait for the answer: each is a change that waits.
    let starts = stream::repeat(()).for_each_concurrent(256, |()| {
        let body = json!({ "phone_number": stage.number() });
        let request = watched.client.request(Method::POST, "/v1/verifications");
        let asked = request.json(&body).timeout(Duration::from_millis(100));
        async { drop(asked.send().await) }
    });
    let after = tokio::select! {
        () = starts => unreachable!("they do not end"),
        after = watched.until(|now| of(now, refused) > 0.0) => after,
    };
    rehearse("PinrouteCommitQueueFull", Gauges::Stay, &before, &after);
    // With all that waits, which nobody was told is stored.
    watched.server.kill().await;
    holder.end().await;
}

/// Postgres: somebody reads what reports are made of, and lets nobody else.
const ALONE: &str = "BEGIN; LOCK TABLE rollups IN ACCESS EXCLUSIVE MODE";
const WAITING: &str =
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'rollups'::regclass";

pub(super) async fn database_pool_exhausted(stage: Stage) {
    let settings = [
        ("DATABASE_MAX_CONNECTIONS", "2"),
        ("TELEGRAM__TIMEOUT", "1m"),
    ];
    let watched = Watched::start(&stage, &settings).await;
    let before = watched.samples().await;
    let answers: Vec<Arc<Notify>> = (0..8).map(|_| Arc::default()).collect();
    let sends = answers
        .iter()
        .map(|now| Answer::TakenAfter(Arc::clone(now)));
    stage.telegram.next_sends(sends);
    for _ in &answers {
        let body = json!({ "phone_number": stage.number(), "wait": 0 });
        watched.client.start(body).await.expect(201);
    }
    stage.telegram.fake.until_seen(answers.len()).await;
    let (late, soon) = answers.split_at(4);
    for answer in late {
        let mut to = PgConnection::connect(&stage.database_url).await.unwrap();
        to.execute(sqlx::raw_sql(ALONE)).await.unwrap();
        let hold = async {
            loop {
                let waiting = sqlx::query_scalar(WAITING).fetch_one(&mut to).await;
                let waiting: i64 = waiting.unwrap();
                if waiting >= 2 {
                    break;
                }
            }
            // What was sent is to be stored, and no connection is free.
            answer.notify_one();
            tokio::time::sleep(HELD / 3).await;
            to.close().await.unwrap();
        };
        let report = || watched.client.get("/v1/reports/costs");
        let (one, other, ()) = tokio::join!(report(), report(), hold);
        one.expect(200);
        other.expect(200);
    }
    for answer in soon {
        answer.notify_one();
    }
    let after = watched
        .until(|now| of(now, "pinroute_work_in_progress") == 0.0)
        .await;
    rehearse(
        "PinrouteDatabasePoolExhausted",
        Gauges::Stay,
        &before,
        &after,
    );
    watched.end().await;
}

/// A database that says another time than it has.
const TEN_SECONDS_AHEAD: &str = "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
    $$ SELECT pg_catalog.clock_timestamp() + interval '10 seconds' $$";

pub(super) async fn clock_skew(stage: Stage) {
    let skew = "pinroute_clock_skew_seconds";
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.until(|now| now.contains_key(skew)).await;
    assert!(of(&before, skew).abs() < 1.0);
    watched.end().await;
    stage.run_sql(TEN_SECONDS_AHEAD).await;
    // What the schema has goes before what Postgres has.
    let url = format!("{},pg_catalog", stage.database_url);
    let watched = Watched::start(&stage, &[("DATABASE_URL", &url)]).await;
    watched.started().await;
    let after = watched.until(|now| of(now, skew) > 9.0).await;
    rehearse("PinrouteClockSkew", Gauges::Stay, &before, &after);
    watched.end().await;
}
