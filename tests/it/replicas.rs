//! Several replicas on one Postgres, and recovery when one of them dies during its work.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::stage::{AT_ONCE, Engine, Stage, TestApp, UNLIMITED, word};
use crate::world::Answer;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_send_interrupted_by_a_crash_becomes_unknown,
    an_attempt_queued_before_a_crash_is_sent_afterwards,
    a_graceful_stop_finishes_sends_in_progress,
    a_clock_that_is_set_back_stalls_nothing,
);

on_postgres!(
    a_renewed_lease_is_not_taken_over,
    an_answer_after_the_takeover_still_counts,
    a_report_may_arrive_at_another_replica_than_the_sender,
    due_work_is_done_by_exactly_one_replica,
    parallel_starts_on_two_replicas_send_once,
    parallel_checks_on_two_replicas_keep_the_limit,
    parallel_resends_and_cancels_on_two_replicas_agree,
    a_key_created_on_one_replica_works_at_once_on_the_other,
    a_stream_carries_changes_made_on_another_replica,
    redis_carries_changes_to_another_replica_at_once,
    without_the_database_requests_are_503_and_sent_messages_are_not_forgotten,
);

/// Lets a provider stay silent for longer than a lease.
const SLOW: (&str, &str) = ("TELEGRAM__TIMEOUT", "1m");

fn attempt(v: &Value, place: usize) -> (&str, &str, Option<&str>) {
    let a = &v["attempts"][place];
    (
        word(&a["channel"]),
        word(&a["status"]),
        a["reason"].as_str(),
    )
}

/// A verification whose first send is in progress, without an answer.
async fn sending(app: &TestApp, answer: Answer) -> Value {
    app.stage.telegram.next_sends([answer]);
    let count = app.stage.telegram.fake.seen().len();
    let v = app
        .start(json!({ "phone_number": app.stage.number(), "wait": 0 }))
        .await
        .expect(201);
    app.stage.telegram.fake.until_seen(count + 1).await;
    v
}

/// Kills the program and starts the one that takes over: another replica on Postgres, a restart on SQLite.
async fn successor(stage: &Stage, dead: TestApp) -> TestApp {
    stage.kill(dead).await;
    let app = stage.app_with(&[SLOW, AT_ONCE]).await;
    if stage.engine == Engine::Postgres {
        // Nothing happens before the lease expires.
        assert_eq!(app.gateway.verify().work_on_due(100).await.unwrap(), 0);
        stage.advance(6);
    }
    app
}

async fn a_send_interrupted_by_a_crash_becomes_unknown(stage: Stage) {
    let first = stage.app_with(&[SLOW]).await;
    let v = sending(&first, Answer::Hang).await;
    let app = successor(&stage, first).await;
    assert_eq!(attempt(&app.find(&v["id"]).await, 0).1, "sending");
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0), ("telegram", "unknown", Some("interrupted")));
    assert_eq!(attempt(&v, 1), ("sms", "sent", None));
    assert_eq!(
        stage.telegram.sends().len(),
        1,
        "never sent twice automatically on the same channel"
    );
    assert!(word(&stage.sms.sends()[0]["text"]).contains(&app.telegram_code()));
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0), ("telegram", "delivered", None));
    assert_eq!(v["costs"], json!([{ "amount": "0.06", "currency": "USD" }]));
}

async fn an_attempt_queued_before_a_crash_is_sent_afterwards(stage: Stage) {
    let first = stage.app_with(&[SLOW, AT_ONCE]).await;
    let v = sending(&first, Answer::Hang).await;
    // The second send waits for the first.
    let v = first
        .resend(&v["id"], json!({ "channel": "sms" }))
        .await
        .expect(200);
    assert_eq!(attempt(&v, 1), ("sms", "queued", None));
    let app = successor(&stage, first).await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0), ("telegram", "unknown", Some("interrupted")));
    assert_eq!(attempt(&v, 1), ("sms", "sent", None));
    assert_eq!(
        (stage.telegram.sends().len(), stage.sms.sends().len()),
        (1, 1)
    );
    assert_eq!(v["attempts"].as_array().unwrap().len(), 2);
}

async fn a_graceful_stop_finishes_sends_in_progress(stage: Stage) {
    let first = stage.app_with(&[SLOW]).await;
    let now = Arc::new(Notify::new());
    let v = sending(&first, Answer::TakenAfter(Arc::clone(&now))).await;
    now.notify_one();
    stage.stop(first).await;
    let app = stage.app().await;
    let v = app.find(&v["id"]).await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None));
    assert_eq!(v["costs"], json!([{ "amount": "0.01", "currency": "USD" }]));
}

async fn a_renewed_lease_is_not_taken_over(stage: Stage) {
    let (a, b) = (stage.app_with(&[SLOW]).await, stage.app().await);
    let now = Arc::new(Notify::new());
    let v = sending(&a, Answer::TakenAfter(Arc::clone(&now))).await;
    for _ in 0..5 {
        stage.advance(4);
        a.gateway.verify().renew_leases().await.unwrap();
        assert_eq!(b.gateway.verify().work_on_due(100).await.unwrap(), 0);
    }
    now.notify_one();
    let v = a.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0).1, "sent");
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn an_answer_after_the_takeover_still_counts(stage: Stage) {
    let (a, b) = (stage.app_with(&[SLOW]).await, stage.app().await);
    let now = Arc::new(Notify::new());
    let v = sending(&a, Answer::TakenAfter(Arc::clone(&now))).await;
    stage.advance(6);
    let taken_over = b.settle(&v["id"]).await;
    assert_eq!(
        (attempt(&taken_over, 0).1, attempt(&taken_over, 1).1),
        ("unknown", "sent")
    );
    let tasks = a.gateway.tasks().clone();
    now.notify_one();
    tasks.close();
    tasks.wait().await;
    let v = b.settle(&v["id"]).await;
    assert_eq!(
        (attempt(&v, 0), attempt(&v, 1)),
        (("telegram", "sent", None), ("sms", "sent", None))
    );
    assert_eq!(
        (v["attempts"].as_array().unwrap().len(), v["costs"].clone()),
        (2, json!([{ "amount": "0.06", "currency": "USD" }]))
    );
    assert_eq!(
        (stage.telegram.sends().len(), stage.sms.sends().len()),
        (1, 1)
    );
    assert_eq!(b.ledger(&v["id"]).await.len(), 2);
}

async fn a_report_may_arrive_at_another_replica_than_the_sender(stage: Stage) {
    let (a, b) = (stage.app_with(&[SLOW]).await, stage.app().await);
    let now = Arc::new(Notify::new());
    let v = sending(&a, Answer::TakenAfter(Arc::clone(&now))).await;
    let report = stage.telegram.status("delivered");
    b.telegram_reports_signed(&report, crate::world::TOKEN, stage.clock.now())
        .await
        .expect(200);
    assert_eq!(attempt(&a.find(&v["id"]).await, 0).1, "delivered");
    now.notify_one();
    let v = a.settle(&v["id"]).await;
    assert_eq!(
        (attempt(&v, 0).1, v["attempts"].as_array().unwrap().len()),
        ("delivered", 1)
    );
    assert_eq!(v["costs"], json!([{ "amount": "0.01", "currency": "USD" }]));
}

async fn due_work_is_done_by_exactly_one_replica(stage: Stage) {
    let (a, b) = (stage.app().await, stage.app().await);
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(a.started().await["id"].clone());
    }
    stage.advance(15);
    let work = (0..8).map(|n| {
        if n % 2 == 0 {
            a.gateway.verify().work_on_due(5)
        } else {
            b.gateway.verify().work_on_due(5)
        }
    });
    futures_util::future::join_all(work).await;
    for id in &ids {
        let v = a.settle(id).await;
        assert_eq!(attempt(&v, 1), ("sms", "sent", None));
    }
    assert_eq!(stage.sms.sends().len(), 20, "each is sent once");
}

async fn parallel_starts_on_two_replicas_send_once(stage: Stage) {
    let changes = [UNLIMITED];
    let (a, b) = (
        stage.app_with(&changes).await,
        stage.app_with(&changes).await,
    );
    let body = json!({ "phone_number": stage.number() });
    let starts = (0..16).map(|n| {
        if n % 2 == 0 {
            a.start(body.clone())
        } else {
            b.start(body.clone())
        }
    });
    let replies = futures_util::future::join_all(starts).await;
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        15,
        "{statuses:?}"
    );
    a.settle(&replies[0].body["id"]).await;
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn parallel_checks_on_two_replicas_keep_the_limit(stage: Stage) {
    let off = ("DEFAULTS__LIMITS__WRONG_CODES_PER_NUMBER", "off");
    let (a, b) = (stage.app_with(&[off]).await, stage.app_with(&[off]).await);
    let v = a.started().await;
    let wrong = a.wrong_code();
    let checks = (0..50).map(|n| {
        if n % 2 == 0 {
            a.check(&v["id"], &wrong)
        } else {
            b.check(&v["id"], &wrong)
        }
    });
    let replies = futures_util::future::join_all(checks).await;
    let mut left: Vec<u64> = Vec::new();
    for reply in &replies {
        match reply.status {
            200 => left.push(reply.body["checks_left"].as_u64().unwrap()),
            _ => drop(reply.problem(429, "too_many_checks")),
        }
    }
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
}

async fn parallel_resends_and_cancels_on_two_replicas_agree(stage: Stage) {
    let changes = [AT_ONCE, UNLIMITED, ("DEFAULTS__MAX_SENDS", "4")];
    let (a, b) = (
        stage.app_with(&changes).await,
        stage.app_with(&changes).await,
    );
    let v = a.started().await;
    let body = json!({ "channel": "sms" });
    let resends = (0..12).map(|n| {
        if n % 2 == 0 {
            a.resend(&v["id"], body.clone())
        } else {
            b.resend(&v["id"], body.clone())
        }
    });
    let replies = futures_util::future::join_all(resends).await;
    let sent = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(sent, 3);
    a.settle(&v["id"]).await;
    let settled = b.settle(&v["id"]).await;
    assert_eq!(
        (
            &settled["sends_left"],
            settled["attempts"].as_array().unwrap().len()
        ),
        (&json!(0), 4)
    );
    assert_eq!(stage.sms.sends().len(), 3);
    let cancels = (0..8).map(|n| {
        if n % 2 == 0 {
            a.cancel(&v["id"])
        } else {
            b.cancel(&v["id"])
        }
    });
    let replies = futures_util::future::join_all(cancels).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 200).count(),
        1
    );
}

async fn a_key_created_on_one_replica_works_at_once_on_the_other(stage: Stage) {
    let (a, b) = (stage.app().await, stage.app().await);
    let key = stage.new_key(Some("new project"), "verify").await;
    let v = b.with_key(&key).started().await;
    assert_eq!(a.with_key(&key).find(&v["id"]).await["id"], v["id"]);
}

async fn a_stream_carries_changes_made_on_another_replica(stage: Stage) {
    let (a, b) = (stage.app().await, stage.app().await);
    let v = a.started().await;
    let path = format!("/v1/verifications/{}/events", word(&v["id"]));
    let stream = b
        .request(reqwest::Method::GET, &path)
        .header("Accept", "text/event-stream");
    let (streamed, canceled) = tokio::join!(b.send(stream), a.cancel(&v["id"]));
    canceled.expect(200);
    assert!(
        streamed.text.contains("event: verification.created"),
        "{}",
        streamed.text
    );
    assert!(
        streamed.text.contains("event: verification.canceled"),
        "{}",
        streamed.text
    );
}

/// With Redis a stream polls only every 15 s (every second without), so anything sooner came through Redis.
async fn redis_carries_changes_to_another_replica_at_once(stage: Stage) {
    let (a, b) = (stage.app().await, stage.app().await);
    let stop = CancellationToken::new();
    let open_stream = |app: &TestApp| {
        let (gateway, stop) = (app.gateway.clone(), stop.clone());
        tokio::spawn(async move { gateway.live().follow_replicas(&stop).await })
    };
    let streams = [open_stream(&a), open_stream(&b)];
    while !(a.gateway.live().sees_all_changes() && b.gateway.live().sees_all_changes()) {
        tokio::task::yield_now().await;
    }
    let v = a.started().await;
    let path = format!("/v1/verifications/{}/events", word(&v["id"]));
    let stream = b
        .request(reqwest::Method::GET, &path)
        .header("Accept", "text/event-stream");
    let open = stream.send().await.unwrap();
    a.cancel(&v["id"]).await.expect(200);
    let streamed = tokio::time::timeout(std::time::Duration::from_secs(12), open.text())
        .await
        .expect("the event arrives before the stream polls")
        .unwrap();
    assert!(
        streamed.contains("event: verification.canceled"),
        "{streamed}"
    );
    // The other replica learns of a new webhook endpoint without a refresh.
    let admin = a.with_key(&stage.new_key(Some("default"), "admin").await);
    let body = json!({ "url": "https://shop.example/hooks" });
    let webhook = admin.post("/v1/webhooks", body).await.expect(201);
    while b.gateway.directory().webhooks().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(json!(b.gateway.directory().webhooks()[0].id), webhook["id"]);
    stop.cancel();
    for task in streams {
        task.await.unwrap();
    }
    assert!(!b.gateway.live().sees_all_changes());
}

async fn without_the_database_requests_are_503_and_sent_messages_are_not_forgotten(stage: Stage) {
    let app = stage.app_with(&[SLOW]).await;
    let now = Arc::new(Notify::new());
    let v = sending(&app, Answer::TakenAfter(Arc::clone(&now))).await;
    stage.hide_database().await;
    let body = json!({ "phone_number": stage.number() });
    let refused = app.post_once("/v1/verifications", "k", body.clone()).await;
    refused.problem(503, "service_unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let path = format!("/v1/verifications/{}", word(&v["id"]));
    app.get(&path).await.problem(503, "service_unavailable");
    app.check(&v["id"], "000000")
        .await
        .problem(503, "service_unavailable");
    let report = stage.telegram.status("delivered");
    let at = stage.clock.now();
    app.telegram_reports_signed(&report, crate::world::TOKEN, at)
        .await
        .problem(503, "service_unavailable");
    assert_eq!(
        stage.telegram.sends().len(),
        1,
        "nothing is sent before it is durable"
    );

    // The provider answers while the database cannot be written.
    now.notify_one();
    for _ in 0..20 {
        app.get(&path).await.problem(503, "service_unavailable");
    }
    stage.show_database().await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None));
    assert_eq!(v["costs"], json!([{ "amount": "0.01", "currency": "USD" }]));
    app.post_once("/v1/verifications", "k", body)
        .await
        .expect(201);
    app.telegram_reports(&report).await.expect(200);
    assert_eq!(attempt(&app.find(&v["id"]).await, 0).1, "delivered");
}

async fn a_clock_that_is_set_back_stalls_nothing(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__RESEND_AFTER", "30s"), ("REDIS_URL", "")])
        .await;
    let v = app.started().await;
    app.gateway.verify().work_on_due(10).await.unwrap();
    stage.clock.set_back(std::time::Duration::from_secs(3_600));
    app.gateway.verify().work_on_due(10).await.unwrap();
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        attempt(&v, 1),
        ("sms", "sent", None),
        "the step's wait is over"
    );
    let body = json!({ "channel": "sms" });
    app.resend(&v["id"], body).await.expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 2), ("sms", "sent", None));
    // What was drawn in what is now the future does not count.
    let number = json!({ "phone_number": v["phone_number"], "payload": "another" });
    for payload in 0..5 {
        let mut body = number.clone();
        body["payload"] = json!(payload.to_string());
        let status = app.start(body).await.status;
        assert_eq!(
            status,
            if payload < 4 { 201 } else { 429 },
            "the resend counts"
        );
    }
}
