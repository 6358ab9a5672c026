//! The metrics that are documented are those that are recorded, and Prometheus' own tool finds no fault with them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use pinroute::telemetry::described::{ALL, Kind};
use serde_json::json;

use crate::on_both_engines;
use crate::stage::{SMS, Stage, word};
use crate::world::{Answer, path_of};

on_both_engines!(
    what_is_served_is_documented_with_its_labels,
    how_long_a_balance_lasts_is_no_number_once_nothing_is_spent,
);

/// The table of `docs/metrics.md`: name, then kind and labels.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let text = std::fs::read_to_string("docs/metrics.md").unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let labels = cells[2]
            .split(',')
            .map(|label| label.trim().trim_matches('`').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        (
            cells[0].trim_matches('`').to_owned(),
            (cells[1].to_owned(), labels),
        )
    };
    text.lines()
        .filter(|line| line.starts_with("| `pinroute_"))
        .map(row)
        .collect()
}

#[test]
fn each_metric_is_described_and_documented_alike() {
    let documented = documented();
    let described: BTreeMap<&str, &str> = ALL
        .iter()
        .map(|(name, kind, _)| {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            (*name, kind)
        })
        .collect();
    let documented: BTreeMap<&str, &str> = documented
        .iter()
        .map(|(name, (kind, _))| (name.as_str(), kind.as_str()))
        .collect();
    assert_eq!(described, documented);
}

#[test]
fn each_metric_that_the_code_names_is_documented() {
    let documented = documented();
    let mut named = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !path.ends_with("described.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                for (place, _) in text.match_indices("!(\"pinroute_") {
                    let name = text[place + 3..].split('"').next().unwrap();
                    named.insert(name.to_owned());
                }
            }
        }
    }
    for name in &named {
        assert!(
            documented.contains_key(name),
            "{name} is not in docs/metrics.md"
        );
    }
    for name in documented.keys() {
        assert!(
            named.contains(name),
            "{name} is documented, and no code records it"
        );
    }
}

async fn what_is_served_is_documented_with_its_labels(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let code = "314159";
    let start = async || {
        let body = json!({ "phone_number": stage.number(), "code": code });
        let v = app.start(body).await.expect(201);
        app.settle(&v["id"]).await
    };
    let v = start().await;
    let path = path_of(word(&stage.sms.sends()[0]["dlr"]));
    let report = json!({ "message_id": "m0", "status": "DELIVRD" });
    app.send(app.open_request(reqwest::Method::POST, &path).json(&report))
        .await
        .expect(200);
    app.check(&v["id"], "000000").await.expect(200);
    app.check(&v["id"], code).await.expect(200);
    app.settle(&v["id"]).await;
    stage.sms.next_sends([Answer::Json(429, json!({}))]);
    start().await;
    app.gateway.keep_partitions().await.unwrap();
    app.gateway.measure().await.unwrap();
    app.gateway.refresh().await;
    app.get("/readyz").await.expect(200);
    let served = app
        .send(app.open_request(reqwest::Method::GET, "/metrics"))
        .await;
    assert_eq!(served.status, 200);
    let text = served.text;
    let documented = documented();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let (known, _) = documented
                .get(name)
                .unwrap_or_else(|| panic!("{name} is not documented"));
            assert_eq!(kind, known, "{name}");
            seen.insert(name.to_owned());
        } else if let Some((series, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
            let (name, labels) = series
                .trim_end_matches('}')
                .split_once('{')
                .unwrap_or((series, ""));
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| {
                    name.strip_suffix(end)
                        .filter(|name| documented.contains_key(*name))
                })
                .unwrap_or(name);
            let (_, known) = &documented[family];
            for label in labels.split("\",").filter(|label| !label.is_empty()) {
                let (label, _) = label.split_once('=').unwrap();
                assert!(known.contains(label) || label == "le", "{series}");
            }
        }
    }
    for name in [
        "pinroute_http_requests_total",
        "pinroute_http_request_seconds",
        "pinroute_funnel_total",
        "pinroute_attempts_total",
        "pinroute_cost_micros_total",
        "pinroute_segments_total",
        "pinroute_delivery_seconds",
        "pinroute_due_oldest_seconds",
        "pinroute_webhook_messages",
        "pinroute_database_connections",
        "pinroute_database_wait_seconds",
        "pinroute_commit_group_changes",
        "pinroute_commit_seconds",
        "pinroute_ready",
    ] {
        assert!(seen.contains(name), "{name} was not recorded: {seen:?}");
    }
    let number = word(&v["phone_number"]).trim_start_matches('+');
    assert!(
        !text.contains(number) && !text.contains(code),
        "a number or a code is in the metrics"
    );
    has_no_fault(&text);
}

async fn how_long_a_balance_lasts_is_no_number_once_nothing_is_spent(stage: Stage) {
    // All programs of this process record the same metrics.
    let name = format!("rested-{:?}", stage.engine).to_lowercase();
    let providers = json!([Stage::sms_provider(&name, &stage.sms)]).to_string();
    let app = stage.app_with(&[SMS, ("SMS__PROVIDERS", &providers)]).await;
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let top_up = json!({ "amount": "1", "currency": "USD" });
    let path = format!("/v1/balances/{name}/top-ups");
    admin.post(&path, top_up).await.expect(201);
    let v = app.started().await;
    app.settle(&v["id"]).await;
    let head = format!(r#"pinroute_provider_runway_seconds{{provider="{name}"}} "#);
    let after = async |days: u64| -> f64 {
        stage.advance(days * 86_400);
        app.gateway.finance().watch_balances().await.unwrap();
        let request = app.open_request(reqwest::Method::GET, "/metrics");
        let text = app.send(request).await.text;
        let value = text.lines().find_map(|line| line.strip_prefix(&head));
        value.expect("it is recorded").parse().unwrap()
    };
    // 0.95 is left, and 0.05 was spent in a week.
    assert!((after(1).await - 133.0 * 86_400.0).abs() < 1.0);
    assert!(after(8).await.is_nan());
}

/// `promtool check metrics`, where it is installed.
fn has_no_fault(text: &str) {
    let Ok(promtool) = std::env::var("PINROUTE_TEST_PROMTOOL") else {
        return;
    };
    let mut tool = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let said = tool.wait_with_output().unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}
