//! Every fault comes in Vonage's shape, whatever is wrong.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Account, body, refused, steps};
use crate::stage::{Reply, SMS, Stage, word};
use crate::world::error;
use crate::{guard, on_both_engines, on_postgres};

on_both_engines!(
    fields_that_are_wrong_are_named,
    what_nobody_can_deliver_is_refused_at_once,
    credentials_are_the_keys_own,
    limits_budgets_and_countries,
    junk_and_addresses_that_are_none,
    a_dialect_that_is_off_has_no_address,
);
on_postgres!(an_outage_is_503);

fn names(reply: &Reply) -> Vec<&str> {
    let invalid = reply.body["invalid_parameters"].as_array().unwrap();
    invalid
        .iter()
        .map(|invalid| word(&invalid["name"]))
        .collect()
}

async fn fields_that_are_wrong_are_named(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let two = json!([
        { "channel": "telegram", "to": number[1..] },
        { "channel": "sms", "to": stage.number()[1..] },
    ]);
    let twelve: Value = vec![json!({ "channel": "sms", "to": number[1..] }); 12].into();
    for (more, expected) in [
        (json!({ "brand": null }), vec!["brand"]),
        (json!({ "brand": "Shop {code}" }), vec!["brand"]),
        (json!({ "brand": "Seventeen letters" }), vec!["brand"]),
        (json!({ "brand": 7, "locale": 7 }), vec!["brand", "locale"]),
        (json!({ "workflow": null }), vec!["workflow"]),
        (json!({ "workflow": [] }), vec!["workflow"]),
        (json!({ "workflow": "sms" }), vec!["workflow"]),
        (json!({ "workflow": [7] }), vec!["workflow[0]"]),
        (
            json!({ "workflow": [{}] }),
            vec!["workflow[0].channel", "workflow[0].to"],
        ),
        (json!({ "workflow": two }), vec!["workflow"]),
        (json!({ "workflow": twelve }), vec!["workflow"]),
        (
            json!({ "workflow": steps(&number, &["sms", "email"]) }),
            vec!["workflow[1].channel"],
        ),
        (
            json!({ "workflow": steps(&number, &["silent_auth"]) }),
            vec!["workflow[0].channel"],
        ),
        (
            json!({ "workflow": steps("+99812", &["sms"]) }),
            vec!["workflow[0].to"],
        ),
        (
            json!({ "workflow": steps("+", &["sms"]) }),
            vec!["workflow[0].to"],
        ),
        (
            json!({ "workflow": steps("+a@b.example", &["sms"]) }),
            vec!["workflow[0].to"],
        ),
        (
            json!({ "workflow": [{ "channel": "sms", "to": number[1..], "app_hash": "short" }] }),
            vec!["workflow[0].app_hash"],
        ),
        (json!({ "channel_timeout": 14 }), vec!["channel_timeout"]),
        (json!({ "channel_timeout": 901 }), vec!["channel_timeout"]),
        (json!({ "channel_timeout": "60" }), vec!["channel_timeout"]),
        (json!({ "code_length": 3 }), vec!["code_length"]),
        (json!({ "code_length": 11 }), vec!["code_length"]),
        (json!({ "code": "123" }), vec!["code"]),
        (json!({ "code": 1234 }), vec!["code"]),
        (
            json!({ "client_ref": "seventeen letters" }),
            vec!["client_ref"],
        ),
        (json!({ "client_ref": "" }), vec!["client_ref"]),
        (json!({ "fraud_check": "no" }), vec!["fraud_check"]),
    ] {
        let reply = site.start(&number, more).await;
        refused(&reply, 422, "Invalid params");
        assert_eq!(names(&reply), expected);
    }
    let request = site
        .start(&number, json!({ "what_is_not_known": { "is": "ignored" } }))
        .await
        .expect(202);
    for wrong in [json!({}), json!({ "code": 1234 }), json!({ "code": "123" })] {
        let path = format!("/{}", word(&request["request_id"]));
        let reply = site.post(&path, wrong).await;
        refused(&reply, 422, "Invalid params");
        assert_eq!(names(&reply), ["code"]);
    }
    let v = app.find(&request["request_id"]).await;
    assert_eq!(v["checks_left"], 3);
}

async fn what_nobody_can_deliver_is_refused_at_once(stage: Stage) {
    let telegram = r#"[{"channel":"telegram","wait":"60s"}]"#;
    let app = stage.app_with(&[("DEFAULTS__ROUTE", telegram)]).await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let letters = json!({ "workflow": steps(&number, &["telegram"]), "code": "A23456789" });
    // As often as it asks, the number's limits are not used up.
    for _ in 0..8 {
        let reply = site.start(&number, letters.clone()).await;
        refused(&reply, 422, "Invalid params");
        assert_eq!(reply.body["invalid_parameters"][0]["name"], "workflow");
    }
    stage.telegram.next_sends(["FLOOD_WAIT_60"; 3].map(error));
    for _ in 0..3 {
        site.start(&stage.number(), json!({})).await;
    }
    let paused = site.start(&number, json!({})).await;
    assert_eq!(paused.status, 503, "{}", paused.text);
    assert!(paused.header("retry-after").is_some());
    stage.advance(61);
    site.start(&number, json!({})).await.expect(202);
}

async fn credentials_are_the_keys_own(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let body = body(&stage.number(), json!({}));
    let path = "/vonage/v2/verify/";
    let (user, key) = (site.user.as_str(), site.key.as_str());
    for (user, key) in [
        (user, "pin_wrong"),
        ("00000000", key),
        ("", key),
        (user, ""),
    ] {
        let request = app
            .open_request(Method::POST, path)
            .basic_auth(user, Some(key));
        let reply = app.send(request.json(&body)).await;
        refused(&reply, 401, "Unauthorized");
        assert!(
            reply
                .header("www-authenticate")
                .unwrap()
                .starts_with("Basic ")
        );
    }
    for header in ["Bearer junk", "Basic junk", "Bearer"] {
        let request = app
            .open_request(Method::POST, path)
            .header("Authorization", header);
        refused(&app.send(request.json(&body)).await, 401, "Unauthorized");
    }
    let request = app.open_request(Method::POST, path).json(&body);
    refused(&app.send(request).await, 401, "Unauthorized");
    let reader = Account::of(&app, "finance").await;
    refused(&reader.post("/", body).await, 403, "Forbidden");
    // Upper case, as some people write hexadecimal digits.
    let loud = Account {
        app: &app,
        user: site.user.to_uppercase(),
        key: site.key.clone(),
    };
    let request = loud.start(&stage.number(), json!({})).await.expect(202);
    // Of another project.
    stage.project("other").await;
    let secret = stage.new_key(Some("other"), "verify").await;
    let admin = app.client.with_key(&stage.new_key(None, "admin").await);
    let keys = admin.get("/v1/keys").await.expect(200);
    let items = keys["items"].as_array().unwrap();
    let other = items.iter().find(|key| key["project"] == "other").unwrap();
    let other = Account {
        app: &app,
        user: Uuid::parse_str(word(&other["id"]))
            .unwrap()
            .simple()
            .to_string()[24..]
            .to_owned(),
        key: secret,
    };
    refused(
        &other.check(&request, &app.telegram_code()).await,
        404,
        "Not Found",
    );
}

async fn limits_budgets_and_countries(stage: Stage) {
    let deny = ("DEFAULTS__COUNTRIES__DENY", r#"["DE"]"#);
    let number_limit = ("DEFAULTS__LIMITS__PER_NUMBER", r#"["1/1h"]"#);
    let wrong = ("DEFAULTS__LIMITS__WRONG_CODES_PER_NUMBER", r#"["1/1h"]"#);
    let app = stage.app_with(&[deny, number_limit, wrong]).await;
    let site = Account::of(&app, "verify").await;
    refused(
        &site.start("+4915123456789", json!({})).await,
        403,
        "Forbidden",
    );
    let blocked = json!({ "kind": "block", "match": "country", "value": "KZ" });
    guard::add(&crate::webhooks::admin(&app).await, blocked).await;
    let reply = site.start("+77011234567", json!({})).await;
    refused(&reply, 403, "Forbidden");
    let number = stage.number();
    let workflow = steps(&number, &["telegram", "sms"]);
    let request = site
        .start(&number, json!({ "workflow": workflow }))
        .await
        .expect(202);
    // What is pending is named before any limit.
    refused(&site.start(&number, json!({})).await, 409, "Conflict");
    let limited = site.next(&request).await;
    refused(&limited, 429, "Rate Limit Hit");
    assert_eq!(limited.header("retry-after"), Some("3600"));
    refused(
        &site.check(&request, &app.wrong_code()).await,
        400,
        "Invalid Code",
    );
    refused(
        &site.check(&request, &app.wrong_code()).await,
        429,
        "Rate Limit Hit",
    );
    site.cancel(&request).await;
    refused(&site.start(&number, json!({})).await, 429, "Rate Limit Hit");
    app.settle(&request["request_id"]).await;
    stage.stop(app).await;
    let budget = r#"{"period":"day","limit":{"amount":"0.001","currency":"USD"}}"#;
    let app = stage.app_with(&[SMS, ("DEFAULTS__BUDGET", budget)]).await;
    let site = Account::of(&app, "verify").await;
    refused(
        &site.start(&stage.number(), json!({})).await,
        402,
        "Low balance",
    );
    // A channel that the route does not have.
    let number = stage.number();
    let reply = site
        .start(
            &number,
            json!({ "workflow": steps(&number, &["telegram"]) }),
        )
        .await;
    refused(&reply, 422, "Invalid params");
    assert_eq!(names(&reply), ["workflow[0].channel"]);
}

async fn junk_and_addresses_that_are_none(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    for junk in [
        "",
        "{",
        "[]",
        "null",
        "\"text\"",
        r#"{"brand":"a","brand":"b"}"#,
        "brand=Shop",
    ] {
        let request = site.request(Method::POST, "/").body(junk);
        refused(&app.send(request).await, 422, "Invalid params");
    }
    let invalid = vec![0xff_u8; 100];
    refused(
        &app.send(site.request(Method::POST, "/").body(invalid))
            .await,
        422,
        "Invalid params",
    );
    let large = format!(r#"{{"brand":"{}"}}"#, "x".repeat(70_000));
    let reply = app.send(site.request(Method::POST, "/").body(large)).await;
    refused(&reply, 413, "Request body too large");
    let nobody = Uuid::from_u128(7).to_string();
    for id in [nobody.as_str(), "junk", "%00", "templates", "..%2f"] {
        let reply = site
            .post(&format!("/{id}"), json!({ "code": "1234" }))
            .await;
        refused(&reply, 404, "Not Found");
        let reply = app
            .send(site.request(Method::DELETE, &format!("/{id}")))
            .await;
        refused(&reply, 404, "Not Found");
        let reply = site.post(&format!("/{id}/next_workflow"), json!({})).await;
        refused(&reply, 404, "Not Found");
    }
    for path in [
        "/vonage",
        "/vonage/",
        "/vonage/v2/verify/a/b/c",
        "/vonage/verify/json",
    ] {
        let request = app
            .open_request(Method::POST, path)
            .basic_auth(&site.user, Some(&site.key));
        refused(&app.send(request).await, 404, "Not Found");
    }
    for method in [Method::GET, Method::PUT, Method::PATCH] {
        let reply = app.send(site.request(method, "/")).await;
        refused(&reply, 405, "Method not allowed");
        assert_eq!(reply.header("allow"), Some("POST"));
    }
}

async fn an_outage_is_503(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let request = site.start(&stage.number(), json!({})).await.expect(202);
    stage.hide_database().await;
    for reply in [
        site.start(&stage.number(), json!({})).await,
        site.check(&request, "1234").await,
        site.next(&request).await,
        site.cancel(&request).await,
    ] {
        refused(&reply, 503, "Service unavailable");
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(!word(&reply.body["detail"]).contains("Idempotency"));
    }
    stage.show_database().await;
    let code = app.telegram_code();
    site.check(&request, &code).await.expect(200);
    app.settle(&request["request_id"]).await;
}

async fn a_dialect_that_is_off_has_no_address(stage: Stage) {
    let app = stage.app_with(&[("DIALECTS__VONAGE", "false")]).await;
    let site = Account::of(&app, "verify").await;
    let reply = site.start(&stage.number(), json!({})).await;
    reply.problem(404, "not_found");
    let admin = app.client.with_key(&stage.new_key(None, "admin").await);
    let made = admin
        .post("/v1/keys", json!({ "name": "off", "scopes": ["verify"] }))
        .await;
    assert!(made.expect(201)["dialects"].get("vonage").is_none());
}
