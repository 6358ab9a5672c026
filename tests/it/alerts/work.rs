//! Alerts about work that waits: messages, steps, jobs.

use pinroute::clock::Clock;
use serde_json::json;

use super::{Gauges, Watched, of, rehearse};
use crate::stage::Stage;

/// With a webhook that nobody answers, and a message to it.
async fn with_a_message(stage: &Stage) -> Watched {
    let watched = Watched::start(stage, &[("WEBHOOKS__ALLOW_PRIVATE", "true")]).await;
    let admin = watched
        .client
        .with_key(&stage.new_key(Some("default"), "admin").await);
    let hook = json!({ "url": "http://127.0.0.1:1/", "events": ["verification.created"] });
    admin.post("/v1/webhooks", hook).await.expect(201);
    watched.started().await;
    watched
        .until(|now| of(now, r#"pinroute_webhook_messages{state="pending"}"#) > 0.0)
        .await;
    watched
}

pub(super) async fn webhooks_late(stage: Stage) {
    let watched = with_a_message(&stage).await;
    let before = watched.samples().await;
    let then = chrono::DateTime::UNIX_EPOCH.to_rfc3339();
    stage
        .run_sql(&format!("UPDATE webhook_deliveries SET at = '{then}'"))
        .await;
    let after = watched
        .until(|now| of(now, "pinroute_webhook_oldest_seconds") > 900.0)
        .await;
    rehearse("PinrouteWebhooksLate", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn webhooks_dead(stage: Stage) {
    let watched = with_a_message(&stage).await;
    let before = watched.samples().await;
    // As after the last try.
    stage
        .run_sql("UPDATE webhook_deliveries SET state = 'dead', due_at = NULL")
        .await;
    let dead = r#"pinroute_webhook_messages{state="dead"}"#;
    assert_eq!(before.get(dead), Some(&0.0));
    let after = watched.until(|now| of(now, dead) > 0.0).await;
    rehearse("PinrouteWebhooksDead", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn sink_late(stage: Stage) {
    let sinks = json!([{ "name": "away", "kind": "redis_stream", "url": "redis://127.0.0.1:1", "stream": "s" }]);
    let watched = Watched::start(&stage, &[("EVENTS__SINKS", &sinks.to_string())]).await;
    let oldest = r#"pinroute_sink_oldest_seconds{sink="away"}"#;
    let before = watched.until(|now| now.contains_key(oldest)).await;
    watched.started().await;
    // It has failed since.
    let then = (Clock::system().now() - chrono::TimeDelta::minutes(10)).to_rfc3339();
    stage
        .run_sql(&format!("UPDATE webhook_deliveries SET due_at = '{then}'"))
        .await;
    let after = watched.until(|now| of(now, oldest) > 300.0).await;
    rehearse("PinrouteSinkLate", Gauges::Stay, &before, &after);
    watched.end().await;
}

/// Nothing that is due can be taken, since the database refuses each change of a lease.
const NO_LEASES: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
    CREATE TRIGGER refuse BEFORE UPDATE ON verifications FOR EACH ROW EXECUTE FUNCTION refuse()";

async fn stalled(stage: &Stage, watched: &Watched) {
    watched.started().await;
    watched
        .until(|now| of(now, "pinroute_work_in_progress") == 0.0)
        .await;
    // Together, so that no replica takes it in between.
    stage
        .run_sql(&format!(
            "UPDATE verifications SET wake_at = now() - interval '1 minute', lease_until = NULL, lease_owner = NULL; {NO_LEASES}"
        ))
        .await;
}

pub(super) async fn queue_lag(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.samples().await;
    stalled(&stage, &watched).await;
    let after = watched
        .until(|now| of(now, "pinroute_due_oldest_seconds") > 30.0)
        .await;
    assert!(of(&after, "pinroute_due_verifications") > 0.0);
    rehearse("PinrouteQueueLag", Gauges::Stay, &before, &after);
    stage.run_sql("DROP TRIGGER refuse ON verifications").await;
    watched
        .until(|now| of(now, "pinroute_due_oldest_seconds") == 0.0)
        .await;
    watched.end().await;
}

pub(super) async fn job_stuck(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let age = r#"pinroute_job_age_seconds{task="due_verifications"}"#;
    let before = watched.until(|now| now.contains_key(age)).await;
    stalled(&stage, &watched).await;
    // What it has grown in these seconds, it grows in each minute of the rehearsal.
    let after = watched.until(|now| of(now, age) > 3.0).await;
    rehearse("PinrouteJobStuck", Gauges::Grow, &before, &after);
    stage.run_sql("DROP TRIGGER refuse ON verifications").await;
    watched.until(|now| of(now, age) < 1.0).await;
    watched.end().await;
}
