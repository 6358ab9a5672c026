//! Alerts about providers.

use reqwest::Method;
use serde_json::json;

use super::{Gauges, Watched, of, rehearse};
use crate::stage::{SMS, Stage};
use crate::world::{Answer, error};

pub(super) async fn callback_signature_failures(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.samples().await;
    for _ in 0..8 {
        let request = watched
            .client
            .open_request(Method::POST, "/callbacks/telegram")
            .header("X-Request-Timestamp", "1")
            .header("X-Request-Signature", "00");
        watched
            .client
            .send(request.body("{}"))
            .await
            .problem(401, "unauthorized");
    }
    let after = watched.samples().await;
    rehearse(
        "PinrouteCallbackSignatureFailures",
        Gauges::Stay,
        &before,
        &after,
    );
    watched.end().await;
}

pub(super) async fn provider_throttled(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.samples().await;
    stage.telegram.next_sends([error("FLOOD_WAIT_45")]);
    watched.started().await;
    let after = watched
        .until(|now| {
            of(
                now,
                r#"pinroute_throttle_seconds_total{provider="telegram"}"#,
            ) >= 45.0
        })
        .await;
    rehearse("PinrouteProviderThrottled", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn provider_outage(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    let before = watched.samples().await;
    for _ in 0..4 {
        stage.sms.next_sends([Answer::Json(500, json!({}))]);
        watched.started().await;
    }
    let failed = r#"pinroute_sends_total{provider="main",outcome="no_answer"}"#;
    let after = watched.until(|now| of(now, failed) >= 3.0).await;
    rehearse("PinrouteProviderOutage", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn provider_paused(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    let paused = r#"pinroute_provider_paused{provider="main"}"#;
    let before = watched.until(|now| now.contains_key(paused)).await;
    assert!(of(&before, paused) < 1.0);
    for _ in 0..6 {
        stage.sms.next_sends([Answer::Json(500, json!({}))]);
        watched.started().await;
    }
    let after = watched.until(|now| of(now, paused) > 0.0).await;
    rehearse("PinrouteProviderPaused", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn provider_alarm(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.samples().await;
    stage.telegram.next_sends([error("BALANCE_NOT_ENOUGH")]);
    watched.started().await;
    let alarms = r#"pinroute_alarms_total{provider="telegram"}"#;
    let after = watched.until(|now| of(now, alarms) > 0.0).await;
    rehearse("PinrouteProviderAlarm", Gauges::Stay, &before, &after);
    watched.end().await;
}
