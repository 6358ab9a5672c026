//! Alerts about the database, Redis and the clock.

use pinroute::clock::Clock;

use super::{Gauges, Watched, of, rehearse};
use crate::stage::Stage;

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
