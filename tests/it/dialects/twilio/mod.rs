//! Twilio Verify, version 2, at `/twilio/v2`. What its libraries do is in `clients`; here is what they do not show.

use pinroute::secret::random;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Reply, SMS, Stage, TestApp, assert_fields, word};
use crate::{guard, on_both_engines};

mod parallel;
mod resources;

on_both_engines!(
    a_second_start_is_a_resend_of_the_same_code,
    an_other_channel_goes_there_and_literal_sms_is_sms_alone,
    sends_are_capped_and_limited_in_twilios_numbers,
    a_locked_number_stays_locked_until_it_expires,
    a_word_of_success_approves_without_a_proof,
    the_sites_code_is_compared_as_it_was_written,
    a_second_start_gets_no_sms_out_of_the_reserve,
    a_late_word_of_success_is_found_by_number_and_tags_are_shown,
);

/// A key, as Twilio's client is configured with it.
pub struct Account<'a> {
    app: &'a TestApp,
    user: String,
    key: String,
    service: String,
}

impl<'a> Account<'a> {
    pub async fn of(app: &'a TestApp, scopes: &str) -> Self {
        let project = app.stage.project("default").await;
        let secret = format!("pin_{:016x}", u64::from_be_bytes(random()));
        let key = app.stage.keep_key(Some(project), scopes, &secret).await;
        // As the server finds out when it is used.
        app.client
            .with_key(&secret)
            .get("/v1/verifications")
            .await
            .expect(200);
        Self {
            app,
            user: format!("SK{}", key.simple()),
            key: secret,
            service: format!("VA{}", project.0.simple()),
        }
    }

    async fn send(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Reply {
        let request = self
            .app
            .open_request(method.clone(), &format!("/twilio/v2{path}"));
        let request = request.basic_auth(&self.user, Some(&self.key));
        let request = if method == Method::GET {
            request.query(form)
        } else {
            request.form(form)
        };
        self.app.send(request).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        let path = format!("/Services/{}/{path}", self.service);
        self.send(Method::POST, &path, form).await
    }

    async fn get(&self, path: &str) -> Reply {
        let path = format!("/Services/{}/{path}", self.service);
        self.send(Method::GET, &path, &[]).await
    }

    pub async fn start(&self, number: &str, more: &[(&str, &str)]) -> Reply {
        let form = [&[("To", number), ("Channel", "sms")], more].concat();
        self.post("Verifications", &form).await
    }

    async fn check(&self, number: &str, code: &str) -> Reply {
        self.post("VerificationCheck", &[("To", number), ("Code", code)])
            .await
    }
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: u32) {
    assert_eq!(
        (reply.status, &reply.body["code"]),
        (status, &json!(code)),
        "{}",
        reply.text
    );
    assert_fields(&reply.body, &["code", "message", "more_info", "status"]);
    assert_eq!(reply.body["status"], status);
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

/// The verification in our own API.
pub fn native(answer: &Value) -> Value {
    let digits = word(&answer["sid"]).strip_prefix("VE").unwrap();
    json!(Uuid::parse_str(digits).unwrap())
}

fn channels(answer: &Value) -> Vec<&str> {
    let attempts = answer["send_code_attempts"].as_array().unwrap();
    attempts
        .iter()
        .map(|attempt| word(&attempt["channel"]))
        .collect()
}

async fn a_second_start_is_a_resend_of_the_same_code(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let first = site.start(&number, &[]).await.expect(201);
    let code = app.telegram_code();
    stage.advance(1);
    let twin = site.start(&number, &[]).await.expect(201);
    assert_eq!(
        twin["send_code_attempts"], first["send_code_attempts"],
        "a double click"
    );
    for (seconds, expected) in [
        (2, vec!["telegram", "SMS"]),
        (2, vec!["telegram", "SMS", "SMS"]),
        (2, vec!["telegram", "SMS", "SMS", "SMS"]),
    ] {
        stage.advance(seconds);
        let again = site.start(&number, &[]).await.expect(201);
        assert_eq!(again["sid"], first["sid"]);
        app.settle(&native(&first)).await;
        let again = site
            .get(&format!("Verifications/{number}"))
            .await
            .expect(200);
        assert_eq!(channels(&again), expected);
    }
    for sms in stage.sms.sends() {
        assert!(word(&sms["text"]).contains(&code));
    }
    let v = app.find(&native(&first)).await;
    assert_eq!(
        (word(&v["origin"]), &v["sends_left"]),
        ("twilio", &json!(1))
    );
    let checked = site.check(&number, &code).await.expect(200);
    assert_eq!(
        (&checked["status"], &checked["valid"]),
        (&json!("approved"), &json!(true))
    );
    assert!(!word(&checked["proof"]).is_empty());
    refused(&site.check(&number, &code).await, 404, 20404);
    refused(
        &site.get(&format!("Verifications/{number}")).await,
        404,
        20404,
    );
    app.settle(&native(&first)).await;
}

async fn an_other_channel_goes_there_and_literal_sms_is_sms_alone(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let form = |channel| [("To", &*number), ("Channel", channel)];
    let first = site
        .post("Verifications", &form("Telegram"))
        .await
        .expect(201);
    assert_eq!(
        (word(&first["channel"]), channels(&first)),
        ("telegram", vec!["telegram"])
    );
    // By Telegram alone, until another channel is asked for.
    app.later(&native(&first), 60).await;
    assert!(stage.sms.sends().is_empty());
    let other = site.post("Verifications", &form("sms")).await.expect(201);
    assert_eq!(other["sid"], first["sid"]);
    app.settle(&native(&first)).await;
    let other = site
        .get(&format!("Verifications/{number}"))
        .await
        .expect(200);
    assert_eq!(channels(&other), ["telegram", "SMS"]);
    let number = stage.number();
    let form = |channel| [("To", &*number), ("Channel", channel)];
    site.post("Verifications", &form("auto")).await.expect(201);
    stage.advance(3);
    let other = site.post("Verifications", &form("sms")).await.expect(201);
    app.settle(&native(&other)).await;
    let other = site
        .get(&format!("Verifications/{number}"))
        .await
        .expect(200);
    assert_eq!(
        (word(&other["channel"]), channels(&other)),
        ("sms", vec!["telegram", "SMS"])
    );
    for channel in ["call", "whatsapp", "email"] {
        refused(
            &site.post("Verifications", &form(channel)).await,
            400,
            60223,
        );
    }
    let literal = [("DEFAULTS__TWILIO__SMS", "literal")];
    stage.stop(app).await;
    let app = stage.app_with(&literal).await;
    let site = Account::of(&app, "verify").await;
    let alone = site.start(&stage.number(), &[]).await.expect(201);
    assert_eq!(channels(&alone), ["SMS"]);
}

async fn sends_are_capped_and_limited_in_twilios_numbers(stage: Stage) {
    let app = stage.app_with(&[SMS, ("DEFAULTS__MAX_SENDS", "2")]).await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let v = site.start(&number, &[]).await.expect(201);
    stage.advance(3);
    site.start(&number, &[]).await.expect(201);
    app.settle(&native(&v)).await;
    stage.advance(3);
    refused(&site.start(&number, &[]).await, 429, 60203);
    stage.stop(app).await;
    let creates = ("DEFAULTS__LIMITS__CREATES", r#"["1/1h"]"#);
    let app = stage
        .app_with(&[
            SMS,
            ("DEFAULTS__LIMITS__PER_NUMBER", r#"["1/1h"]"#),
            creates,
        ])
        .await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    site.start(&number, &[]).await.expect(201);
    stage.advance(3);
    let limited = site.start(&number, &[]).await;
    refused(&limited, 429, 60203);
    assert_eq!(limited.header("retry-after"), Some("3597"));
    refused(&site.start(&stage.number(), &[]).await, 429, 20429);
    stage.stop(app).await;
    let budget = r#"{"period":"day","limit":{"amount":"0.001","currency":"USD"}}"#;
    let deny = ("DEFAULTS__COUNTRIES__DENY", r#"["DE"]"#);
    let app = stage.app_with(&[("DEFAULTS__BUDGET", budget), deny]).await;
    let site = Account::of(&app, "verify").await;
    refused(&site.start(&stage.number(), &[]).await, 403, 60238);
    refused(&site.start("+4915123456789", &[]).await, 403, 60605);
    let blocked = json!({ "kind": "block", "match": "country", "value": "DE" });
    guard::add(&crate::webhooks::admin(&app).await, blocked).await;
    refused(&site.start("+4915123456789", &[]).await, 403, 60410);
}

async fn a_locked_number_stays_locked_until_it_expires(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let v = site.start(&number, &[]).await.expect(201);
    let (wrong, right) = (app.wrong_code(), app.telegram_code());
    for _ in 0..5 {
        let checked = site.check(&number, &wrong).await.expect(200);
        assert_eq!(
            (&checked["status"], &checked["valid"]),
            (&json!("pending"), &json!(false))
        );
    }
    for code in [&wrong, &right] {
        refused(&site.check(&number, code).await, 429, 60202);
    }
    refused(&site.start(&number, &[]).await, 429, 60202);
    let fetched = site
        .get(&format!("Verifications/{number}"))
        .await
        .expect(200);
    assert_eq!(fetched["status"], "max_attempts_reached");
    stage.advance(600);
    refused(&site.check(&number, &right).await, 404, 20404);
    let by_sid = [("VerificationSid", word(&v["sid"])), ("Code", &*right)];
    refused(&site.post("VerificationCheck", &by_sid).await, 404, 20404);
    refused(
        &site
            .get(&format!("Verifications/{}", word(&v["sid"])))
            .await,
        404,
        20404,
    );
    let anew = site.start(&number, &[]).await.expect(201);
    assert_ne!(anew["sid"], v["sid"]);
}

async fn a_word_of_success_approves_without_a_proof(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let code = [("CustomCode", "481516")];
    let v = site.start(&number, &code).await.expect(201);
    assert_eq!(app.find(&native(&v)).await["checked_by"], "host");
    // After the end of its life, too.
    app.later(&native(&v), 86_400).await;
    let path = format!("Verifications/{}", word(&v["sid"]));
    refused(&site.get(&path).await, 404, 20404);
    let approved = site
        .post(&path, &[("Status", "approved")])
        .await
        .expect(200);
    assert_eq!(
        (&approved["status"], &approved["valid"]),
        (&json!("approved"), &json!(true))
    );
    refused(
        &site.post(&path, &[("Status", "approved")]).await,
        404,
        20404,
    );
    let v = app.settle(&native(&v)).await;
    assert_eq!(
        (&v["status"], &v["approved_by"]),
        (&json!("approved"), &json!("host"))
    );
    assert!(v.get("checked_by").is_none());
    let events = app.events(&v["id"]).await;
    assert_eq!(events.last().unwrap(), "verification.approved");

    let late = site.start(&number, &code).await.expect(201);
    app.later(&native(&late), 86_400 + 600).await;
    let path = format!("Verifications/{}", word(&late["sid"]));
    refused(
        &site.post(&path, &[("Status", "approved")]).await,
        404,
        20404,
    );
    // Only this dialect takes it.
    let own = app.started().await;
    let path = format!(
        "Verifications/VE{}",
        Uuid::parse_str(word(&own["id"])).unwrap().simple()
    );
    refused(
        &site.post(&path, &[("Status", "approved")]).await,
        404,
        20404,
    );
}

async fn the_sites_code_is_compared_as_it_was_written(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let v = site
        .start(&number, &[("CustomCode", "aB3-dE")])
        .await
        .expect(201);
    assert_eq!(channels(&v), ["SMS"], "Telegram carries only digits");
    let v = app.find(&native(&v)).await;
    assert_eq!(v["attempts"][0]["reason"], "code_not_carried");
    assert_eq!(v["attempts"][0]["cost"]["state"], "free");
    let [sms] = stage.sms.sends().try_into().unwrap();
    assert!(word(&sms["text"]).contains("aB3dE"));
    stage.advance(3);
    refused(
        &site.start(&number, &[("CustomCode", "other1")]).await,
        400,
        60200,
    );
    let wrong = site.check(&number, "ab3de").await.expect(200);
    assert_eq!(wrong["valid"], false);
    let right = site.check(&number, " aB3dE ").await.expect(200);
    assert_eq!(right["valid"], true);
    for code in ["123", "12345678901", "äbcd"] {
        refused(
            &site.start(&stage.number(), &[("CustomCode", code)]).await,
            400,
            60200,
        );
    }
}

async fn a_second_start_gets_no_sms_out_of_the_reserve(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    guard::people::fill(&app, &number, &guard::people::STRANGERS).await;
    // With the number's limit used up by strangers, only Telegram is left.
    let v = site.start(&number, &[]).await.expect(201);
    app.settle(&native(&v)).await;
    stage.advance(31);
    let again = [("To", &*number), ("Channel", "auto")];
    let reply = site.post("Verifications", &again).await;
    assert_eq!(reply.status, 429, "{}", reply.text);
    assert!(stage.sms.sends().is_empty());
}

async fn a_late_word_of_success_is_found_by_number_and_tags_are_shown(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let more = [("CustomCode", "481516"), ("Tags", r#"{"order":"42"}"#)];
    let v = site.start(&number, &more).await.expect(201);
    let v = app.later(&native(&v), 700).await;
    assert_eq!(
        (&v["status"], &v["tags"]),
        (&json!("expired"), &json!({ "order": "42" }))
    );
    let path = format!("Verifications/{number}");
    let approved = site
        .post(&path, &[("Status", "approved")])
        .await
        .expect(200);
    assert_eq!(approved["status"], "approved");
    refused(
        &site.post(&path, &[("Status", "canceled")]).await,
        404,
        20404,
    );
    app.settle(&v["id"]).await;
}
