//! Every code of a problem, with its title, its detail and its extra fields.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::Transcript;
use crate::stage::{Reply, Stage, TestApp, word};
use crate::{on_both_engines, on_postgres};

on_both_engines!(problems_of_every_code_keep_their_shape);
on_postgres!(the_problem_without_a_database_keeps_its_shape);

/// Codes that no request of this test can get: the first needs a client that stops half way, the second a database that
/// is down, which has its own test.
const ELSEWHERE: [&str; 2] = ["request_timeout", "service_unavailable"];

/// A transcript that knows which codes it holds.
struct Problems {
    said: Transcript,
    codes: BTreeSet<String>,
}

impl Problems {
    #[track_caller]
    fn add(&mut self, title: &str, reply: &Reply, status: u16, code: &str) {
        reply.problem(status, code);
        self.said.answer(title, reply, status);
        self.codes.insert(code.to_owned());
    }
}

async fn problems_of_every_code_keep_their_shape(stage: Stage) {
    let app = stage
        .app_with(&[
            ("DEFAULTS__COUNTRIES", r#"{"deny":["KZ"]}"#),
            ("DEFAULTS__LIMITS__PER_NUMBER", r#"["3/1h"]"#),
            ("DEFAULTS__MAX_SENDS", "2"),
            ("DEFAULTS__MAX_CHECKS", "1"),
        ])
        .await;
    let mut problems = Problems {
        said: Transcript::new(&stage),
        codes: BTreeSet::new(),
    };
    let p = &mut problems;
    of_any_request(&stage, &app, p).await;
    of_a_start(&stage, &app, p).await;
    of_a_verification(&stage, &app, p).await;
    of_an_unreadable_row(&stage, &app, p).await;
    of_money(&stage, &app, p).await;

    let document: Value = serde_json::from_str(&app.get("/openapi.json").await.text).unwrap();
    let documented = document["components"]["schemas"]["ProblemCode"]["enum"].as_array();
    let documented: BTreeSet<String> = documented
        .expect("the codes are documented")
        .iter()
        .map(|code| word(code).to_owned())
        .filter(|code| !ELSEWHERE.contains(&code.as_str()))
        .collect();
    assert_eq!(problems.codes, documented, "each code has its snapshot");
    problems.said.finish("problems");
}

async fn of_any_request(stage: &Stage, app: &TestApp, p: &mut Problems) {
    let reply = app.get("/v1/webhooks").await;
    p.add("With a key of another scope", &reply, 403, "forbidden");
    let reply = app
        .send(app.open_request(Method::GET, "/v1/verifications"))
        .await;
    p.add("Without a key", &reply, 401, "unauthorized");
    let reply = app.get("/v1/nothing").await;
    p.add("At an address of nobody", &reply, 404, "not_found");
    let request = app.request(Method::DELETE, "/v1/ledger");
    let reply = app.send(request).await;
    p.add("With another method", &reply, 405, "method_not_allowed");
    let post = |kind: &str, body: String| {
        let request = app.request(Method::POST, "/v1/verifications");
        app.send(request.header("Content-Type", kind).body(body))
    };
    let reply = post("text/plain", "{}".to_owned()).await;
    p.add("In another type", &reply, 415, "unsupported_media_type");
    let reply = post("application/json", format!("{{}}{}", " ".repeat(70_000))).await;
    p.add("Too large", &reply, 413, "payload_too_large");
    let reply = post("application/json", "{".to_owned()).await;
    p.add("Not JSON", &reply, 400, "invalid_request");
    let body = json!({ "code": 1234, "ttl": 29, "channels": ["pigeon"], "wait": 11, "more": 1 });
    let reply = app.start(body).await;
    p.add("With several faults", &reply, 400, "invalid_request");
    let reply = app.get("/v1/verifications?limit=0&cursor=x").await;
    p.add("With faulty parameters", &reply, 400, "invalid_request");

    let body = json!({ "phone_number": stage.number() });
    let path = "/v1/verifications";
    app.post_once(path, "one", body).await.expect(201);
    let body = json!({ "phone_number": stage.number() });
    let reply = app.post_once(path, "one", body.clone()).await;
    p.add("A key used twice", &reply, 422, "idempotency_mismatch");
    let (text, project) = (body.to_string(), stage.project("default").await);
    app.gateway
        .idempotency()
        .begin(Some(project), path, "two", text.as_bytes())
        .await
        .unwrap();
    let reply = app.post_once(path, "two", body).await;
    p.add("While it runs", &reply, 409, "idempotency_in_progress");
}

async fn of_an_unreadable_row(stage: &Stage, app: &TestApp, p: &mut Problems) {
    let spoilt = app.started().await;
    let id = uuid::Uuid::parse_str(word(&spoilt["id"])).unwrap();
    stage.spoil(id).await;
    let reply = app.get(&format!("/v1/verifications/{id}")).await;
    p.add("With an unreadable row", &reply, 500, "internal_error");
    stage.mend(id).await;
}

async fn of_a_start(stage: &Stage, app: &TestApp, p: &mut Problems) {
    for (number, status, code) in [
        ("+99890", 422, "phone_number_invalid"),
        ("+19002345678", 422, "phone_number_unsupported"),
        ("+77012345678", 403, "country_blocked"),
    ] {
        let reply = app.start(json!({ "phone_number": number })).await;
        p.add(&format!("A start for {number}"), &reply, status, code);
    }
    let admin = crate::webhooks::admin(app).await;
    let entry = json!({ "kind": "block", "match": "prefix", "value": "+4915" });
    crate::guard::add(&admin, entry).await;
    let body = json!({ "phone_number": "+4915112345678" });
    let reply = app.start(body).await;
    p.add("A start that a list blocks", &reply, 403, "request_blocked");
    let number = stage.number();
    for payload in ["1", "2", "3"] {
        let body = json!({ "phone_number": number, "payload": payload });
        app.start(body).await.expect(201);
    }
    let reply = app.start(json!({ "phone_number": number })).await;
    p.add("A fourth start", &reply, 429, "rate_limited");
    stage.advance(86_400);
}

async fn of_a_verification(stage: &Stage, app: &TestApp, p: &mut Problems) {
    let id = json!("01a20297-4dc0-7000-8c11-5d0e6f1a2b3c");
    let reply = app.check(&id, "000000").await;
    p.add("No verification", &reply, 404, "verification_not_found");

    let v = app.started().await;
    let reply = app.resend(&v["id"], json!({})).await;
    p.add("A resend at once", &reply, 429, "resend_too_soon");
    stage.advance(30);
    let reply = app.resend(&v["id"], json!({ "channel": "sms" })).await;
    reply.expect(200);
    stage.advance(30);
    let reply = app.resend(&v["id"], json!({ "channel": "sms" })).await;
    p.add("A resend too many", &reply, 429, "too_many_sends");
    app.check(&v["id"], &app.wrong_code()).await.expect(200);
    let reply = app.check(&v["id"], &app.telegram_code()).await;
    p.add("A check too many", &reply, 429, "too_many_checks");

    let v = app.started().await;
    app.cancel(&v["id"]).await.expect(200);
    let reply = app.cancel(&v["id"]).await;
    p.add("Canceled twice", &reply, 409, "verification_not_pending");
    let v = app.started().await;
    stage.advance(600);
    let reply = app.check(&v["id"], &app.telegram_code()).await;
    p.add("Checked too late", &reply, 410, "verification_expired");

    let policy = json!({ "route": [{ "channel": "telegram", "wait": "15s" }] });
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let body = json!({ "name": "shop", "policy": policy });
    all.post("/v1/projects", body).await.expect(201);
    let shop = app.with_key(&stage.new_key(Some("shop"), "verify").await);
    let body = json!({ "phone_number": stage.number(), "channels": ["sms"] });
    let reply = shop.start(body).await;
    p.add("A closed channel", &reply, 422, "channel_unavailable");
}

async fn of_money(stage: &Stage, app: &TestApp, p: &mut Problems) {
    let admin = app.with_key(&stage.new_key(Some("default"), "admin").await);
    let put = |amount: &str, currency: &str| {
        let limit = json!({ "amount": amount, "currency": currency });
        let request = admin.request(Method::PUT, "/v1/budgets");
        admin.send(request.json(&json!({ "items": [{ "period": "day", "limit": limit }] })))
    };
    let reply = put("1", "RUB").await;
    p.add("Without a rate", &reply, 422, "exchange_rate_missing");
    put("0.001", "USD").await.expect(200);
    let reply = app.start(json!({ "phone_number": stage.number() })).await;
    p.add("Without a budget", &reply, 402, "budget_exhausted");
}

async fn the_problem_without_a_database_keeps_its_shape(stage: Stage) {
    let app = stage.app().await;
    let mut said = Transcript::new(&stage);
    stage.hide_database().await;
    let body = json!({ "phone_number": stage.number() });
    let reply = app.start(body).await;
    reply.problem(503, "service_unavailable");
    said.answer("While the database is away", &reply, 503);
    stage.show_database().await;
    said.finish("problem_database_away");
}
