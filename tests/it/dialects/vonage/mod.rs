//! Vonage Verify, version 2, at `/vonage/v2/verify`. What its library does is in `clients`; here is what it does not show.

use pinroute::secret::random;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::inputs::change_policy;
use crate::on_both_engines;
use crate::stage::{Reply, SMS, Stage, TestApp, UNLIMITED, assert_fields, word};

mod application;
mod faults;
mod parallel;

on_both_engines!(
    a_request_is_checked_and_over,
    the_third_wrong_code_is_the_last,
    a_step_ends_in_time_whatever_its_evidence,
    the_last_step_ends_with_the_request,
    within_a_step_the_projects_waits_hold,
    the_next_step_begins_at_once_and_none_follows_the_last,
    a_canceled_request_is_gone,
    literal_sms_is_sms_alone,
    a_code_of_the_site_and_one_of_ten_digits_skip_telegram,
    what_a_request_says_reaches_the_text,
    a_key_is_shown_as_vonages_client_wants_it,
);

/// A key, as Vonage's client is configured with it.
struct Account<'a> {
    app: &'a TestApp,
    user: String,
    key: String,
}

impl<'a> Account<'a> {
    async fn of(app: &'a TestApp, scopes: &str) -> Self {
        let project = app.stage.project("default").await;
        let secret = format!("pin_{:016x}", u64::from_be_bytes(random()));
        let key = app.stage.keep_key(Some(project), scopes, &secret).await;
        // As the server finds out when it is used.
        app.client.with_key(&secret).get("/v1/verifications").await;
        Self {
            app,
            user: key.simple().to_string()[24..].to_owned(),
            key: secret,
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let path = format!("/vonage/v2/verify{path}");
        let request = self.app.open_request(method, &path);
        request.basic_auth(&self.user, Some(&self.key))
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        let request = self.request(Method::POST, path).json(&body);
        self.app.send(request).await
    }

    /// A request with one step for SMS, unless `more` says something else.
    async fn start(&self, number: &str, more: Value) -> Reply {
        self.post("/", body(number, more)).await
    }

    async fn check(&self, request: &Value, code: &str) -> Reply {
        let path = format!("/{}", word(&request["request_id"]));
        self.post(&path, json!({ "code": code })).await
    }

    async fn next(&self, request: &Value) -> Reply {
        let path = format!("/{}/next_workflow", word(&request["request_id"]));
        self.app.send(self.request(Method::POST, &path)).await
    }

    async fn cancel(&self, request: &Value) -> Reply {
        let path = format!("/{}", word(&request["request_id"]));
        self.app.send(self.request(Method::DELETE, &path)).await
    }

    /// The channels of the messages so far.
    async fn channels(&self, request: &Value) -> Vec<String> {
        let v = self.app.settle(&request["request_id"]).await;
        let attempts = v["attempts"].as_array().unwrap();
        attempts
            .iter()
            .map(|attempt| word(&attempt["channel"]).to_owned())
            .collect()
    }
}

fn body(number: &str, more: Value) -> Value {
    let mut body = json!({ "brand": "Shop", "workflow": steps(number, &["sms"]) });
    let Value::Object(more) = more else {
        panic!("{more} is no object")
    };
    body.as_object_mut().unwrap().extend(more);
    body
}

fn steps(number: &str, channels: &[&str]) -> Value {
    let step = |channel: &&str| json!({ "channel": channel, "to": number[1..] });
    channels.iter().map(step).collect()
}

/// A problem in Vonage's shape.
#[track_caller]
fn refused(reply: &Reply, status: u16, title: &str) {
    assert_eq!(
        (reply.status, &reply.body["title"]),
        (status, &json!(title)),
        "{}",
        reply.text
    );
    let mut fields = vec!["type", "title", "detail", "instance"];
    fields.extend(
        ["invalid_parameters", "request_id"]
            .iter()
            .filter(|name| reply.body.get(**name).is_some()),
    );
    assert_fields(&reply.body, &fields);
    assert!(reply.body["type"].is_string() && reply.body["detail"].is_string());
    Uuid::parse_str(word(&reply.body["instance"])).unwrap();
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
}

const TWO: &str = r#"[{"channel":"telegram","wait":"15s"},{"channel":"sms","wait":"60s"}]"#;

async fn a_request_is_checked_and_over(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let request = site
        .start(&number, json!({ "client_ref": "order-42" }))
        .await
        .expect(202);
    assert_fields(&request, &["request_id"]);
    let (wrong, right) = (app.wrong_code(), app.telegram_code());
    assert_eq!(right.len(), 4);
    let v = app.find(&request["request_id"]).await;
    assert_eq!(
        (word(&v["origin"]), &v["tags"], &v["checks_left"]),
        ("vonage", &json!({ "client_ref": "order-42" }), &json!(3))
    );
    // Without a slash, too, and with the plus sign.
    let again = site.post("", body(&format!("+{number}"), json!({}))).await;
    refused(&again, 409, "Conflict");
    assert_eq!(again.body["request_id"], request["request_id"]);
    refused(&site.check(&request, &wrong).await, 400, "Invalid Code");
    let done = site.check(&request, &right).await.expect(200);
    assert_eq!(
        done,
        json!({ "request_id": request["request_id"], "status": "completed" })
    );
    refused(&site.check(&request, &right).await, 404, "Not Found");
    refused(&site.next(&request).await, 404, "Not Found");
    refused(&site.cancel(&request).await, 404, "Not Found");
    app.settle(&request["request_id"]).await;
    let other = site.start(&number, json!({})).await.expect(202);
    assert_ne!(other["request_id"], request["request_id"]);
    // Only this dialect acts on it.
    app.check(&other["request_id"], &app.telegram_code())
        .await
        .problem(404, "verification_not_found");
    let own = json!({ "request_id": app.started().await["id"] });
    refused(&site.check(&own, "1234").await, 404, "Not Found");
}

async fn the_third_wrong_code_is_the_last(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let request = site.start(&number, json!({})).await.expect(202);
    let (wrong, right) = (app.wrong_code(), app.telegram_code());
    for _ in 0..3 {
        refused(&site.check(&request, &wrong).await, 400, "Invalid Code");
    }
    for code in [&wrong, &right] {
        let reply = site.check(&request, code).await;
        refused(&reply, 410, "Invalid Code");
        assert_eq!(
            reply.body["detail"],
            "An incorrect code has been provided too many times. Workflow terminated."
        );
    }
    refused(&site.next(&request).await, 404, "Not Found");
    // Terminated: another one may begin.
    site.start(&number, json!({})).await.expect(202);
    stage.advance(300);
    refused(&site.check(&request, &right).await, 404, "Not Found");
    stage.stop(app).await;
    let app = stage.app_with(&[("DEFAULTS__MAX_CHECKS", "2")]).await;
    let site = Account::of(&app, "verify").await;
    let request = site.start(&stage.number(), json!({})).await.expect(202);
    for _ in 0..2 {
        refused(
            &site.check(&request, &app.wrong_code()).await,
            400,
            "Invalid Code",
        );
    }
    refused(&site.check(&request, &wrong).await, 410, "Invalid Code");
}

async fn a_step_ends_in_time_whatever_its_evidence(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let workflow = steps(&number, &["telegram", "sms"]);
    let more = json!({ "workflow": workflow, "channel_timeout": 100 });
    let request = site.start(&number, more).await.expect(202);
    let report = stage.telegram.status("read");
    app.telegram_reports(&report).await.expect(200);
    assert_eq!(site.channels(&request).await, ["telegram"]);
    app.later(&request["request_id"], 99).await;
    assert_eq!(site.channels(&request).await, ["telegram"]);
    app.later(&request["request_id"], 1).await;
    assert_eq!(site.channels(&request).await, ["telegram", "sms"]);
    let right = app.telegram_code();
    let [sms] = stage.sms.sends().try_into().unwrap();
    assert!(word(&sms["text"]).contains(&right), "the same code");
    site.check(&request, &right).await.expect(200);
    app.settle(&request["request_id"]).await;
}

async fn the_last_step_ends_with_the_request(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let workflow = steps(&number, &["telegram", "sms"]);
    let more = json!({ "workflow": workflow, "channel_timeout": 900 });
    let request = site.start(&number, more).await.expect(202);
    let id = &request["request_id"];
    let (begun, end) = (stage.clock.now(), |seconds| {
        stage.clock.now() + chrono::TimeDelta::seconds(seconds)
    });
    let expires =
        |v: &Value| -> chrono::DateTime<chrono::Utc> { word(&v["expires_at"]).parse().unwrap() };
    assert_eq!(
        expires(&app.find(id).await),
        begun + chrono::TimeDelta::seconds(1800)
    );
    stage.advance(10);
    assert_eq!(site.next(&request).await.status, 200);
    assert_eq!(expires(&app.find(id).await), end(900));
    let code = app.telegram_code();
    let v = app.later(id, 900).await;
    assert_eq!(v["status"], "expired");
    refused(&site.check(&request, &code).await, 404, "Not Found");
    refused(&site.cancel(&request).await, 404, "Not Found");
}

async fn within_a_step_the_projects_waits_hold(stage: Stage) {
    let app = stage.app_with(&[("DEFAULTS__ROUTE", TWO)]).await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let workflow = steps(&number, &["sms", "sms"]);
    let more = json!({ "workflow": workflow, "channel_timeout": 200 });
    let request = site.start(&number, more).await.expect(202);
    let id = &request["request_id"];
    app.later(id, 14).await;
    assert_eq!(site.channels(&request).await, ["telegram"]);
    app.later(id, 1).await;
    assert_eq!(site.channels(&request).await, ["telegram", "sms"]);
    // The wait of the step's last message does not count.
    app.later(id, 184).await;
    assert_eq!(site.channels(&request).await, ["telegram", "sms"]);
    app.later(id, 1).await;
    assert_eq!(site.channels(&request).await, ["telegram", "sms", "sms"]);
    let v = app.later(id, 200).await;
    assert_eq!(v["status"], "expired");
    // None keeps the others of its step from beginning.
    let more = json!({ "channel_timeout": 20 });
    let request = site.start(&stage.number(), more).await.expect(202);
    let id = &request["request_id"];
    app.later(id, 9).await;
    assert_eq!(site.channels(&request).await, ["telegram"]);
    app.later(id, 1).await;
    assert_eq!(site.channels(&request).await, ["telegram", "sms"]);
    assert_eq!(app.later(id, 10).await["status"], "expired");
    // A failure ends a step at once.
    let number = stage.number();
    let workflow = steps(&number, &["telegram", "sms"]);
    let request = site
        .start(&number, json!({ "workflow": workflow }))
        .await
        .expect(202);
    let report = stage.telegram.status("expired");
    app.telegram_reports(&report).await.expect(200);
    assert_eq!(site.channels(&request).await, ["telegram", "sms"]);
}

async fn the_next_step_begins_at_once_and_none_follows_the_last(stage: Stage) {
    let app = stage.app_with(&[("DEFAULTS__MAX_SENDS", "3")]).await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let workflow = steps(&number, &["telegram", "sms"]);
    let request = site
        .start(&number, json!({ "workflow": workflow }))
        .await
        .expect(202);
    let next = site.next(&request).await;
    assert_eq!((next.status, &*next.text), (200, "{}"));
    assert_eq!(site.channels(&request).await, ["telegram", "sms"]);
    let none = site.next(&request).await;
    refused(&none, 409, "Conflict");
    assert_eq!(
        none.body["detail"],
        "There are no more events left to trigger."
    );
    assert!(none.body.get("request_id").is_none());
    // A single step has none after it, though the project's route goes on.
    let number = stage.number();
    let alone = site.start(&number, json!({})).await.expect(202);
    refused(&site.next(&alone).await, 409, "Conflict");
    // As the library for Java writes it; and the cap of sends.
    let number = stage.number();
    let workflow = steps(&number, &["sms", "sms", "sms", "sms"]);
    let request = site
        .start(&number, json!({ "workflow": workflow }))
        .await
        .expect(202);
    let path = format!("/{}/next-workflow", word(&request["request_id"]));
    for _ in 0..2 {
        let next = app.send(site.request(Method::POST, &path)).await;
        assert_eq!(next.status, 200, "{}", next.text);
        app.settle(&request["request_id"]).await;
    }
    refused(&site.next(&request).await, 429, "Rate Limit Hit");
    for request in [&alone, &request] {
        app.settle(&request["request_id"]).await;
    }
}

async fn a_canceled_request_is_gone(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let request = site.start(&number, json!({})).await.expect(202);
    let code = app.telegram_code();
    let canceled = site.cancel(&request).await;
    assert_eq!((canceled.status, &*canceled.text), (204, ""));
    // The library for Python reads it.
    assert_eq!(canceled.header("content-type"), Some("application/json"));
    refused(&site.cancel(&request).await, 404, "Not Found");
    refused(&site.check(&request, &code).await, 404, "Not Found");
    assert_eq!(
        app.settle(&request["request_id"]).await["status"],
        "canceled"
    );
    site.start(&number, json!({})).await.expect(202);
}

async fn literal_sms_is_sms_alone(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__VONAGE__SMS", "literal")])
        .await;
    let site = Account::of(&app, "verify").await;
    let request = site.start(&stage.number(), json!({})).await.expect(202);
    assert_eq!(site.channels(&request).await, ["sms"]);
}

async fn a_code_of_the_site_and_one_of_ten_digits_skip_telegram(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let request = site
        .start(
            &stage.number(),
            json!({ "code": "aB3dE", "code_length": 4 }),
        )
        .await;
    let request = request.expect(202);
    let v = app.find(&request["request_id"]).await;
    assert_eq!(
        (&v["checked_by"], &v["attempts"][0]["reason"]),
        (&json!("host"), &json!("code_not_carried"))
    );
    let [sms] = stage.sms.sends().try_into().unwrap();
    assert!(word(&sms["text"]).contains("aB3dE"));
    refused(&site.check(&request, "ab3de").await, 400, "Invalid Code");
    site.check(&request, " aB3-dE ").await.expect(200);
    let request = site
        .start(&stage.number(), json!({ "code_length": 10 }))
        .await
        .expect(202);
    let [_, sms] = stage.sms.sends().try_into().unwrap();
    let code: String = word(&sms["text"])
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    assert_eq!(code.len(), 10);
    let v = app.find(&request["request_id"]).await;
    assert!(v.get("checked_by").is_none());
    site.check(&request, &code).await.expect(200);
}

async fn what_a_request_says_reaches_the_text(stage: Stage) {
    let own = r#"{"en":"{brand}: {code} for {minutes} min. Nobody of us will ever ask you for this code."}"#;
    let app = stage
        .app_with(&[SMS, ("DEFAULTS__TEMPLATES", own), UNLIMITED])
        .await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let step = json!({ "channel": "sms", "to": number[1..], "app_hash": "FA+9qCX9VSu", "from": "Shop", "entity_id": "1", "content_id": "2" });
    let more = json!({ "brand": "My shop", "locale": "en-us", "channel_timeout": 180, "workflow": [step, step],
        "fraud_check": false, "template_id": "4ed3027d-8762-44a0-aa3f-c393717413a4" });
    site.start(&number, more).await.expect(202);
    let number = stage.number();
    site.start(&number, json!({ "locale": "ru-ru" }))
        .await
        .expect(202);
    // A name that would make two messages of one is left out.
    change_policy(&app, json!({ "max_segments": 1, "brand": "Shop" })).await;
    let long = json!({ "brand": "ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖ", "locale": "en" });
    site.start(&stage.number(), long).await.expect(202);
    let [english, russian, short] = stage.sms.sends().try_into().unwrap();
    assert!(word(&short["text"]).starts_with("Shop: "), "{short}");
    let text = word(&english["text"]);
    assert!(text.starts_with("My shop: "), "{text}");
    assert!(text.contains(" for 3 min. "), "{text}");
    assert!(text.ends_with("\n\nFA+9qCX9VSu"), "{text}");
    assert!(word(&russian["text"]).starts_with("Ваш код: "));
}

async fn a_key_is_shown_as_vonages_client_wants_it(stage: Stage) {
    let app = stage.app().await;
    let admin = app.client.with_key(&stage.new_key(None, "admin").await);
    let made = admin
        .post(
            "/v1/keys",
            json!({ "name": "vonage", "scopes": ["verify"] }),
        )
        .await;
    let made = made.expect(201);
    let vonage = &made["dialects"]["vonage"];
    assert_fields(vonage, &["base_url", "api_key", "api_secret"]);
    assert!(word(&vonage["base_url"]).ends_with("/vonage"));
    let site = Account {
        app: &app,
        user: word(&vonage["api_key"]).to_owned(),
        key: word(&vonage["api_secret"]).to_owned(),
    };
    assert_eq!(site.user.len(), 8);
    site.start(&stage.number(), json!({})).await.expect(202);
    let made = admin
        .post(
            "/v1/keys",
            json!({ "name": "reader", "scopes": ["finance"] }),
        )
        .await;
    assert!(made.expect(201)["dialects"].get("vonage").is_none());
}
