//! Messages to projects: headers and body of each type.

use serde_json::json;

use super::Transcript;
use crate::on_both_engines;
use crate::stage::{Stage, TestApp, word};
use crate::webhooks::{OPEN, admin, receiver, register};
use crate::world::{Fake, Seen, error};

on_both_engines!(
    messages_about_verifications_keep_their_shape,
    messages_about_money_keep_their_shape,
);

/// In order of time, then of type.
fn in_order(receiver: &Fake) -> Vec<Seen> {
    let mut seen = receiver.seen();
    seen.sort_by_cached_key(|seen| {
        let body = seen.json();
        ["timestamp", "type"].map(|field| word(&body[field]).to_owned())
    });
    seen
}

/// Delivers due messages, then advances the clock by a second.
async fn deliver(app: &TestApp) {
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    app.stage.advance(1);
}

async fn messages_about_verifications_keep_their_shape(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let mut said = Transcript::new(&stage);
    register(&admin, &receiver, &["*"]).await;
    let body = json!({ "phone_number": stage.number(), "payload": "order 42" });
    let approved = app.start(body).await.expect(201);
    deliver(&app).await;
    for status in ["delivered", "read"] {
        let report = stage.telegram.status(status);
        app.telegram_reports(&report).await.expect(200);
        deliver(&app).await;
    }
    let code = app.telegram_code();
    app.check(&approved["id"], &code).await.expect(200);
    app.settle(&approved["id"]).await;
    deliver(&app).await;
    let refused = error("PHONE_NUMBER_NOT_AVAILABLE");
    stage.telegram.next_sends([refused]);
    let canceled = app.started().await;
    deliver(&app).await;
    app.cancel(&canceled["id"]).await.expect(200);
    deliver(&app).await;
    stage.telegram.next_sends([error("PHONE_NUMBER_INVALID")]);
    app.started().await;
    deliver(&app).await;
    let body = json!({ "phone_number": stage.number(), "ttl": 30 });
    let expired = app.start(body).await.expect(201);
    app.later(&expired["id"], 30).await;
    deliver(&app).await;
    for seen in in_order(&receiver) {
        said.message(&seen);
    }
    said.finish("webhook_verifications");
}

async fn messages_about_money_keep_their_shape(stage: Stage) {
    let app = stage
        .app_with(&[OPEN, ("TELEGRAM__BALANCE_THRESHOLD", "5")])
        .await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let mut said = Transcript::new(&stage);
    let webhook = register(&admin, &receiver, &["balance.low", "budget.reached"]).await;
    let budgets = json!([{ "period": "day", "limit": { "amount": "0.02", "currency": "USD" }, "alert_at": [0.5] }]);
    let request = admin.request(reqwest::Method::PUT, "/v1/budgets");
    admin
        .send(request.json(&json!({ "items": budgets })))
        .await
        .expect(200);
    let body = json!({ "amount": "5", "currency": "USD", "note": "invoice 17" });
    all.post("/v1/balances/telegram/top-ups", body)
        .await
        .expect(201);
    app.started().await;
    assert_eq!(app.gateway.finance().watch_balances().await.unwrap(), 1);
    assert_eq!(app.gateway.finance().watch_budgets().await.unwrap(), 1);
    let path = format!("/v1/webhooks/{}/test", word(&webhook["id"]));
    stage.advance(1);
    admin.post(&path, json!({})).await.expect(200);
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    for seen in in_order(&receiver) {
        said.message(&seen);
    }
    said.finish("webhook_money");
}
