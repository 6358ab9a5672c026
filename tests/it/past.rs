//! Verifications that are over leave the hot table, and nobody notices.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::person::person;
use crate::stage::{Engine, SMS, Stage, TestApp, UNLIMITED, word};
use crate::world::path_of;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    what_is_over_for_two_days_is_moved_and_read_as_before,
    what_is_pending_due_or_recent_stays,
    a_late_report_brings_a_verification_back,
    lists_go_on_from_the_hot_table_into_the_past,
    long_limits_recall_the_past,
    what_is_older_than_its_retention_goes_and_its_sums_stay,
    a_row_that_cannot_be_read_stays_where_it_is,
);

on_postgres!(
    nothing_is_moved_while_an_older_build_runs,
    partitions_are_made_ahead_and_dropped_when_they_are_too_old,
    a_create_locks_the_same_with_two_and_with_sixty_partitions,
    replicas_move_each_verification_once,
    operators_see_how_far_the_moving_is,
);

const CODE: &str = "314159";
const DAY: u64 = 86_400;

async fn start(app: &TestApp, number: &str) -> Value {
    let body = json!({ "phone_number": number, "code": CODE });
    let v = app.start(body).await.expect(201);
    app.settle(&v["id"]).await
}

async fn approved(app: &TestApp) -> Value {
    let v = start(app, &app.stage.number()).await;
    app.check(&v["id"], CODE).await.expect(200);
    app.settle(&v["id"]).await
}

/// How many rows a table has.
async fn count(stage: &Stage, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    let (count,): (i64,) = match stage.engine {
        Engine::Sqlite => {
            let mut connection = SqliteConnection::connect(&stage.database_url)
                .await
                .unwrap();
            sqlx::query_as(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        }
        Engine::Postgres => {
            let mut connection = PgConnection::connect(&stage.database_url).await.unwrap();
            sqlx::query_as(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        }
    };
    count
}

/// Rows in the hot table, and in the past.
async fn rows(stage: &Stage) -> (i64, i64) {
    (
        count(stage, "verifications").await,
        count(stage, "past_verifications").await,
    )
}

async fn moved(app: &TestApp) -> u64 {
    app.gateway.move_to_past().await.unwrap()
}

async fn what_is_over_for_two_days_is_moved_and_read_as_before(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = approved(&app).await;
    let path = format!("/v1/verifications/{}", word(&v["id"]));
    let before = app.find(&v["id"]).await;
    let events = app.get(&format!("{path}/events")).await.expect(200);
    stage.advance(2 * DAY - 1);
    assert_eq!(moved(&app).await, 0);
    stage.advance(2);
    assert_eq!(moved(&app).await, 1);
    assert_eq!(rows(&stage).await, (0, 1));
    assert_eq!(app.find(&v["id"]).await, before);
    assert_eq!(app.get(&format!("{path}/events")).await.expect(200), events);
    assert_eq!(moved(&app).await, 0);
    // What it refuses, it refuses as before, and it stays where it is.
    app.check(&v["id"], CODE)
        .await
        .problem(409, "verification_not_pending");
    app.cancel(&v["id"])
        .await
        .problem(409, "verification_not_pending");
    app.resend(&v["id"], json!({}))
        .await
        .problem(409, "verification_not_pending");
    assert_eq!(rows(&stage).await, (0, 1));
    // Its number is free for another one.
    let again = start(&app, word(&before["phone_number"])).await;
    assert_ne!(again["id"], v["id"]);
}

async fn what_is_pending_due_or_recent_stays(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    // Over, but an attempt whose outcome is unknown is still to be charged.
    stage
        .sms
        .next_sends([crate::world::Answer::Json(500, json!({}))]);
    let unknown = start(&app, &stage.number()).await;
    app.check(&unknown["id"], CODE).await.expect(200);
    let long_ago = approved(&app).await;
    stage.advance(3 * DAY);
    let pending = start(&app, &stage.number()).await;
    let recent = approved(&app).await;
    assert_eq!(moved(&app).await, 1);
    assert_eq!(rows(&stage).await, (3, 1));
    for v in [&unknown, &long_ago, &pending, &recent] {
        assert_eq!(app.find(&v["id"]).await["id"], v["id"]);
    }
    let list = app
        .get("/v1/verifications?status=pending")
        .await
        .expect(200);
    assert_eq!(list["items"][0]["id"], pending["id"]);
    // Charged, and quiet since: it goes two days after that.
    app.settle(&unknown["id"]).await;
    assert_eq!(moved(&app).await, 0);
    stage.advance(2 * DAY + 1);
    app.settle(&pending["id"]).await;
    assert!(moved(&app).await >= 2);
}

async fn a_late_report_brings_a_verification_back(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = approved(&app).await;
    stage.advance(3 * DAY);
    assert_eq!(moved(&app).await, 1);
    let path = path_of(word(&stage.sms.sends()[0]["dlr"]));
    for _ in 0..2 {
        let request = app
            .open_request(Method::POST, &path)
            .json(&json!({ "message_id": "m0", "status": "UNDELIV" }));
        app.send(request).await.expect(200);
        app.settle(&v["id"]).await;
    }
    assert_eq!(rows(&stage).await, (1, 0));
    let found = app.find(&v["id"]).await;
    assert_eq!(found["status"], "approved");
    assert_eq!(found["attempts"][0]["status"], "undelivered");
    // It is quiet again, and goes back as it is now.
    stage.advance(3 * DAY);
    assert_eq!(moved(&app).await, 1);
    assert_eq!(app.find(&v["id"]).await, found);
}

async fn lists_go_on_from_the_hot_table_into_the_past(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED]).await;
    let number = stage.number();
    let mut all = Vec::new();
    for place in 0..7 {
        let v = start(&app, &number).await;
        match place % 3 {
            0 => _ = app.check(&v["id"], CODE).await.expect(200),
            1 => _ = app.cancel(&v["id"]).await.expect(200),
            _ => stage.advance(601),
        }
        app.settle(&v["id"]).await;
        all.insert(0, v["id"].clone());
        stage.advance(DAY);
        moved(&app).await;
    }
    assert_eq!(rows(&stage).await, (1, 6));
    let ids = async |query: &str| {
        let (mut ids, mut next) = (Vec::new(), String::new());
        loop {
            let list = app
                .get(&format!("/v1/verifications?limit=2{query}{next}"))
                .await
                .expect(200);
            ids.extend(
                list["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| v["id"].clone()),
            );
            match list["next_cursor"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return ids,
            }
        }
    };
    let number = number.replace('+', "%2B");
    assert_eq!(ids("").await, all);
    assert_eq!(ids(&format!("&phone_number={number}")).await, all);
    let every_third = |first: usize| -> Vec<Value> {
        let reversed: Vec<_> = all.iter().rev().cloned().collect();
        let chosen = reversed.into_iter().skip(first).step_by(3);
        chosen.collect::<Vec<_>>().into_iter().rev().collect()
    };
    assert_eq!(ids("&status=approved").await, every_third(0));
    assert_eq!(ids("&status=canceled").await, every_third(1));
    assert_eq!(
        ids(&format!("&status=expired&phone_number={number}")).await,
        every_third(2)
    );
}

async fn long_limits_recall_the_past(stage: Stage) {
    let limit = ("DEFAULTS__LIMITS__PER_NUMBER", r#"["3/30d"]"#);
    let app = stage.app_with(&[SMS, limit]).await;
    let number = stage.number();
    for _ in 0..3 {
        let v = start(&app, &number).await;
        app.check(&v["id"], CODE).await.expect(200);
        app.settle(&v["id"]).await;
        stage.advance(3 * DAY);
    }
    assert_eq!(moved(&app).await, 3);
    stage.kill(app).await;
    // One that has counted nothing yet.
    let app = stage.app_with(&[SMS, limit, ("REDIS_URL", "")]).await;
    let body = json!({ "phone_number": number, "code": CODE });
    app.start(body).await.problem(429, "rate_limited");
}

async fn what_is_older_than_its_retention_goes_and_its_sums_stay(stage: Stage) {
    let retention = ("RETENTION__VERIFICATIONS", "10d");
    let app = stage.app_with(&[SMS, retention]).await;
    let old = approved(&app).await;
    stage.advance(20 * DAY);
    let young = approved(&app).await;
    stage.advance(3 * DAY);
    assert_eq!(moved(&app).await, 2);
    while app.gateway.keep_partitions().await.unwrap() {}
    assert_eq!(rows(&stage).await, (0, 1));
    app.get(&format!("/v1/verifications/{}", word(&old["id"])))
        .await
        .problem(404, "verification_not_found");
    assert_eq!(app.find(&young["id"]).await["id"], young["id"]);
    // The ledger keeps its entries; that the sums stay when they are rebuilt, the stage checks after each test.
    assert!(!app.ledger(&old["id"]).await.is_empty());
}

async fn a_row_that_cannot_be_read_stays_where_it_is(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let (bad, good) = (approved(&app).await, approved(&app).await);
    let id = word(&bad["id"]).parse().unwrap();
    stage.spoil(id).await;
    stage.advance(3 * DAY);
    assert_eq!(moved(&app).await, 1);
    assert_eq!(rows(&stage).await, (1, 1));
    stage.mend(id).await;
    assert_eq!(moved(&app).await, 1);
    for v in [bad, good] {
        assert_eq!(app.find(&v["id"]).await["status"], "approved");
    }
}

async fn nothing_is_moved_while_an_older_build_runs(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    approved(&app).await;
    stage.advance(3 * DAY);
    let now = stage.clock.now().to_rfc3339();
    // As a build before the past says that it works.
    stage
        .run_sql(&format!(
            "INSERT INTO replicas (owner, alive_until, oldest) VALUES (7, '{now}', '{}')",
            uuid::Uuid::nil()
        ))
        .await;
    app.gateway.verify().renew_leases().await.unwrap();
    assert_eq!(moved(&app).await, 0);
    stage.advance(31);
    app.gateway.verify().renew_leases().await.unwrap();
    assert_eq!(moved(&app).await, 1);
}

async fn partitions_of(stage: &Stage, table: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(&stage.database_url).await.unwrap();
    let names: Vec<(String,)> = sqlx::query_as(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
        WHERE i.inhparent = to_regclass($1) ORDER BY 1",
    )
    .bind(table)
    .fetch_all(&mut connection)
    .await
    .unwrap();
    names.into_iter().map(|(name,)| name).collect()
}

async fn partitions_are_made_ahead_and_dropped_when_they_are_too_old(stage: Stage) {
    let retention = ("RETENTION__WEBHOOK_DELIVERIES", "14d");
    let app = stage.app_with(&[SMS, retention]).await;
    app.gateway.keep_partitions().await.unwrap();
    let past = partitions_of(&stage, "past_verifications").await;
    assert_eq!(past.len(), 5, "{past:?}");
    let first = partitions_of(&stage, "webhook_deliveries").await;
    app.gateway.keep_partitions().await.unwrap();
    assert_eq!(partitions_of(&stage, "webhook_deliveries").await, first);
    stage.advance(7 * DAY);
    app.gateway.keep_partitions().await.unwrap();
    assert_eq!(partitions_of(&stage, "past_verifications").await.len(), 6);
    stage.advance(21 * DAY);
    app.gateway.keep_partitions().await.unwrap();
    let later = partitions_of(&stage, "webhook_deliveries").await;
    let gone: Vec<_> = first.iter().filter(|name| !later.contains(name)).collect();
    assert!(!gone.is_empty(), "{first:?} {later:?}");
    // Verifications are kept for longer.
    let past = partitions_of(&stage, "past_verifications").await;
    assert_eq!(past.len(), 9, "{past:?}");
}

/// The tables and indexes that a create locks, seen while it waits for the ledger.
async fn locks_of_a_create(app: &TestApp) -> Vec<String> {
    let stage = &app.stage;
    let mut other = PgConnection::connect(&stage.database_url).await.unwrap();
    let mut blocked = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE ledger IN SHARE MODE")
        .execute(&mut *blocked)
        .await
        .unwrap();
    let number = stage.number();
    let body = json!({ "phone_number": number, "code": CODE });
    let watch = async {
        loop {
            const WAITS: &str = "SELECT pid FROM pg_locks WHERE relation = 'ledger'::regclass AND NOT granted LIMIT 1";
            const HELD: &str = "SELECT DISTINCT c.relname::text FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                WHERE l.pid = $1 AND l.granted ORDER BY 1";
            let pid: Option<(i32,)> = sqlx::query_as(WAITS)
                .fetch_optional(&mut *blocked)
                .await
                .unwrap();
            let Some((pid,)) = pid else { continue };
            let held: Vec<(String,)> = sqlx::query_as(HELD)
                .bind(pid)
                .fetch_all(&mut *blocked)
                .await
                .unwrap();
            blocked.rollback().await.unwrap();
            return held.into_iter().map(|(name,)| name).collect();
        }
    };
    let (started, held) = tokio::join!(app.start(body), watch);
    let v = started.expect(201);
    app.settle(&v["id"]).await;
    held
}

async fn a_create_locks_the_same_with_two_and_with_sixty_partitions(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let few = locks_of_a_create(&app).await;
    assert!(few.contains(&"verifications".to_owned()), "{few:?}");
    for _ in 0..15 {
        stage.advance(28 * DAY);
        app.gateway.keep_partitions().await.unwrap();
    }
    assert!(partitions_of(&stage, "past_verifications").await.len() >= 60);
    // Another connection, since the first one may have a plan of before.
    let app = stage.app_with(&[SMS]).await;
    let many = locks_of_a_create(&app).await;
    assert_eq!(few, many);
    assert!(
        !many.iter().any(|name| name.starts_with("past_")),
        "{many:?}"
    );
}

async fn replicas_move_each_verification_once(stage: Stage) {
    let (one, two) = (stage.app_with(&[SMS]).await, stage.app_with(&[SMS]).await);
    for _ in 0..20 {
        approved(&one).await;
    }
    stage.advance(3 * DAY);
    for app in [&one, &two] {
        app.gateway.verify().renew_leases().await.unwrap();
    }
    let (here, there) = tokio::join!(moved(&one), moved(&two));
    assert_eq!(here + there + moved(&one).await, 20);
    assert_eq!(rows(&stage).await, (0, 20));
}

/// One row, and 600 copies of it: more than are moved at once.
async fn operators_see_how_far_the_moving_is(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = approved(&app).await;
    let copy = "INSERT INTO verifications SELECT (jsonb_populate_record(v, jsonb_build_object(\
        'id', left(v.id::text, 24) || lpad(to_hex(n), 12, '0')))).* FROM verifications v, generate_series(1, 600) n";
    stage.run_sql(copy).await;
    stage.advance(3 * DAY);
    app.gateway.verify().renew_leases().await.unwrap();
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let jobs = async || app.get("/readyz").await.expect(200)["jobs"].clone();
    assert_eq!(jobs().await, json!([]));
    let mut moving = Box::pin(app.gateway.move_to_past());
    let seen = loop {
        tokio::select! {
            moved = &mut moving => panic!("nothing was seen of the {moved:?}"),
            jobs = jobs() => if jobs != json!([]) { break jobs },
        }
    };
    assert_eq!(
        (&seen[0]["name"], &seen[0]["rows"]),
        (&json!("past_verifications"), &json!(500))
    );
    let second = |time: &Value| word(time)[..19].to_owned();
    assert_eq!(second(&seen[0]["reached"]), second(&v["created_at"]));
    assert!(
        word(&seen[0]["until"]) > word(&seen[0]["reached"]),
        "{seen}"
    );
    let page = ann.get("/dashboard").await.text;
    assert!(page.contains("500 so far"), "{page}");
    assert_eq!(moving.await.unwrap(), 601);
    assert_eq!(jobs().await, json!([]));
    // The sums know one alone.
    let copies = format!(
        "DELETE FROM past_verifications WHERE id <> '{}'",
        word(&v["id"])
    );
    stage.run_sql(&copies).await;
}
