//! `statement_timeout`: what a statement that does not end does to requests.

use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};

use crate::on_postgres;
use crate::stage::Stage;

on_postgres!(a_statement_that_does_not_end_is_ended_by_postgres);

async fn a_statement_that_does_not_end_is_ended_by_postgres(stage: Stage) {
    let app = stage.app_with(&[("STATEMENT_TIMEOUT", "1s")]).await;
    let v = app.started().await;
    app.settle(&v["id"]).await;
    let mut other = PgConnection::connect(&stage.database_url).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    let lock = "LOCK TABLE verifications IN ACCESS EXCLUSIVE MODE";
    other.execute(lock).await.unwrap();
    let since = Instant::now();
    let read = app.get("/v1/verifications").await;
    read.problem(503, "service_unavailable");
    let written = app
        .start(serde_json::json!({ "phone_number": stage.number() }))
        .await;
    written.problem(503, "service_unavailable");
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    other.execute("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    app.get("/v1/verifications").await.expect(200);
    app.started().await;
}
