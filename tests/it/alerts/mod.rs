//! Rehearses alerts: a fault is staged on the real program, and what it measured before and after makes the rule fire.
//!
//! promtool evaluates the rules of `k8s/observability/rules.yaml` on the samples: counters go on growing as they grew during the
//! fault, for two hours, and gauges stay as they were. Rules that compare with the past get three days of what was measured before
//! the fault. Without the fault, nothing may fire.

mod past;
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

use past::{approval_rate_low, cost_anomaly, country_cost_anomaly, delivery_rate_low};
use providers::{
    balance_low, callback_signature_failures, provider_alarm, provider_outage, provider_paused,
    provider_throttled,
};
use service::{api_errors, callback_errors, callbacks_slow, down, replica_not_ready};
use stores::{
    clock_skew, commit_queue_full, commits_slow, database_pool_exhausted, partitions_missing,
    redis_down,
};
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
    balance_low,
    delivery_rate_low,
    approval_rate_low,
    cost_anomaly,
    country_cost_anomaly,
    callbacks_slow,
    commits_slow,
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
    database_pool_exhausted,
    clock_skew,
);

/// On SQLite, where a change waits for as long as the lock is held. On Postgres a caller gives up within two seconds, and how many
/// changes wait depends on how fast the machine is.
mod commit_queue_full {
    #[test]
    fn sqlite() {
        crate::stage::run(crate::stage::Engine::Sqlite, super::commit_queue_full);
    }
}

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
        // To fill the queue of commits takes twenty seconds of a core.
        let found = tokio::time::timeout(Duration::from_secs(90), look).await;
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

fn counts(series: &str) -> bool {
    let name = series.split('{').next().unwrap();
    ["_total", "_bucket", "_count", "_sum"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Asserts that the alert fires on what was measured, and does not without the fault.
fn rehearse(alert: &str, gauges: Gauges, before: &Samples, after: &Samples) {
    let values = |after: &Samples| {
        let of = |(series, now): (&String, &f64)| {
            let (earlier, step) = match before.get(series) {
                // Of a program that was started again.
                Some(earlier) if counts(series) && now < earlier => (format!("{earlier}x30"), *now),
                Some(earlier) if counts(series) || gauges == Gauges::Grow => {
                    (format!("{earlier}x30"), now - earlier)
                }
                Some(earlier) => (format!("{earlier}x30"), 0.0),
                None if counts(series) => ("_x31".to_owned(), *now),
                None => ("_x31".to_owned(), 0.0),
            };
            (series.clone(), format!("{earlier} {now}{step:+}x120"))
        };
        after.iter().map(of).collect()
    };
    let minutes = Pace {
        sample: "1m",
        evaluation: "1m",
        end: "140m",
    };
    assert_fires(alert, &minutes, &values(after), &values(before));
}

/// As [`rehearse`], of a rule that compares with the days before: from `start` to `usual` is what five minutes bring in most of
/// three days, and from `usual` to `fault` what they bring in the two hours after these.
fn rehearse_against_the_past(alert: &str, start: &Samples, usual: &Samples, fault: &Samples) {
    const BEFORE: u32 = 900;
    // Only counters are compared with the past.
    let counters = fault.iter().filter(|(series, _)| counts(series));
    let (mut with, mut without) = (Series::new(), Series::new());
    for (series, then) in counters {
        let usual_step = of(usual, series) - of(start, series);
        let fault_step = then - of(usual, series);
        if fault_step == 0.0 && usual_step == 0.0 {
            continue;
        }
        let reached = usual_step * f64::from(BEFORE);
        let before = match usual.get(series) {
            Some(_) => format!("0{usual_step:+}x{BEFORE}"),
            None => format!("_x{}", BEFORE + 1),
        };
        let now = reached + fault_step;
        with.insert(series.clone(), format!("{before} {now}{fault_step:+}x23"));
        without.insert(series.clone(), format!("0{usual_step:+}x{}", BEFORE + 24));
    }
    let days = Pace {
        sample: "5m",
        evaluation: "30m",
        end: "77h",
    };
    assert_fires(alert, &days, &with, &without);
}

/// Each series with its values, as promtool writes them.
type Series = BTreeMap<String, String>;

struct Pace {
    sample: &'static str,
    evaluation: &'static str,
    /// When the rehearsal ends; the fault lasts for less than the two hours before.
    end: &'static str,
}

fn assert_fires(alert: &str, pace: &Pace, with: &Series, without: &Series) {
    let Ok(promtool) = std::env::var("PINROUTE_TEST_PROMTOOL") else {
        println!("skipped: no PINROUTE_TEST_PROMTOOL");
        return;
    };
    for (is_fault, series) in [(true, with), (false, without)] {
        let (fires, said) = evaluate(&promtool, alert, pace, series);
        assert_eq!(
            fires, is_fault,
            "{alert}, with the fault: {is_fault}\n{said}"
        );
    }
}

fn evaluate(promtool: &str, alert: &str, pace: &Pace, series: &Series) -> (bool, String) {
    let rules = std::fs::canonicalize("k8s/observability/rules.yaml").unwrap();
    // In their order in the file, as Prometheus has them within moments.
    let groups = std::fs::read_to_string(&rules).unwrap();
    let groups: Vec<&str> = groups
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- name: "))
        .collect();
    let mut text = format!(
        "rule_files: [{}]\nevaluation_interval: {}\ngroup_eval_order: [{}]\ntests:\n  - interval: {}\n    input_series:\n",
        rules.display(),
        pace.evaluation,
        groups.join(", "),
        pace.sample
    );
    for (series, values) in series {
        let name = series.split('{').next().unwrap();
        let labels = series[name.len()..].trim_matches(['{', '}']);
        let comma = if labels.is_empty() { "" } else { "," };
        let _ = writeln!(
            text,
            "      - series: '{name}{{{labels}{comma}job=\"pinroute\",instance=\"one\"}}'\n        values: '{values}'"
        );
    }
    let _ = write!(
        text,
        "    promql_expr_test:\n      - expr: count(max_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[2h])) > bool 0\n        \
         eval_time: {}\n        exp_samples: [{{labels: '{{}}', value: 1}}]\n",
        pace.end
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
