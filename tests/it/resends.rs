//! Resends: each that is accepted is sent exactly once, whatever else is being sent, or it is refused at once.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::stage::{AT_ONCE, SMS, Stage, TestApp, UNLIMITED, word};
use crate::world::Answer;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    resends_during_a_slow_send_are_all_sent,
    a_double_click_sends_what_was_accepted,
    resends_queued_behind_a_crashed_send_are_sent_once,
    resends_that_wait_when_the_verification_ends_are_free,
    a_resend_that_no_provider_can_take_is_refused_and_not_counted,
);

on_postgres!(resends_on_two_replicas_during_a_slow_send_are_all_sent);

const PATIENT: (&str, &str) = ("SMS__PROVIDERS__0__TIMEOUT", "1m");

/// A verification whose SMS is being sent, until the returned notice.
async fn being_sent(app: &TestApp) -> (Value, Arc<Notify>) {
    let now = Arc::new(Notify::new());
    let answer = Answer::JsonAfter(Arc::clone(&now), json!({ "message_id": "slow" }));
    app.stage.sms.next_sends([answer]);
    let v = app
        .start(json!({ "phone_number": app.stage.number(), "wait": 0 }))
        .await
        .expect(201);
    app.stage.sms.fake.until_seen(1).await;
    (v, now)
}

fn statuses(v: &Value) -> Vec<&str> {
    let attempts = v["attempts"].as_array().unwrap();
    attempts.iter().map(|a| word(&a["status"])).collect()
}

/// As many messages left as attempts were charged, and nothing is in doubt.
async fn assert_all_sent(app: &TestApp, id: &Value, count: usize) {
    let v = app.settle(id).await;
    assert_eq!(statuses(&v), vec!["sent"; count]);
    let sends = app.stage.sms.sends();
    let mut attempts: Vec<&str> = sends.iter().map(|send| word(&send["ref"])).collect();
    attempts.sort_unstable();
    attempts.dedup();
    assert_eq!((sends.len(), attempts.len()), (count, count));
    let ledger = app.ledger(id).await;
    assert_eq!(ledger.len(), count, "{ledger:?}");
}

async fn resends_during_a_slow_send_are_all_sent(stage: Stage) {
    let app = stage.app_with(&[SMS, AT_ONCE, PATIENT]).await;
    let (v, answered) = being_sent(&app).await;
    for _ in 0..2 {
        let resent = app.resend(&v["id"], json!({ "channel": "sms" }));
        let v = resent.await.expect(200);
        assert_eq!(v["attempts"][0]["status"], "sending");
    }
    answered.notify_one();
    stage.sms.fake.until_seen(3).await;
    assert_all_sent(&app, &v["id"], 3).await;
}

async fn a_double_click_sends_what_was_accepted(stage: Stage) {
    let app = stage.app_with(&[SMS, AT_ONCE, UNLIMITED]).await;
    let v = app.started().await;
    let clicks = (0..10).map(|_| app.resend(&v["id"], json!({ "channel": "sms" })));
    let replies = futures_util::future::join_all(clicks).await;
    let accepted = replies.iter().filter(|reply| reply.status == 200).count();
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.problem(429, "too_many_sends");
    }
    assert_eq!(accepted, 4);
    assert_all_sent(&app, &v["id"], 5).await;
}

async fn resends_on_two_replicas_during_a_slow_send_are_all_sent(stage: Stage) {
    let changes = [SMS, AT_ONCE, PATIENT, UNLIMITED];
    let (a, b) = (
        stage.app_with(&changes).await,
        stage.app_with(&changes).await,
    );
    let (v, answered) = being_sent(&a).await;
    let body = json!({ "channel": "sms" });
    let clicks = (0..4).map(|n| {
        let app = if n % 2 == 0 { &a } else { &b };
        app.resend(&v["id"], body.clone())
    });
    for reply in futures_util::future::join_all(clicks).await {
        reply.expect(200);
    }
    answered.notify_one();
    stage.sms.fake.until_seen(5).await;
    a.settle(&v["id"]).await;
    assert_all_sent(&b, &v["id"], 5).await;
}

async fn resends_queued_behind_a_crashed_send_are_sent_once(stage: Stage) {
    let changes = [SMS, AT_ONCE, PATIENT];
    let first = stage.app_with(&changes).await;
    let (v, _never) = being_sent(&first).await;
    for _ in 0..2 {
        first
            .resend(&v["id"], json!({ "channel": "sms" }))
            .await
            .expect(200);
    }
    stage.kill(first).await;
    let app = stage.app_with(&changes).await;
    let v = app.later(&v["id"], 6).await;
    assert_eq!(statuses(&v), ["unknown", "sent", "sent"]);
    assert_eq!(v["attempts"][0]["reason"], "interrupted");
    assert_eq!(stage.sms.sends().len(), 3);
}

async fn resends_that_wait_when_the_verification_ends_are_free(stage: Stage) {
    let app = stage.app_with(&[SMS, AT_ONCE, PATIENT]).await;
    let (v, answered) = being_sent(&app).await;
    app.resend(&v["id"], json!({ "channel": "sms" }))
        .await
        .expect(200);
    let canceled = app.cancel(&v["id"]).await.expect(200);
    assert_eq!(canceled["in_flight"], true, "one message may still arrive");
    answered.notify_one();
    let v = app.settle(&v["id"]).await;
    assert_eq!(v.get("in_flight"), None);
    assert_eq!(statuses(&v), ["sent", "failed"]);
    assert_eq!(v["attempts"][1]["reason"], "canceled");
    assert_eq!(v["attempts"][1]["cost"]["state"], "free");
    assert_eq!(stage.sms.sends().len(), 1);
}

async fn a_resend_that_no_provider_can_take_is_refused_and_not_counted(stage: Stage) {
    let app = stage.app_with(&[AT_ONCE]).await;
    let v = app.started().await;
    stage.stop(app).await;
    let mut provider = Stage::sms_provider("main", &stage.sms);
    provider["prices"] = json!({ "RU": "0.05" });
    let providers = json!([provider]).to_string();
    let app = stage
        .app_with(&[("SMS__PROVIDERS", &providers), AT_ONCE])
        .await;
    for body in [json!({ "channel": "sms" }), json!({})] {
        let refused = app.resend(&v["id"], body).await;
        let problem = refused.problem(422, "channel_unavailable");
        assert_eq!(problem["channels"], json!(["telegram"]));
    }
    let now = app.find(&v["id"]).await;
    assert_eq!(
        (&now["sends_left"], &now["attempts"]),
        (&v["sends_left"], &v["attempts"])
    );
    app.resend(&v["id"], json!({ "channel": "telegram" }))
        .await
        .expect(200);
    app.settle(&v["id"]).await;
}
