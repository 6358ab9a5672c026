//! Requests to send through Telegram, and the effect of its answers on the attempt.

use serde_json::{Value, json};

use super::{attempt, paused};
use crate::on_both_engines;
use crate::stage::{Stage, word};
use crate::world::{TOKEN, error};

on_both_engines!(
    a_send_carries_code_ttl_payload_and_callback_url,
    the_ttl_is_the_wait_of_the_step_within_telegrams_bounds,
    without_https_telegram_gets_no_callback_url_and_is_polled,
    a_refused_sender_is_omitted_and_the_code_still_sent,
    a_number_unreachable_on_telegram_is_free_and_falls_back_at_once,
    an_invalid_number_fails_without_sms_and_never_pauses_the_provider,
    a_refused_connection_counts_as_not_sent,
);

async fn a_send_carries_code_ttl_payload_and_callback_url(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let [seen] = stage.telegram.fake.seen().try_into().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/sendVerificationMessage")
    );
    assert_eq!(
        seen.header("authorization"),
        Some(format!("Bearer {TOKEN}").as_str())
    );
    let wanted = json!({
        "phone_number": v["phone_number"], "code": seen.json()["code"], "ttl": 30,
        "payload": v["attempts"][0]["id"], "callback_url": "https://verify.example/callbacks/telegram",
    });
    assert_eq!(seen.json(), wanted);
}

async fn the_ttl_is_the_wait_of_the_step_within_telegrams_bounds(stage: Stage) {
    for (wait, ttl) in [("1s", 30), ("15s", 30), ("90s", 90), ("1h", 3_600)] {
        let route = format!(r#"[{{"channel":"telegram","wait":"{wait}"}}]"#);
        let app = stage.app_with(&[("DEFAULTS__ROUTE", &route)]).await;
        app.started().await;
        assert_eq!(stage.telegram.sends().pop().unwrap()["ttl"], ttl, "{wait}");
        stage.stop(app).await;
    }
}

async fn without_https_telegram_gets_no_callback_url_and_is_polled(stage: Stage) {
    // Only Telegram's own server refuses a callback URL without https.
    let app = stage
        .app_with(&[("PUBLIC_URL", "http://verify.example:8080")])
        .await;
    app.started().await;
    let send = stage.telegram.sends().pop().unwrap();
    assert_eq!(
        send["callback_url"],
        "http://verify.example:8080/callbacks/telegram"
    );
}

async fn a_refused_sender_is_omitted_and_the_code_still_sent(stage: Stage) {
    let app = stage
        .app_with(&[("TELEGRAM__SENDER_USERNAME", "shop")])
        .await;
    stage.telegram.next_sends([error("SENDER_NOT_VERIFIED")]);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None, "charged"));
    let senders: Vec<Value> = stage
        .telegram
        .sends()
        .iter()
        .map(|send| send["sender_username"].clone())
        .collect();
    assert_eq!(senders, [json!("shop"), Value::Null]);
}

async fn a_number_unreachable_on_telegram_is_free_and_falls_back_at_once(stage: Stage) {
    let app = stage.app().await;
    for refusal in ["PHONE_NUMBER_NOT_AVAILABLE", "PHONE_NUMBER_NOT_FOUND"] {
        stage.telegram.next_sends([error(refusal)]);
        // The answer waits until no send is in progress.
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "refused", Some("unreachable"), "free")
        );
        assert_eq!(attempt(&v, 1), ("sms", "sent", None, "charged"));
        assert_eq!(v["attempts"][0]["cost"]["amount"], "0.00");
        assert_eq!(
            (&v["status"], &v["channel"]),
            (&json!("pending"), &json!("sms"))
        );
        assert!(word(&stage.sms.sends().pop().unwrap()["text"]).contains(&app.telegram_code()));
    }
}

async fn an_invalid_number_fails_without_sms_and_never_pauses_the_provider(stage: Stage) {
    let app = stage.app().await;
    for _ in 0..6 {
        stage.telegram.next_sends([error("PHONE_NUMBER_INVALID")]);
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "refused", Some("number_invalid"), "free")
        );
        assert_eq!((&v["status"], &v["costs"]), (&json!("failed"), &json!([])));
        assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
        assert_eq!(
            app.events(&v["id"]).await.last().unwrap(),
            "verification.failed"
        );
    }
    assert!(stage.sms.sends().is_empty());
    assert_eq!(paused(&app).await, json!([]));
}

async fn a_refused_connection_counts_as_not_sent(stage: Stage) {
    let app = stage.app().await;
    stage.telegram.fake.stop();
    let v = app.started().await;
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "failed", Some("unavailable"), "free")
    );
    assert_eq!(attempt(&v, 1), ("sms", "sent", None, "charged"));
    stage.telegram.fake.resume().await;
    let v = app.started().await;
    assert_eq!(attempt(&v, 0).1, "sent");
}
