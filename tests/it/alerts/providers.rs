//! Alerts about providers.

use chrono::TimeDelta;
use pinroute::clock::Clock;
use reqwest::Method;
use serde_json::json;

use super::{Gauges, Samples, Watched, of, rehearse};
use crate::stage::{SMS, Stage, UNLIMITED};
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

pub(super) async fn balance_low(stage: Stage) {
    let left = |left: f64| {
        let result = json!({
            "request_id": "77", "phone_number": "1", "request_cost": 0.01, "remaining_balance": left,
            "delivery_status": { "status": "sent", "updated_at": 1 },
        });
        Answer::Json(200, json!({ "ok": true, "result": result }))
    };
    // The pace: what was spent two days ago, when there was plenty.
    let then = Clock::system().now() - TimeDelta::days(2);
    match (then - stage.clock.now()).to_std() {
        Ok(ahead) => stage.clock.advance(ahead),
        Err(_) => stage
            .clock
            .set_back((stage.clock.now() - then).to_std().unwrap()),
    }
    let app = stage.app_with(&[UNLIMITED]).await;
    for _ in 0..4 {
        stage.telegram.next_sends([left(5.0)]);
        app.started().await;
    }
    app.gateway.finance().watch_balances().await.unwrap();
    stage.stop(app).await;

    let lasts = r#"pinroute_provider_runway_seconds{provider="telegram"}"#;
    let days = |now: &Samples| now.get(lasts).map(|seconds| seconds / 86_400.0);
    let watched = Watched::start(&stage, &[]).await;
    let before = watched.until(|now| days(now) > Some(300.0)).await;
    stage.telegram.next_sends([left(0.01)]);
    watched.started().await;
    let after = watched
        .until(|now| days(now).is_some_and(|days| days < 3.0))
        .await;
    rehearse("PinrouteBalanceLow", Gauges::Stay, &before, &after);
    watched.end().await;
}
