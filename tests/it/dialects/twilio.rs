//! Twilio Verify, version 2, at `/twilio/v2`. What its libraries do is in `clients`; here is what they do not show.

use pinroute::secret::random;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Engine, Reply, SMS, Stage, TestApp, assert_fields, word};
use crate::world::error;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_second_start_is_a_resend_of_the_same_code,
    an_other_channel_goes_there_and_literal_sms_is_sms_alone,
    sends_are_capped_and_limited_in_twilios_numbers,
    a_locked_number_stays_locked_until_it_expires,
    a_word_of_success_approves_without_a_proof,
    the_sites_code_is_compared_as_it_was_written,
    limits_of_the_sites_own_hold_for_starts_and_resends,
    credentials_and_services_belong_together,
    sids_of_old_go_on,
    faults_come_in_twilios_shape,
    attempts_come_in_pages_without_gaps,
    the_brand_stands_in_the_text,
);
on_postgres!(parallel_starts_on_two_replicas_are_one_verification);

/// A key, as Twilio's client is configured with it.
struct Account<'a> {
    app: &'a TestApp,
    user: String,
    key: String,
    service: String,
}

impl<'a> Account<'a> {
    async fn of(app: &'a TestApp, scopes: &str) -> Self {
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

    async fn start(&self, number: &str, more: &[(&str, &str)]) -> Reply {
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
fn native(answer: &Value) -> Value {
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
    stage.advance(3);
    let other = site.post("Verifications", &form("sms")).await;
    // A verification by Telegram alone has no other step.
    refused(&other, 400, 60223);
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

async fn limits_of_the_sites_own_hold_for_starts_and_resends(stage: Stage) {
    let keys = (
        "DEFAULTS__LIMITS__KEYS",
        r#"{"user_id":["2/1h"],"none":[]}"#,
    );
    let app = stage.app_with(&[SMS, keys]).await;
    let site = Account::of(&app, "verify").await;
    let limits = |user| [("RateLimits", user)];
    let one = r#"{"user_id": "u-17", "unknown": "x", "none": "y"}"#;
    let number = stage.number();
    let v = site.start(&number, &limits(one)).await.expect(201);
    stage.advance(3);
    site.start(&number, &[]).await.expect(201);
    app.settle(&native(&v)).await;
    refused(&site.start(&stage.number(), &limits(one)).await, 429, 20429);
    let other = r#"{"user_id":"u-18"}"#;
    site.start(&stage.number(), &limits(other))
        .await
        .expect(201);

    // The same limit in our own API.
    let start = async |keys: Value| {
        app.start(json!({ "phone_number": stage.number(), "limit_keys": keys }))
            .await
    };
    let limited = start(json!({ "user_id": "u-17" }))
        .await
        .problem(429, "rate_limited");
    assert_eq!(limited["limit"], "user_id");
    start(json!({ "user_id": "u-18" })).await.expect(201);
    start(json!({ "user_id": "u-18" }))
        .await
        .problem(429, "rate_limited");
    start(json!({ "none": "u-18" })).await.expect(201);
    for (keys, pointer) in [
        (json!({ "address": "x" }), "/limit_keys/address"),
        (json!({ "user_id": 17 }), "/limit_keys"),
        (json!({ "user_id": "" }), "/limit_keys"),
        (json!(["user_id"]), "/limit_keys"),
    ] {
        let refused = start(keys).await;
        refused.problem(400, "invalid_request");
        assert_eq!(refused.pointers(), [pointer]);
    }
}

async fn credentials_and_services_belong_together(stage: Stage) {
    let app = stage.app().await;
    let mut site = Account::of(&app, "verify").await;
    let (user, service) = (site.user.clone(), site.service.clone());
    let account = service.replacen("VA", "AC", 1);
    for good in [&user, &account] {
        site.user.clone_from(good);
        site.send(Method::GET, &format!("/Services/{service}"), &[])
            .await
            .expect(200);
    }
    let nobody = "0".repeat(32);
    for bad in [
        format!("AC{nobody}"),
        format!("SK{nobody}"),
        "AC".into(),
        service.clone(),
    ] {
        site.user.clone_from(&bad);
        refused(&site.get("RateLimits").await, 401, 20003);
    }
    let request = app.open_request(Method::GET, "/twilio/v2/Services");
    refused(&app.send(request.bearer_auth(&site.key)).await, 401, 20003);

    let other = stage.project("other").await;
    site.user = user;
    for unknown in [
        format!("VA{}", other.0.simple()),
        format!("VA{nobody}"),
        "VA".into(),
    ] {
        site.service.clone_from(&unknown);
        refused(&site.start(&stage.number(), &[]).await, 404, 20404);
    }
    let finance = Account {
        key: stage.new_key(Some("default"), "finance").await,
        user: account,
        service,
        app: &app,
    };
    refused(&finance.get("RateLimits").await, 403, 20403);
    assert!(stage.telegram.sends().is_empty());
}

async fn sids_of_old_go_on(stage: Stage) {
    let (account, service) = (
        format!("AC{}", "a1".repeat(16)),
        format!("VA{}", "b2".repeat(16)),
    );
    let app = stage.app().await;
    let admin = app
        .client
        .with_key(&stage.new_key(Some("default"), "admin").await);
    let change =
        json!({ "policy": { "twilio": { "account_sid": account, "service_sid": service } } });
    let request = admin
        .request(Method::PATCH, "/v1/projects/default")
        .json(&change);
    app.send(request).await.expect(200);
    let mut site = Account::of(&app, "verify").await;
    site.user.clone_from(&account);
    site.service.clone_from(&service);
    let v = site.start(&stage.number(), &[]).await.expect(201);
    assert_eq!(
        (word(&v["account_sid"]), word(&v["service_sid"])),
        (&*account, &*service)
    );
    assert!(word(&v["url"]).contains(&service));
    let created = admin
        .post("/v1/keys", json!({ "scopes": ["verify"] }))
        .await
        .expect(201);
    let twilio = &created["dialects"]["twilio"];
    assert_eq!(
        (word(&twilio["account_sid"]), word(&twilio["sms"])),
        (&*account, "route")
    );
    let wrong = json!({ "policy": { "twilio": { "account_sid": "AC1" } } });
    let request = admin
        .request(Method::PATCH, "/v1/projects/default")
        .json(&wrong);
    app.send(request).await.problem(400, "invalid_request");
}

async fn faults_come_in_twilios_shape(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let to = ("To", &*number);
    let sms = ("Channel", "sms");
    let many = format!(
        "{{{}}}",
        (0..11)
            .map(|n| format!("\"{n}\":\"x\""))
            .collect::<Vec<_>>()
            .join(",")
    );
    for form in [
        vec![],
        vec![sms],
        vec![to],
        vec![to, ("Channel", "pigeon")],
        vec![("To", "12"), sms],
        vec![("To", "ann@shop.example"), sms],
        vec![to, ("To", "+998901234567"), sms],
        vec![to, sms, ("RateLimits", "{")],
        vec![to, sms, ("RateLimits", r#"{"a":[1]}"#)],
        vec![to, sms, ("Tags", &many)],
        vec![to, sms, ("RiskCheck", "maybe")],
        vec![to, sms, ("AppHash", "short")],
        vec![to, sms, ("CustomFriendlyName", "x".repeat(31).leak())],
    ] {
        refused(&site.post("Verifications", &form).await, 400, 60200);
    }
    refused(
        &site
            .start(&number, &[("Amount", "1"), ("Payee", "x")])
            .await,
        400,
        60204,
    );
    refused(&site.start("+442079460000", &[]).await, 400, 60205);
    refused(&site.check(&number, "123456").await, 404, 20404);
    refused(&site.check(&number, "12").await, 400, 60200);
    refused(
        &site.post("VerificationCheck", &[("Code", "123456")]).await,
        400,
        60221,
    );
    refused(&site.post("VerificationCheck", &[to]).await, 400, 60200);
    refused(
        &site
            .post(&format!("Verifications/{number}"), &[("Status", "gone")])
            .await,
        400,
        60200,
    );
    let at = |path: &str| {
        app.open_request(Method::PUT, path)
            .basic_auth(&site.user, Some(&site.key))
    };
    refused(&app.send(at("/twilio/v2/Services")).await, 405, 20004);
    refused(&app.send(at("/twilio/v2/Nothing")).await, 404, 20404);
    refused(&app.send(at("/twilio")).await, 404, 20404);
    let large = "x".repeat(1 << 20);
    refused(
        &site.start(&number, &[("Locale", &large)]).await,
        413,
        20413,
    );
    let list = site
        .send(Method::GET, "/Attempts", &[("DateCreatedAfter", "soon")])
        .await;
    refused(&list, 400, 60200);
    assert!(stage.telegram.sends().is_empty() && stage.sms.sends().is_empty());
    if stage.engine == Engine::Postgres {
        stage.hide_database().await;
        let answer = site.start(&number, &[]).await;
        stage.show_database().await;
        refused(&answer, 503, 20503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    stage.stop(app).await;
    let app = stage.app_with(&[("DIALECTS__TWILIO", "false")]).await;
    app.get("/twilio/v2/Services")
        .await
        .problem(404, "not_found");
}

async fn attempts_come_in_pages_without_gaps(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let mut sids = Vec::new();
    for round in 0..5 {
        if round % 2 == 0 {
            stage
                .telegram
                .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
        }
        let v = site.start(&stage.number(), &[]).await.expect(201);
        let attempts = v["send_code_attempts"].as_array().unwrap();
        sids.extend(
            attempts
                .iter()
                .map(|attempt| word(&attempt["attempt_sid"]).to_owned()),
        );
        stage.advance(1);
        // Of another face.
        app.started().await;
    }
    sids.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(sids.len(), 8);
    for size in ["1", "2", "3", "8", "50"] {
        let mut found = Vec::new();
        let mut page = site
            .send(Method::GET, "/Attempts", &[("PageSize", size)])
            .await
            .expect(200);
        loop {
            let items = page["attempts"].as_array().unwrap();
            assert!(items.len() <= size.parse::<usize>().unwrap());
            found.extend(items.iter().map(|item| word(&item["sid"]).to_owned()));
            let Some(next) = page["meta"]["next_page_url"].as_str() else {
                break;
            };
            assert!(next.starts_with("https://verify.example/twilio/v2/Attempts?PageSize="));
            let path = next
                .strip_prefix("https://verify.example/twilio/v2")
                .unwrap();
            page = site.send(Method::GET, path, &[]).await.expect(200);
        }
        assert_eq!(found, sids, "{size} on a page");
    }
    let count = async |filter: &[(&str, &str)]| {
        let page = site
            .send(Method::GET, "/Attempts", filter)
            .await
            .expect(200);
        page["attempts"].as_array().unwrap().len()
    };
    assert_eq!(count(&[("Channel", "sms")]).await, 3);
    assert_eq!(
        count(&[("Country", "uz"), ("Status", "unconverted")]).await,
        8
    );
    assert_eq!(count(&[("Status", "converted")]).await, 0);
    let now = stage.clock.now();
    assert_eq!(count(&[("DateCreatedBefore", &now.to_rfc3339())]).await, 8);
    assert_eq!(count(&[("DateCreatedAfter", &now.to_rfc3339())]).await, 0);
}

async fn the_brand_stands_in_the_text(stage: Stage) {
    let texts = ("DEFAULTS__TEMPLATES", r#"{"en":"{brand}: {code}"}"#);
    let app = stage.app_with(&[SMS, texts]).await;
    let site = Account::of(&app, "verify").await;
    let english = ("Locale", "en");
    site.start(&stage.number(), &[english]).await.expect(201);
    site.start(&stage.number(), &[english, ("CustomFriendlyName", "Shop")])
        .await
        .expect(201);
    let texts: Vec<String> = stage
        .sms
        .sends()
        .iter()
        .map(|sms| word(&sms["text"]).to_owned())
        .collect();
    assert!(
        texts[0].starts_with("default: ") && texts[1].starts_with("Shop: "),
        "{texts:?}"
    );
}

async fn parallel_starts_on_two_replicas_are_one_verification(stage: Stage) {
    let (one, other) = (stage.app().await, stage.app().await);
    let here = Account::of(&one, "verify").await;
    let there = Account {
        app: &other,
        user: here.user.clone(),
        key: here.key.clone(),
        service: here.service.clone(),
    };
    let number = stage.number();
    let starts = (0..8).map(|n| {
        if n % 2 == 0 {
            here.start(&number, &[])
        } else {
            there.start(&number, &[])
        }
    });
    let starts = futures_util::future::join_all(starts).await;
    let sids: Vec<Value> = starts
        .iter()
        .map(|start| start.expect(201)["sid"].clone())
        .collect();
    assert!(sids.iter().all(|sid| *sid == sids[0]), "{sids:?}");
    assert_eq!(stage.telegram.sends().len(), 1);
    let code = one.telegram_code();
    let checks = (0..8).map(|n| {
        if n % 2 == 0 {
            here.check(&number, &code)
        } else {
            there.check(&number, &code)
        }
    });
    let checks = futures_util::future::join_all(checks).await;
    let valid = checks
        .iter()
        .filter(|check| check.body["valid"] == true)
        .count();
    assert_eq!(valid, 1);
    for lost in checks.iter().filter(|check| check.body["valid"] != true) {
        refused(lost, 404, 20404);
    }
    one.settle(&native(&starts[0].body)).await;
}
