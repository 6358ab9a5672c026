//! Sinks: a Redis and files for the tests, and the tests by subject.

mod clients;
mod command;
mod events;
mod trouble;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deadpool_redis::redis::{Client as RedisClient, cmd};
use serde_json::{Value, json};

use crate::limits::Redis;
use crate::stage::{Stage, TestApp, word};

const STREAM: &str = "pinroute:events";

/// The configuration of a stream in a test's own Redis.
fn stream(name: &str, redis: &Redis) -> Value {
    let url = format!("redis://127.0.0.1:{}", redis.port);
    json!({ "name": name, "kind": "redis_stream", "url": url, "stream": STREAM })
}

fn file(name: &str, path: &Path) -> Value {
    json!({ "name": name, "kind": "file", "path": path })
}

async fn app(stage: &Stage, sinks: Value) -> TestApp {
    stage
        .app_with(&[
            ("EVENTS__SINKS", &sinks.to_string()),
            ("WEBHOOKS__ALLOW_PRIVATE", "true"),
        ])
        .await
}

async fn deliver(app: &TestApp) {
    app.gateway.notices().deliver_due_to_sinks().await.unwrap();
}

/// The events in a stream, oldest first.
async fn in_stream(redis: &Redis) -> Vec<Value> {
    let client = RedisClient::open(format!("redis://127.0.0.1:{}", redis.port)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let all = cmd("XRANGE").arg(STREAM).arg("-").arg("+").to_owned();
    let entries: Vec<(String, Vec<(String, String)>)> =
        all.query_async(&mut connection).await.unwrap();
    let event = |(_, fields): (String, Vec<(String, String)>)| {
        let [(name, text)] = fields.try_into().unwrap();
        assert_eq!(name, "event");
        serde_json::from_str(&text).unwrap()
    };
    entries.into_iter().map(event).collect()
}

/// The events in a file, oldest first. There is nothing else in it.
fn in_file(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Asserts that the events of each verification are in order, and returns their types.
fn in_order(events: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for event in events {
        all.entry(word(&event["subject"]).to_owned())
            .or_default()
            .push((
                word(&event["sequence"]).to_owned(),
                word(&event["type"]).to_owned(),
            ));
    }
    let in_order = |(subject, events): (String, Vec<(String, String)>)| {
        let sorted = events.windows(2).all(|two| two[0].0 < two[1].0);
        assert!(sorted, "{subject}: {events:?}");
        (subject, events.into_iter().map(|(_, kind)| kind).collect())
    };
    all.into_iter().map(in_order).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| word(&event["type"])).collect()
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|it| word(&it["id"]).to_owned()).collect()
}

fn events_file(stage: &Stage) -> PathBuf {
    stage.folder.join("events.jsonl")
}

/// The value of a metric with these labels.
async fn metric(app: &TestApp, line: &str) -> Option<f64> {
    let text = app.get("/metrics").await.text;
    let found = text.lines().find_map(|one| one.strip_prefix(line));
    found.map(|value| value.trim().parse().unwrap())
}
