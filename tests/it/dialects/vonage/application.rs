//! Applications of Vonage's clients: registered once, they sign their requests with their own key, and are told what becomes of them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pinroute::secret::random;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Account, body, refused, steps};
use crate::on_both_engines;
use crate::program::{program, run, run_well};
use crate::projects::patch;
use crate::stage::{Reply, SMS, Stage, TestApp, assert_fields, word};
use crate::webhooks::{OPEN, address, admin, receiver};
use crate::world::{Answer, Fake, Seen};

on_both_engines!(
    an_application_is_registered_changed_and_deleted,
    what_no_application_can_be_is_refused,
    an_application_signs_its_requests,
    an_application_is_told_of_each_step_and_of_the_end,
    a_canceled_request_is_told_by_nothing,
    what_is_not_taken_is_told_again,
    a_failure_is_told_as_it_was_although_the_request_went_on,
    an_application_is_registered_on_the_command_line,
);

struct Application<'a> {
    app: &'a TestApp,
    pair: KeyPair,
    id: Value,
    secret: String,
}

fn pem(pair: &KeyPair) -> String {
    let encoded = STANDARD.encode(pair.public_key().as_ref());
    format!("-----BEGIN RSA PUBLIC KEY-----\n{encoded}\n-----END RSA PUBLIC KEY-----\n")
}

fn new_pair() -> KeyPair {
    KeyPair::generate(KeySize::Rsa2048).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "RSA asks for a source of randomness, though this way of signing needs none"
)]
fn token(pair: &KeyPair, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let text = format!("{}.{}", part(&header), part(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = SystemRandom::new();
    let signed = pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
    signed.unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl<'a> Application<'a> {
    async fn of(app: &'a TestApp, status_url: Option<&str>) -> Self {
        let pair = new_pair();
        let mut body = json!({ "kind": "vonage_application", "public_key": pem(&pair) });
        if let Some(url) = status_url {
            body["status_url"] = json!(url);
        }
        let made = admin(app).await.post("/v1/integrations", body).await;
        let made = made.expect(201);
        Self {
            app,
            pair,
            id: made["application_id"].clone(),
            secret: word(&made["signature_secret"]).to_owned(),
        }
    }

    fn claims(&self) -> Value {
        let now = self.app.stage.clock.now().timestamp();
        json!({ "application_id": self.id, "iat": now, "exp": now + 900, "jti": Uuid::from_u128(1) })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let path = format!("/vonage/v2/verify{path}");
        let request = self.app.open_request(method, &path);
        let request = request.bearer_auth(token(&self.pair, &self.claims()));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        self.app.send(request).await
    }

    async fn start(&self, number: &str, more: Value) -> Value {
        let started = self.send(Method::POST, "", Some(body(number, more))).await;
        started.expect(202)["request_id"].clone()
    }

    async fn check(&self, id: &Value, code: &str) -> Reply {
        let body = Some(json!({ "code": code }));
        self.send(Method::POST, &format!("/{}", word(id)), body)
            .await
    }

    /// The webhook's body, whose signature is good.
    fn verified(&self, seen: &Seen) -> Value {
        let token = seen.header("authorization").unwrap();
        let token = token.strip_prefix("Bearer ").unwrap();
        let (signed, tag) = token.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
        hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let read = |part| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(read(header), json!({ "alg": "HS256", "typ": "JWT" }));
        let claims = read(claims);
        assert_fields(
            &claims,
            &["iat", "jti", "iss", "application_id", "payload_hash"],
        );
        assert_eq!(claims["application_id"], self.id);
        assert_eq!(claims["iat"], self.app.stage.clock.now().timestamp());
        let hash = digest::digest(&digest::SHA256, seen.text.as_bytes());
        assert_eq!(claims["payload_hash"], hex::encode(hash));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        seen.json()
    }

    async fn reported(&self, id: &Value) {
        self.app.settle(id).await;
        self.app
            .gateway
            .verify()
            .deliver_due_reports()
            .await
            .unwrap();
    }
}

async fn an_application_is_registered_changed_and_deleted(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let admin = admin(&app).await;
    let pair = new_pair();
    let asked = json!({ "kind": "vonage_application", "public_key": pem(&pair), "status_url": "http://127.0.0.1:1/status" });
    let made = admin.post("/v1/integrations", asked).await.expect(201);
    assert_eq!(made["application_id"], made["id"]);
    assert!(word(&made["signature_secret"]).len() >= 32 && made.get("secret").is_none());
    assert_eq!(
        (word(&made["kind"]), word(&made["name"]), word(&made["url"])),
        (
            "vonage_application",
            "Vonage application",
            "https://verify.example/vonage"
        )
    );
    assert_eq!(word(&made["public_key"]), pem(&pair).trim());
    let path = format!("/v1/integrations/{}", word(&made["id"]));
    let found = admin.get(&path).await.expect(200);
    assert!(found.get("signature_secret").is_none());
    assert_eq!(found["status_url"], "http://127.0.0.1:1/status");
    let other = new_pair();
    let change = json!({ "name": "Shop", "public_key": pem(&other), "status_url": null });
    let changed = patch(&admin, &path, change).await.expect(200);
    assert_eq!(word(&changed["public_key"]), pem(&other).trim());
    assert!(changed.get("status_url").is_none());
    let rotated = admin
        .post(&format!("{path}/rotate"), json!({}))
        .await
        .expect(200);
    assert_ne!(rotated["signature_secret"], made["signature_secret"]);
    // Only one secret can sign.
    assert_eq!(rotated["previous_secret_expires_at"], Value::Null);
    // It is no hook.
    let hook = format!("/hooks/vonage_application/{}", word(&made["id"]));
    let reply = app
        .post(
            &hook,
            json!({ "phone_number": stage.number(), "code": "1234" }),
        )
        .await;
    assert_eq!(reply.status, 404);
    let deleted = admin.send(admin.request(Method::DELETE, &path)).await;
    assert_eq!(deleted.status, 204);
}

async fn what_no_application_can_be_is_refused(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let key = pem(&new_pair());
    let with = |more: Value| {
        let mut body = json!({ "kind": "vonage_application", "public_key": key });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (asked, pointers) in [
        (with(json!({ "public_key": null })), vec!["/public_key"]),
        (with(json!({ "public_key": "junk" })), vec!["/public_key"]),
        (with(json!({ "ttl": 60 })), vec!["/ttl"]),
        (with(json!({ "preset": "keycloak" })), vec!["/preset"]),
        (with(json!({ "secret": "short" })), vec!["/secret"]),
        (
            with(json!({ "status_url": "http://shop.example/" })),
            vec!["/status_url"],
        ),
        (
            with(json!({ "status_url": "https://127.0.0.1/" })),
            vec!["/status_url"],
        ),
        (
            with(json!({ "kind": "supabase", "name": "Supabase" })),
            vec!["/public_key"],
        ),
        (
            json!({ "kind": "generic", "name": "Shop", "status_url": "https://shop.example/" }),
            vec!["/status_url"],
        ),
        (json!({ "kind": "generic" }), vec!["/name"]),
    ] {
        let reply = admin.post("/v1/integrations", asked).await;
        reply.problem(400, "invalid_request");
        let mut blamed = reply.pointers();
        blamed.dedup();
        assert_eq!(blamed, pointers, "{}", reply.text);
    }
}

async fn an_application_signs_its_requests(stage: Stage) {
    let app = stage.app().await;
    let application = Application::of(&app, None).await;
    let number = stage.number();
    let id = application.start(&number, json!({})).await;
    let code = app.telegram_code();
    // A key of the same project sees the same requests.
    let site = Account::of(&app, "verify").await;
    let conflict = site.start(&number, json!({})).await;
    refused(&conflict, 409, "Conflict");
    assert_eq!(conflict.body["request_id"], id);
    application.check(&id, &code).await.expect(200);
    app.settle(&id).await;

    let other = Application::of(&app, None).await;
    let now = stage.clock.now().timestamp();
    let with = |name: &str, value: Value| {
        let mut claims = application.claims();
        claims[name] = value;
        claims
    };
    let good = application.claims();
    for (pair, claims) in [
        (&other.pair, good.clone()),
        (&application.pair, with("application_id", other.id.clone())),
        (
            &application.pair,
            with("application_id", json!(Uuid::from_u128(7))),
        ),
        (&application.pair, with("exp", json!(now - 60))),
        (&application.pair, with("exp", json!(now + 86_461))),
        (&application.pair, with("iat", json!(now + 61))),
        (&application.pair, with("iat", Value::Null)),
    ] {
        let request = app.open_request(Method::POST, "/vonage/v2/verify/");
        let request = request.bearer_auth(token(pair, &claims)).json(&json!({}));
        refused(&app.send(request).await, 401, "Unauthorized");
    }
    let (text, good) = (token(&application.pair, &good), body(&number, json!({})));
    let unsigned = text.rsplit_once('.').unwrap().0;
    for token in [
        format!("{unsigned}."),
        unsigned.to_owned(),
        format!("{text}x"),
    ] {
        let request = app.open_request(Method::POST, "/vonage/v2/verify/");
        let request = request.bearer_auth(token).json(&good);
        refused(&app.send(request).await, 401, "Unauthorized");
    }
    // Another integration is no application, and a deleted one signs no more.
    let admin = admin(&app).await;
    let path = format!("/v1/integrations/{}", word(&application.id));
    admin.send(admin.request(Method::DELETE, &path)).await;
    let gone = application.send(Method::POST, "", Some(good)).await;
    refused(&gone, 401, "Unauthorized");
}

async fn an_application_is_told_of_each_step_and_of_the_end(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let site = receiver().await;
    let application = Application::of(&app, Some(&address(&site))).await;
    let number = stage.number();
    let begun = stage.clock.now();
    let workflow = steps(&number, &["telegram", "sms", "sms"]);
    let more = json!({ "workflow": workflow, "channel_timeout": 100, "client_ref": "order-42" });
    let id = application.start(&number, more).await;
    let code = app.telegram_code();
    application.reported(&id).await;
    assert!(site.seen().is_empty());
    app.later(&id, 100).await;
    application.reported(&id).await;
    let time = |seconds: i64| {
        let at = begun + chrono::TimeDelta::seconds(seconds);
        at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    };
    let [seen] = site.seen().try_into().unwrap();
    let expired = json!({
        "request_id": id, "triggered_at": time(0), "type": "event", "channel": "telegram", "status": "expired",
        "finalized_at": time(100), "client_ref": "order-42",
    });
    assert_eq!(application.verified(&seen), expired);

    stage.advance(5);
    // What Telegram says later does not change what was told.
    let report = stage.telegram.status("expired");
    app.telegram_reports(&report).await.expect(200);
    application.check(&id, &code).await.expect(200);
    application.reported(&id).await;
    let [_, first, second] = site.seen().try_into().unwrap();
    let mut told = [application.verified(&first), application.verified(&second)];
    told.sort_by_key(|body| word(&body["type"]).to_owned());
    assert_eq!(
        told[0],
        json!({
            "request_id": id, "triggered_at": time(100), "type": "event", "channel": "sms", "status": "completed",
            "finalized_at": time(105), "client_ref": "order-42",
        })
    );
    assert_eq!(
        told[1],
        json!({
            "request_id": id, "submitted_at": time(0), "status": "completed", "type": "summary", "channel_timeout": 100,
            "workflow": [
                { "channel": "telegram", "initiated_at": time(0), "status": "expired" },
                { "channel": "sms", "initiated_at": time(100), "status": "completed" },
                { "channel": "sms", "status": "unused" },
            ],
            "finalized_at": time(105), "client_ref": "order-42",
        })
    );
}

async fn a_canceled_request_is_told_by_nothing(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let site = receiver().await;
    let application = Application::of(&app, Some(&address(&site))).await;
    let id = application.start(&stage.number(), json!({})).await;
    let canceled = application
        .send(Method::DELETE, &format!("/{}", word(&id)), None)
        .await;
    assert_eq!(canceled.status, 204);
    application.reported(&id).await;
    assert!(site.seen().is_empty());
    // Three wrong codes, and the end of its time.
    let id = application.start(&stage.number(), json!({})).await;
    for _ in 0..3 {
        let wrong = app.wrong_code();
        refused(&application.check(&id, &wrong).await, 400, "Invalid Code");
    }
    application.reported(&id).await;
    let statuses = |site: &Fake| -> Vec<String> {
        let seen = site.seen();
        let mut statuses: Vec<String> = seen
            .iter()
            .map(|seen| {
                format!(
                    "{} {}",
                    word(&seen.json()["type"]),
                    word(&seen.json()["status"])
                )
            })
            .collect();
        statuses.sort();
        statuses
    };
    assert_eq!(statuses(&site), ["event failed", "summary failed"]);
    let id = application.start(&stage.number(), json!({})).await;
    app.later(&id, 300).await;
    application.reported(&id).await;
    assert_eq!(
        statuses(&site),
        [
            "event expired",
            "event failed",
            "summary expired",
            "summary failed"
        ]
    );
    // A key has no address for them.
    let account = Account::of(&app, "verify").await;
    let request = account.start(&stage.number(), json!({})).await.expect(202);
    app.later(&request["request_id"], 300).await;
    application.reported(&request["request_id"]).await;
    assert_eq!(site.seen().len(), 4);
}

async fn what_is_not_taken_is_told_again(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let mut count = 0;
    let busy = Fake::start(move |_| {
        count += 1;
        Answer::Json(if count <= 2 { 500 } else { 202 }, json!({}))
    })
    .await;
    let application = Application::of(&app, Some(&address(&busy))).await;
    let id = application.start(&stage.number(), json!({})).await;
    let code = app.telegram_code();
    application.check(&id, &code).await.expect(200);
    application.reported(&id).await;
    assert_eq!(busy.seen().len(), 2);
    stage.advance(5);
    application.reported(&id).await;
    assert_eq!(busy.seen().len(), 4);
    for seen in &busy.seen()[2..] {
        application.verified(seen);
    }
    stage.advance(3_600);
    application.reported(&id).await;
    assert_eq!(busy.seen().len(), 4, "202 is success");
}

async fn a_failure_is_told_as_it_was_although_the_request_went_on(stage: Stage) {
    let app = stage.app_with(&[OPEN, SMS]).await;
    let mut count = 0;
    let busy = Fake::start(move |_| {
        count += 1;
        Answer::Json(if count <= 2 { 500 } else { 202 }, json!({}))
    })
    .await;
    let application = Application::of(&app, Some(&address(&busy))).await;
    stage.sms.next_sends([Answer::Json(400, json!({}))]);
    let number = stage.number();
    let id = application
        .start(&number, json!({ "code": "561166" }))
        .await;
    application.reported(&id).await;
    assert_eq!(busy.seen().len(), 2);
    application.check(&id, "561166").await.expect(200);
    stage.advance(5);
    application.reported(&id).await;
    let told = |seen: &Seen| application.verified(seen)["status"].clone();
    let mut statuses: Vec<String> = busy.seen()[2..]
        .iter()
        .map(|seen| word(&told(seen)).to_owned())
        .collect();
    statuses.sort();
    assert_eq!(statuses, ["completed", "completed", "failed", "failed"]);
}

async fn an_application_is_registered_on_the_command_line(stage: Stage) {
    let app = stage.app().await;
    let pair = new_pair();
    let file = std::env::temp_dir().join(format!(
        "pinroute-{}.pem",
        Uuid::from_u128(u128::from_be_bytes(random()))
    ));
    std::fs::write(&file, pem(&pair)).unwrap();
    let path = file.to_str().unwrap();
    let create = [
        "integrations",
        "create",
        "--kind",
        "vonage_application",
        "--json",
    ];
    let with = |more: &[&'static str]| [&create[..], more].concat();
    let mut good = with(&["--status-url", "https://shop.example.com/status"]);
    good.extend(["--public-key", path]);
    let made: Value = serde_json::from_str(&run_well(&stage, &good).await).unwrap();
    assert_eq!(
        (&made["application_id"], &made["status_url"]),
        (&made["id"], &json!("https://shop.example.com/status"))
    );
    assert!(made["signature_secret"].is_string() && made.get("secret").is_none());
    for wrong in [
        &[][..],
        &["--status-url", "http://shop.example.com/"],
        &["--public-key", "/nowhere"],
    ] {
        let mut command = program(&stage);
        command.args(with(wrong));
        assert!(!run(command).await.status.success(), "{wrong:?}");
    }
    std::fs::remove_file(&file).unwrap();
    let application = Application {
        app: &app,
        pair,
        id: made["id"].clone(),
        secret: String::new(),
    };
    application.start(&stage.number(), json!({})).await;
}
