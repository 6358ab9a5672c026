//! Telegram's delivery reports: signature, order, and matching to an attempt.

use serde_json::{Value, json};

use super::{PATIENT, attempt};
use crate::on_both_engines;
use crate::stage::{Stage, word};
use crate::world::{Answer, TOKEN};

on_both_engines!(
    a_stale_report_changes_nothing_and_triggers_a_status_request,
    a_report_must_be_signed_with_a_configured_token,
    reports_may_arrive_twice_and_in_any_order,
    a_report_may_overtake_the_answer,
    reports_about_unknown_attempts_are_accepted,
    malformed_reports_are_400_and_change_nothing,
    a_report_without_payload_is_matched_by_number_and_request_id,
);

async fn a_stale_report_changes_nothing_and_triggers_a_status_request(stage: Stage) {
    let app = stage.app_with(&[PATIENT]).await;
    let v = app.started().await;
    let report = stage.telegram.status("read");
    for off in [-301, 301] {
        let at = stage.clock.now() + chrono::TimeDelta::seconds(off);
        app.telegram_reports_signed(&report, TOKEN, at)
            .await
            .problem(401, "unauthorized");
    }
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0).1, "sent");
    assert!(!stage.telegram.asks().is_empty(), "it is a reason to ask");
    let at = stage.clock.now() - chrono::TimeDelta::seconds(300);
    app.telegram_reports_signed(&report, TOKEN, at)
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "read");
}

async fn a_report_must_be_signed_with_a_configured_token(stage: Stage) {
    let app = stage
        .app_with(&[("TELEGRAM__PREVIOUS_TOKEN", "the-old-token")])
        .await;
    let v = app.started().await;
    let (report, now) = (stage.telegram.status("delivered"), stage.clock.now());
    app.telegram_reports_signed(&report, "another-token", now)
        .await
        .problem(401, "unauthorized");
    let body = report.to_string();
    let timestamp = now.timestamp().to_string();
    let signature = crate::world::signature(TOKEN, &timestamp, &body);
    let post = |timestamp: Option<&str>, signature: Option<&str>, body: &str| {
        let mut request = app.open_request(reqwest::Method::POST, "/callbacks/telegram");
        if let Some(timestamp) = timestamp {
            request = request.header("X-Request-Timestamp", timestamp);
        }
        if let Some(signature) = signature {
            request = request.header("X-Request-Signature", signature);
        }
        app.send(request.body(body.to_owned()))
    };
    post(None, Some(&signature), &body)
        .await
        .problem(401, "unauthorized");
    post(Some(&timestamp), None, &body)
        .await
        .problem(401, "unauthorized");
    post(Some(&timestamp), Some(&signature), &format!("{body} "))
        .await
        .problem(401, "unauthorized");
    post(
        Some(&(now.timestamp() + 1).to_string()),
        Some(&signature),
        &body,
    )
    .await
    .problem(401, "unauthorized");
    assert_eq!(attempt(&app.find(&v["id"]).await, 0).1, "sent");
    app.telegram_reports_signed(&report, "the-old-token", now)
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "delivered");
    // Telegram signs with the raw SHA-256 of the token as key.
    let vector = crate::world::signature("TEST_TOKEN", "1700000000", r#"{"request_id":"abc"}"#);
    assert_eq!(
        vector,
        "ba63fd756bd9eefdac399bc598347c4754b01546d595bfe332b8e8d54aee773e"
    );
}

async fn reports_may_arrive_twice_and_in_any_order(stage: Stage) {
    let app = stage.app_with(&[PATIENT]).await;
    let v = app.started().await;
    for delivery in [
        "read",
        "delivered",
        "sent",
        "read",
        "delivered",
        "expired",
        "revoked",
        "something_new",
    ] {
        app.telegram_reports(&stage.telegram.status(delivery))
            .await
            .expect(200);
        assert_eq!(
            attempt(&app.find(&v["id"]).await, 0).1,
            "read",
            "{delivery}"
        );
    }
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(app.ledger(&v["id"]).await.len(), 1);
    let reads = app
        .events(&v["id"])
        .await
        .iter()
        .filter(|kind| *kind == "verification.read")
        .count();
    assert_eq!(reads, 1);
}

async fn a_report_may_overtake_the_answer(stage: Stage) {
    let app = stage
        .app_with(&[PATIENT, ("TELEGRAM__TIMEOUT", "1s")])
        .await;
    let v = app.started().await;
    let before = app.stage.telegram.last_request_id();
    // The second send gets no answer until its report has arrived.
    stage.telegram.next_sends([Answer::Hang]);
    let starting = {
        let (app, body) = (
            app.clone(),
            json!({ "phone_number": stage.number(), "wait": 0 }),
        );
        app.start(body).await.expect(201)
    };
    stage.telegram.fake.until_seen(2).await;
    let report = stage.telegram.status("delivered");
    assert_ne!(report["request_id"], json!(before));
    let now = stage.clock.now();
    app.telegram_reports_signed(&report, TOKEN, now)
        .await
        .expect(200);
    let early = app.find(&starting["id"]).await;
    assert_eq!(
        attempt(&early, 0),
        ("telegram", "delivered", None, "charged")
    );
    assert_eq!(early["attempts"].as_array().unwrap().len(), 1);
    // The send then fails without an answer, which does not override the report.
    let settled = app.settle(&starting["id"]).await;
    assert_eq!(
        attempt(&settled, 0),
        ("telegram", "delivered", None, "charged")
    );
    assert_eq!(
        settled["attempts"].as_array().unwrap().len(),
        1,
        "{:?}",
        app.events(&starting["id"]).await
    );
    assert_eq!(app.ledger(&starting["id"]).await.len(), 1);
    assert_eq!(attempt(&app.find(&v["id"]).await, 0).1, "sent");
}

async fn reports_about_unknown_attempts_are_accepted(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let mut stranger = stage.telegram.status("read");
    stranger["request_id"] = json!("1");
    for payload in [
        json!("01993f0e-0000-7000-8000-000000000000"),
        json!("order 42"),
        Value::Null,
        json!(""),
    ] {
        stranger["payload"] = payload;
        app.telegram_reports(&stranger).await.expect(200);
    }
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "sent");
    // A missing attempt of an existing verification.
    let id = word(&v["attempts"][0]["id"]).to_owned();
    stranger["payload"] =
        json!(format!("{}{}", &id[..15], "fff0").replace("7fff0", "7ff0") + &id[18..]);
    let at = stage.clock.now();
    app.telegram_reports_signed(&stranger, TOKEN, at)
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "sent");
}

async fn malformed_reports_are_400_and_change_nothing(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    for report in [
        json!({}),
        json!([]),
        json!("x"),
        json!({ "request_id": 5, "phone_number": "1" }),
    ] {
        let at = stage.clock.now();
        app.telegram_reports_signed(&report, TOKEN, at)
            .await
            .problem(400, "invalid_request");
    }
    let large = json!({ "request_id": "1", "phone_number": "1", "payload": "x".repeat(70_000) });
    let at = stage.clock.now();
    app.telegram_reports_signed(&large, TOKEN, at)
        .await
        .problem(413, "payload_too_large");
    assert_eq!(app.settle(&v["id"]).await, v);
    // An unknown provider, and one that does not sign.
    for provider in ["nobody", "main"] {
        let request = app.open_request(reqwest::Method::POST, &format!("/callbacks/{provider}"));
        app.send(request.body("{}"))
            .await
            .problem(401, "unauthorized");
    }
}

async fn a_report_without_payload_is_matched_by_number_and_request_id(stage: Stage) {
    let app = stage.app_with(&[PATIENT]).await;
    let v = app.started().await;
    let mut report = stage.telegram.status("delivered");
    report.as_object_mut().unwrap().remove("payload");
    app.telegram_reports(&report).await.expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "delivered");
}
