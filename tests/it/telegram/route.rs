//! When the route takes its next step, and when it ends.

use serde_json::json;

use super::{attempt, broken};
use crate::on_both_engines;
use crate::stage::{Stage, word};
use crate::world::{Answer, error};

on_both_engines!(
    evidence_of_delivery_stops_the_fallback,
    without_evidence_the_next_step_follows_after_the_wait,
    approve_within_falls_back_despite_delivery,
    nothing_is_sent_after_the_end,
    a_verification_fails_only_when_every_attempt_is_dead,
);

async fn evidence_of_delivery_stops_the_fallback(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.later(&v["id"], 300).await;
    assert_eq!(attempt(&v, 0), ("telegram", "delivered", None, "charged"));
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    app.telegram_reports(&stage.telegram.status("read"))
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "read");
    assert!(stage.sms.sends().is_empty());
}

async fn without_evidence_the_next_step_follows_after_the_wait(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let v = app.later(&v["id"], 14).await;
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    assert!(stage.telegram.asks().is_empty(), "reports are awaited");
    let v = app.later(&v["id"], 1).await;
    assert_eq!(
        stage.telegram.asks().len(),
        1,
        "its status is requested before falling back"
    );
    assert_eq!((attempt(&v, 0).1, attempt(&v, 1).1), ("sent", "sent"));
    assert_eq!(v["sends_left"], 4, "an automatic fallback does not count");
    let [sms] = stage.sms.sends().try_into().unwrap();
    assert!(
        word(&sms["text"]).contains(&app.telegram_code()),
        "the same code"
    );
    // The late message still counts, and its delivery is shown.
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "delivered");

    // Delivery reported in the answer to a status request is evidence.
    let v = app.started().await;
    stage
        .telegram
        .next_asks([stage.telegram.asked("delivered")]);
    let v = app.later(&v["id"], 15).await;
    assert_eq!(
        (attempt(&v, 0).1, v["attempts"].as_array().unwrap().len()),
        ("delivered", 1)
    );
}

async fn approve_within_falls_back_despite_delivery(stage: Stage) {
    let route = r#"[{"channel":"telegram","wait":"15s","approve_within":"90s"},{"channel":"sms","wait":"60s"}]"#;
    let app = stage.app_with(&[("DEFAULTS__ROUTE", route)]).await;
    let v = app.started().await;
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.later(&v["id"], 89).await;
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    let v = app.later(&v["id"], 1).await;
    assert_eq!((attempt(&v, 0).1, attempt(&v, 1).1), ("delivered", "sent"));
}

async fn nothing_is_sent_after_the_end(stage: Stage) {
    let app = stage.app().await;
    let canceled = app.started().await["id"].clone();
    app.cancel(&canceled).await.expect(200);
    let approved = app.started().await["id"].clone();
    app.check(&approved, &app.telegram_code()).await.expect(200);
    let expired = app
        .start(json!({ "phone_number": stage.number(), "ttl": 30 }))
        .await
        .expect(201)["id"]
        .clone();
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    stage.advance(30);
    // A failure reported after the end triggers no further step.
    app.telegram_reports(&report).await.expect(200);
    for _ in 0..5 {
        for id in [&canceled, &approved, &expired] {
            app.later(id, 600).await;
        }
    }
    assert_eq!(
        (stage.telegram.sends().len(), stage.sms.sends().len()),
        (3, 0)
    );
    let v = app.find(&expired).await;
    assert_eq!(
        (&v["status"], attempt(&v, 0).3),
        (&json!("expired"), "refunded")
    );
}

async fn a_verification_fails_only_when_every_attempt_is_dead(stage: Stage) {
    let app = stage.app().await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE"), broken()]);
    stage
        .sms
        .next_sends([Answer::Json(400, json!({})), Answer::Json(400, json!({}))]);
    let v = app.started().await;
    assert_eq!((&v["status"], &v["costs"]), (&json!("failed"), &json!([])));
    assert_eq!((attempt(&v, 0).1, attempt(&v, 1).1), ("refused", "failed"));
    // An attempt that may have arrived keeps the verification open.
    let v = app.started().await;
    assert_eq!(
        (&v["status"], attempt(&v, 0).1, attempt(&v, 1).1),
        (&json!("pending"), "unknown", "failed")
    );
    assert_eq!(
        app.check(&v["id"], &app.telegram_code()).await.expect(200)["valid"],
        true
    );
    app.settle(&v["id"]).await;
}
