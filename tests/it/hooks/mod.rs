//! Identity servers that make codes themselves: each kind's requests, and the resource that configures them.

mod clients;
mod command;
mod generic;
mod messages;
mod repeats;
mod resource;
mod signed;
mod traces;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::stage::{Client, Reply, Stage, TestApp, word};

/// A client with a key of the project's administrator.
pub async fn admin(app: &TestApp) -> Client {
    let key = app.stage.new_key(Some("default"), "admin").await;
    app.client.with_key(&key)
}

/// An integration as it was created, with its secret, and how its host calls it.
pub struct Hook<'a> {
    pub app: &'a TestApp,
    pub made: Value,
    pub secret: String,
}

impl<'a> Hook<'a> {
    pub async fn new(app: &'a TestApp, body: Value) -> Self {
        let mut body = body;
        body["name"] = json!("a test's");
        let made = admin(app).await.post("/v1/integrations", body).await;
        Self::of(app, made.expect(201))
    }

    pub fn of(app: &'a TestApp, made: Value) -> Self {
        let secret = made["secret"].as_str().unwrap_or_default().to_owned();
        Self { app, made, secret }
    }

    pub fn path(&self) -> String {
        let (kind, id) = (word(&self.made["kind"]), word(&self.made["id"]));
        format!("/hooks/{kind}/{id}")
    }

    pub fn request(&self, method: Method) -> RequestBuilder {
        self.app.open_request(method, &self.path())
    }

    /// Of kind `generic`, by bearer token.
    pub async fn post(&self, body: &Value) -> Reply {
        let request = self.request(Method::POST).bearer_auth(&self.secret);
        self.app.send(request.json(body)).await
    }

    /// Signed as Supabase signs, at the stage's time.
    pub async fn supabase(&self, body: &Value) -> Reply {
        let at = self.app.stage.clock.now().timestamp();
        self.app.send(self.supabase_at(body, at)).await
    }

    pub fn supabase_at(&self, body: &Value, at: i64) -> RequestBuilder {
        let (body, id) = (body.to_string(), "msg-1");
        let signature = standard_webhook(&self.secret, id, at, &body);
        self.request(Method::POST)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(body)
    }

    /// Signed as ZITADEL signs.
    pub async fn zitadel(&self, key: &str, body: &Value) -> Reply {
        let (at, body) = (self.app.stage.clock.now().timestamp(), body.to_string());
        let tag = hex::encode(tag(key.as_bytes(), &format!("{at}.{body}")));
        let request = self
            .request(Method::POST)
            .header("content-type", "application/json")
            .header("ZITADEL-Signature", format!("t={at},v1={tag}"));
        self.app.send(request.body(body)).await
    }

    /// Signed as Authgear signs.
    pub async fn authgear(&self, key: &str, body: &Value) -> Reply {
        let body = body.to_string();
        let request = self
            .request(Method::POST)
            .header("content-type", "application/json")
            .header(
                "x-authgear-body-signature",
                hex::encode(tag(key.as_bytes(), &body)),
            );
        self.app.send(request.body(body)).await
    }

    pub async fn verified(&self, body: Value) -> Reply {
        let path = format!("{}/verified", self.path());
        self.app.post(&path, body).await
    }

    /// Does the work that an accepted call left.
    pub async fn settle(&self, reply: &Reply) -> Value {
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.body["code"], "ok", "{}", reply.text);
        self.app.settle(&reply.body["id"]).await
    }

    /// The last calls' outcomes, newest first.
    pub async fn outcomes(&self) -> Vec<String> {
        let path = format!("/v1/integrations/{}", word(&self.made["id"]));
        let found = admin(self.app).await.get(&path).await.expect(200);
        let calls = found["last_calls"].as_array().unwrap();
        calls
            .iter()
            .map(|call| word(&call["outcome"]).to_owned())
            .collect()
    }
}

pub fn standard_webhook(secret: &str, id: &str, at: i64, body: &str) -> String {
    let key = STANDARD
        .decode(secret.strip_prefix("v1,whsec_").unwrap())
        .unwrap();
    let tag = tag(&key, &format!("{id}.{at}.{body}"));
    format!("v1,{}", STANDARD.encode(tag))
}

fn tag(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// Supabase's body for a number, with its plus sign dropped.
pub fn supabase_body(number: &str, code: &str, uuid: &str) -> Value {
    json!({
        "metadata": { "uuid": uuid, "name": "send-sms", "ip_address": "203.0.113.7" },
        "user": { "id": "6481a5c1-3d37-4a56-9f6a-bee08c554965", "phone": &number[1..] },
        "sms": { "otp": code, "phone": &number[1..] },
    })
}

/// How many messages left, on any channel.
pub fn sent(stage: &Stage) -> usize {
    stage.telegram.sends().len() + stage.sms.sends().len()
}
