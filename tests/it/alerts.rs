//! Rehearses alerts: a fault is staged on the real program, and what it measured before and after makes the rule fire.
//!
//! promtool evaluates the rules of `k8s/observability/rules.yaml` on the samples: counters go on growing as they grew during the
//! fault, for two hours, and gauges stay as they were. Without the fault, nothing may fire.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use pinroute::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{Server, program};
use crate::stage::{AT_ONCE, Client, SMS, Stage, UNLIMITED, word};
use crate::world::{Answer, error, path_of};
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    callback_signature_failures,
    provider_throttled,
    provider_outage,
    provider_paused,
    provider_alarm,
    webhooks_late,
    webhooks_dead,
    sink_late,
);

on_postgres!(
    down,
    replica_not_ready,
    api_errors,
    callback_errors,
    redis_down,
    queue_lag,
    job_stuck,
    partitions_missing,
);

/// Each series with its value.
type Samples = BTreeMap<String, f64>;

/// The program, and what it measures.
struct Watched {
    server: Server,
    client: Client,
}

impl Watched {
    async fn start(stage: &Stage, settings: &[(&str, &str)]) -> Self {
        let mut command = program(stage);
        for (name, value) in settings.iter().chain([&UNLIMITED, &AT_ONCE]) {
            command.env(format!("PINROUTE_{name}"), value);
        }
        let server = Server::start(command).await;
        let client = stage.client(&server.base);
        let watched = Self { server, client };
        // Gauges are measured every few seconds, the first time at once.
        watched
            .until(|samples| samples.contains_key("pinroute_due_oldest_seconds"))
            .await;
        watched
    }

    async fn samples(&self) -> Samples {
        let request = self.client.open_request(Method::GET, "/metrics");
        let text = self.client.send(request).await.text;
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(sample)
            .collect()
    }

    /// What is measured once it is so.
    async fn until(&self, is_so: impl Fn(&Samples) -> bool) -> Samples {
        let look = async {
            loop {
                let samples = self.samples().await;
                if is_so(&samples) {
                    return samples;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), look).await;
        found.expect("the fault is measured")
    }

    async fn started(&self) -> Value {
        let number = self.client.stage.number();
        self.client
            .start(json!({ "phone_number": number, "wait": 1 }))
            .await
            .expect(201)
    }

    async fn end(self) {
        self.server.terminate().await;
    }
}

fn of(samples: &Samples, series: &str) -> f64 {
    samples.get(series).copied().unwrap_or_default()
}

/// What a series does while the fault lasts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gauges {
    Stay,
    /// They grow as they did between the two samples, such as the age of a job.
    Grow,
}

/// Asserts that the alert fires on what was measured, and does not without the fault.
fn rehearse(alert: &str, gauges: Gauges, before: &Samples, after: &Samples) {
    let Ok(promtool) = std::env::var("PINROUTE_TEST_PROMTOOL") else {
        println!("skipped: no PINROUTE_TEST_PROMTOOL");
        return;
    };
    for (is_fault, after) in [(true, after), (false, before)] {
        let (fires, said) = evaluate(&promtool, alert, gauges, before, after);
        assert_eq!(
            fires, is_fault,
            "{alert}, with the fault: {is_fault}\n{said}"
        );
    }
}

fn evaluate(
    promtool: &str,
    alert: &str,
    gauges: Gauges,
    before: &Samples,
    after: &Samples,
) -> (bool, String) {
    let rules = std::fs::canonicalize("k8s/observability/rules.yaml").unwrap();
    let mut text = format!(
        "rule_files: [{}]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n",
        rules.display()
    );
    for (series, now) in after {
        let name = series.split('{').next().unwrap();
        let labels = series[name.len()..].trim_matches(['{', '}']);
        let comma = if labels.is_empty() { "" } else { "," };
        let counts = ["_total", "_bucket", "_count", "_sum"]
            .iter()
            .any(|end| name.ends_with(end));
        let (earlier, step) = match before.get(series) {
            // Of a program that was started again.
            Some(earlier) if counts && now < earlier => (format!("{earlier}x30"), *now),
            Some(earlier) if counts || gauges == Gauges::Grow => {
                (format!("{earlier}x30"), now - earlier)
            }
            Some(earlier) => (format!("{earlier}x30"), 0.0),
            None if counts => ("_x31".to_owned(), *now),
            None => ("_x31".to_owned(), 0.0),
        };
        let _ = writeln!(
            text,
            "      - series: '{name}{{{labels}{comma}job=\"pinroute\",instance=\"one\"}}'\n        values: '{earlier} {now}{step:+}x120'"
        );
    }
    let _ = write!(
        text,
        "    promql_expr_test:\n      - expr: count(max_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[2h])) > bool 0\n        \
         eval_time: 140m\n        exp_samples: [{{labels: '{{}}', value: 1}}]\n"
    );
    let folder = std::env::temp_dir();
    let file = folder.join(format!(
        "{alert}-{}.yaml",
        u64::from_be_bytes(pinroute::secret::random())
    ));
    std::fs::write(&file, text).unwrap();
    let said = Command::new(promtool)
        .args(["test", "rules"])
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let output =
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() || output.contains("exp:"), "{output}");
    (said.status.success(), output)
}

async fn callback_signature_failures(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.samples().await;
    for _ in 0..8 {
        let request = watched
            .client
            .open_request(Method::POST, "/callbacks/telegram")
            .header("X-Request-Timestamp", "1")
            .header("X-Request-Signature", "00");
        watched
            .client
            .send(request.body("{}"))
            .await
            .problem(401, "unauthorized");
    }
    let after = watched.samples().await;
    rehearse(
        "PinrouteCallbackSignatureFailures",
        Gauges::Stay,
        &before,
        &after,
    );
    watched.end().await;
}

async fn provider_throttled(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.samples().await;
    stage.telegram.next_sends([error("FLOOD_WAIT_45")]);
    watched.started().await;
    let after = watched
        .until(|now| {
            of(
                now,
                r#"pinroute_throttle_seconds_total{provider="telegram"}"#,
            ) >= 45.0
        })
        .await;
    rehearse("PinrouteProviderThrottled", Gauges::Stay, &before, &after);
    watched.end().await;
}

async fn provider_outage(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    let before = watched.samples().await;
    for _ in 0..4 {
        stage.sms.next_sends([Answer::Json(500, json!({}))]);
        watched.started().await;
    }
    let failed = r#"pinroute_sends_total{provider="main",outcome="no_answer"}"#;
    let after = watched.until(|now| of(now, failed) >= 3.0).await;
    rehearse("PinrouteProviderOutage", Gauges::Stay, &before, &after);
    watched.end().await;
}

async fn provider_paused(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    let paused = r#"pinroute_provider_paused{provider="main"}"#;
    let before = watched.until(|now| now.contains_key(paused)).await;
    assert!(of(&before, paused) < 1.0);
    for _ in 0..6 {
        stage.sms.next_sends([Answer::Json(500, json!({}))]);
        watched.started().await;
    }
    let after = watched.until(|now| of(now, paused) > 0.0).await;
    rehearse("PinrouteProviderPaused", Gauges::Stay, &before, &after);
    watched.end().await;
}

async fn provider_alarm(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.samples().await;
    stage.telegram.next_sends([error("BALANCE_NOT_ENOUGH")]);
    watched.started().await;
    let alarms = r#"pinroute_alarms_total{provider="telegram"}"#;
    let after = watched.until(|now| of(now, alarms) > 0.0).await;
    rehearse("PinrouteProviderAlarm", Gauges::Stay, &before, &after);
    watched.end().await;
}

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

async fn webhooks_late(stage: Stage) {
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

async fn webhooks_dead(stage: Stage) {
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

async fn sink_late(stage: Stage) {
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

/// The way to the database, which can be cut.
struct Way {
    url: String,
    cut: tokio::sync::watch::Sender<bool>,
}

impl Way {
    async fn to_the_database(stage: &Stage) -> Self {
        let (head, rest) = stage.database_url.split_once('@').unwrap();
        let (to, path) = rest.split_once('/').unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{head}@{}/{path}", listener.local_addr().unwrap());
        let (cut, is_cut) = tokio::sync::watch::channel(false);
        let to = to.to_owned();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let (mut is_cut, to) = (is_cut.clone(), to.clone());
                tokio::spawn(async move {
                    if *is_cut.borrow() {
                        return;
                    }
                    let mut to = tokio::net::TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                    }
                });
            }
        });
        Self { url, cut }
    }
}

/// A database that is away until the replica has noticed.
async fn without_a_database(stage: &Stage, alert: &str) {
    let way = Way::to_the_database(stage).await;
    let watched = Watched::start(stage, &[("DATABASE_URL", &way.url)]).await;
    let before = watched.until(|now| of(now, "pinroute_ready") > 0.0).await;
    way.cut.send_replace(true);
    let after = watched.until(|now| of(now, "pinroute_ready") < 1.0).await;
    let request = watched.client.open_request(Method::GET, "/readyz");
    watched
        .client
        .send(request)
        .await
        .problem(503, "service_unavailable");
    rehearse(alert, Gauges::Stay, &before, &after);
    way.cut.send_replace(false);
    watched.until(|now| of(now, "pinroute_ready") > 0.0).await;
    watched.end().await;
}

async fn down(stage: Stage) {
    without_a_database(&stage, "PinrouteDown").await;
}

async fn replica_not_ready(stage: Stage) {
    without_a_database(&stage, "PinrouteReplicaNotReady").await;
}

async fn api_errors(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    watched.started().await;
    let before = watched.samples().await;
    stage.hide_database().await;
    for _ in 0..6 {
        let body = json!({ "phone_number": stage.number() });
        watched
            .client
            .start(body)
            .await
            .problem(503, "service_unavailable");
    }
    let after = watched.samples().await;
    stage.show_database().await;
    rehearse("PinrouteApiErrors", Gauges::Stay, &before, &after);
    watched.end().await;
}

async fn callback_errors(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    watched.started().await;
    stage.sms.fake.until_seen(1).await;
    let path = path_of(word(&stage.sms.sends()[0]["dlr"]));
    let before = watched.samples().await;
    stage.hide_database().await;
    for _ in 0..6 {
        let request = watched
            .client
            .open_request(Method::POST, &path)
            .json(&json!({ "message_id": "m0", "status": "DELIVRD" }));
        let reply = watched.client.send(request).await;
        assert_eq!(reply.status, 503, "{}", reply.text);
    }
    let after = watched.samples().await;
    stage.show_database().await;
    rehearse("PinrouteCallbackErrors", Gauges::Stay, &before, &after);
    watched.end().await;
}

async fn redis_down(stage: Stage) {
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

async fn queue_lag(stage: Stage) {
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

async fn job_stuck(stage: Stage) {
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

async fn partitions_missing(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let ahead = r#"pinroute_partitions_ahead{table="past_verifications"}"#;
    let before = watched.until(|now| of(now, ahead) > 3.5).await;
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
