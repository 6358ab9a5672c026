//! A site's answers: verifications, checks, events, and the proof's claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::Transcript;
use crate::on_both_engines;
use crate::stage::{Stage, word};
use crate::world::error;

on_both_engines!(
    answers_about_a_verification_keep_their_shape,
    answers_about_a_verification_without_telegram_keep_their_shape,
);

async fn answers_about_a_verification_keep_their_shape(stage: Stage) {
    let app = stage.app().await;
    let mut said = Transcript::new(&stage);
    let body = json!({
        "phone_number": stage.number(), "ttl": 600, "locale": "ru", "payload": "order 42",
        "client": { "ip": "203.0.113.7", "user_agent": "Mozilla/5.0" }, "web_domain": "shop.example",
    });
    let reply = app.start(body.clone()).await;
    let v = said.answer("POST /v1/verifications", &reply, 201);
    let reply = app.start(body).await;
    said.answer("POST /v1/verifications (repeated)", &reply, 200);
    stage.advance(5);
    let report = stage.telegram.status("delivered");
    app.telegram_reports(&report).await.expect(200);
    let path = format!("/v1/verifications/{}", word(&v["id"]));
    said.answer(&format!("GET {path}"), &app.get(&path).await, 200);
    stage.advance(30);
    let reply = app.resend(&v["id"], json!({ "channel": "sms" })).await;
    said.answer(&format!("POST {path}/resend"), &reply, 200);
    app.settle(&v["id"]).await;
    let reply = app.check(&v["id"], &app.wrong_code()).await;
    said.answer(&format!("POST {path}/check (wrong)"), &reply, 200);
    stage.advance(5);
    let reply = app.check(&v["id"], &app.telegram_code()).await;
    let check = said.answer(&format!("POST {path}/check (right)"), &reply, 200);
    let mut claims = claims(word(&check["proof"]));
    for field in ["iat", "exp"] {
        let at = chrono::DateTime::from_timestamp(claims[field].as_i64().unwrap(), 0).unwrap();
        claims[field] = json!(at.format("%FT%TZ").to_string());
    }
    said.value("The proof's claims", &claims);
    app.settle(&v["id"]).await;
    said.answer(&format!("GET {path}"), &app.get(&path).await, 200);
    let events = format!("{path}/events");
    said.answer(&format!("GET {events}"), &app.get(&events).await, 200);
    let request = app.request(Method::GET, &events);
    let stream = request.header("Accept", "text/event-stream");
    said.answer(
        &format!("GET {events} (as a stream)"),
        &app.send(stream).await,
        200,
    );
    let ledger = format!("/v1/ledger?verification_id={}", word(&v["id"]));
    said.answer(&format!("GET {ledger}"), &app.get(&ledger).await, 200);
    said.finish("verification");
}

async fn answers_about_a_verification_without_telegram_keep_their_shape(stage: Stage) {
    let app = stage.app().await;
    let mut said = Transcript::new(&stage);
    let refused = || error("PHONE_NUMBER_NOT_AVAILABLE");
    stage.telegram.next_sends([refused()]);
    let body = json!({ "phone_number": stage.number() });
    let v = said.answer(
        "POST /v1/verifications (falls back)",
        &app.start(body).await,
        201,
    );
    let reply = app.cancel(&v["id"]).await;
    said.answer("POST /v1/verifications/{id}/cancel", &reply, 200);
    app.settle(&v["id"]).await;
    stage.advance(1);
    stage.telegram.next_sends([error("PHONE_NUMBER_INVALID")]);
    let body = json!({ "phone_number": stage.number() });
    said.answer(
        "POST /v1/verifications (fails)",
        &app.start(body).await,
        201,
    );
    let first = app.get("/v1/verifications?limit=1").await;
    let page = said.answer("GET /v1/verifications?limit=1", &first, 200);
    let path = format!(
        "/v1/verifications?limit=1&cursor={}",
        word(&page["next_cursor"])
    );
    let reply = app.get(&path).await;
    said.answer("GET /v1/verifications (last page)", &reply, 200);
    said.finish("verification_fallback");
}

fn claims(jwt: &str) -> Value {
    let body = jwt.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}
