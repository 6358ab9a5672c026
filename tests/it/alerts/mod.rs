//! Rehearses alerts: a fault is staged on the real program, and what it measured before and after makes the rule fire.
//!
//! promtool evaluates the rules of `k8s/observability/rules.yaml` on the samples: counters go on growing as they grew during the
//! fault, for two hours, and gauges stay as they were. Without the fault, nothing may fire.

mod providers;
mod service;
mod stores;
mod work;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{Server, program};
use crate::stage::{AT_ONCE, Client, Stage, UNLIMITED};
use crate::{on_both_engines, on_postgres};

use providers::{
    callback_signature_failures, provider_alarm, provider_outage, provider_paused,
    provider_throttled,
};
use service::{api_errors, callback_errors, down, replica_not_ready};
use stores::{partitions_missing, redis_down};
use work::{job_stuck, queue_lag, sink_late, webhooks_dead, webhooks_late};

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
