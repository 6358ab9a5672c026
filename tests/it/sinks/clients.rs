//! Consumers that know the format alone: a program that reads both sinks with the library of the `CloudEvents` project.
//!
//! `scripts/sinks` installs and runs it; the program is in `tests/clients/sinks/`.

use std::process::Command;

use serde_json::json;

use super::{STREAM, deliver, events_file, file, in_file, stream};
use crate::limits::Redis;
use crate::on_both_engines;
use crate::program::run;
use crate::stage::Stage;

on_both_engines!(cloudevents);

async fn cloudevents(stage: Stage) {
    if std::env::var("PINROUTE_TEST_SINKS").unwrap_or_default() != "1" {
        println!("skipped: PINROUTE_TEST_SINKS is not 1 (./scripts/test installs the libraries)");
        return;
    }
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    let path = events_file(&stage);
    let sinks = json!([stream("stream", &redis), file("file", &path)]);
    let budget = r#"{"period":"day","limit":{"amount":"0.04","currency":"USD"}}"#;
    let app = stage
        .app_with(&[
            ("EVENTS__SINKS", &sinks.to_string()),
            ("DEFAULTS__BUDGET", budget),
        ])
        .await;
    for _ in 0..4 {
        let v = app.started().await;
        app.check(&v["id"], &app.telegram_code()).await.expect(200);
        app.settle(&v["id"]).await;
        // Events of one moment have no order across verifications.
        stage.advance(1);
    }
    app.gateway.finance().watch_budgets().await.unwrap();
    deliver(&app).await;
    let count = in_file(&path).len();
    assert_eq!(count, 13);
    let mut command = Command::new("bash");
    command
        .arg(format!("{}/scripts/sinks", env!("CARGO_MANIFEST_DIR")))
        .env(
            "PINROUTE_SINK_REDIS",
            format!("redis://127.0.0.1:{}", redis.port),
        )
        .env("PINROUTE_SINK_STREAM", STREAM)
        .env("PINROUTE_SINK_FILE", &path)
        .env("PINROUTE_SINK_EVENTS", count.to_string());
    let output = run(command).await;
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
