//! Projects: policies, API keys and message texts. Shared helpers, and the tests by subject.

mod keys;
mod policies;
mod texts;

use serde_json::{Value, json};

use crate::stage::{Client, Reply, Stage, TestApp, word};

pub async fn instance(app: &TestApp) -> Client {
    app.with_key(&app.stage.new_key(None, "admin").await)
}

/// A project with this policy, and a website's key for it.
pub async fn project(app: &TestApp, name: &str, policy: Value) -> Client {
    let body = json!({ "name": name, "policy": policy });
    instance(app)
        .await
        .post("/v1/projects", body)
        .await
        .expect(201);
    app.with_key(&app.stage.new_key(Some(name), "verify").await)
}

pub async fn patch(client: &Client, path: &str, body: Value) -> Reply {
    client
        .send(client.request(reqwest::Method::PATCH, path).json(&body))
        .await
}

pub fn newest_sms(stage: &Stage) -> String {
    word(&stage.sms.sends().pop().expect("an SMS was sent")["text"]).to_owned()
}

/// Sends a code by SMS only and returns the text.
pub async fn sms_to(client: &Client, number: &str, more: Value) -> String {
    let mut body = json!({ "phone_number": number, "channels": ["sms"] });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    client.start(body).await.expect(201);
    newest_sms(&client.stage)
}
