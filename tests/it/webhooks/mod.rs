//! Webhooks to projects: a receiver for the tests, and the tests by subject.

mod endpoints;
mod messages;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::stage::{Client, TestApp, word};
use crate::world::{Answer, Fake, Seen};

pub const OPEN: (&str, &str) = ("WEBHOOKS__ALLOW_PRIVATE", "true");

pub async fn receiver() -> Fake {
    Fake::start(|_| Answer::Json(200, json!({}))).await
}

pub fn address(fake: &Fake) -> String {
    format!("http://{}/hooks?from=pinroute", fake.address)
}

/// A client with a key of the project's administrator.
pub async fn admin(app: &TestApp) -> Client {
    let key = app.stage.new_key(Some("default"), "admin").await;
    app.client.with_key(&key)
}

pub async fn register(admin: &Client, fake: &Fake, events: &[&str]) -> Value {
    let body = json!({ "url": address(fake), "events": events, "description": "a test's" });
    admin.post("/v1/webhooks", body).await.expect(201)
}

pub async fn deliveries(admin: &Client, webhook: &Value) -> Vec<Value> {
    let path = format!("/v1/webhooks/{}/deliveries", word(&webhook["id"]));
    let page = admin.get(&path).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Verifies a signature as a receiver does (Standard Webhooks), without using the program's code.
pub fn is_signed(seen: &Seen, secret: &Value) -> bool {
    let key = STANDARD
        .decode(word(secret).strip_prefix("whsec_").unwrap())
        .unwrap();
    let header = |name| seen.header(name).unwrap();
    let signed = format!(
        "{}.{}.{}",
        header("webhook-id"),
        header("webhook-timestamp"),
        seen.text
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    let wanted = format!("v1,{}", STANDARD.encode(tag));
    header("webhook-signature")
        .split(' ')
        .any(|one| one == wanted)
}

pub fn types(fake: &Fake) -> Vec<String> {
    let mut types: Vec<String> = fake
        .seen()
        .iter()
        .map(|seen| word(&seen.json()["type"]).to_owned())
        .collect();
    types.sort();
    types
}
