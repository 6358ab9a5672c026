//! Alerts about rates and costs that are not as in the days before.

use reqwest::Method;
use serde_json::json;

use super::{Samples, Watched, of, rehearse_against_the_past};
use crate::stage::{SMS, Stage, word};
use crate::world::{error, path_of};

/// Sends so many messages by SMS, which the provider reports like this.
async fn reported(watched: &Watched, count: usize, status: &str) {
    let sms = &watched.client.stage.sms;
    for _ in 0..count {
        watched.started().await;
        let sends = sms.sends();
        let path = path_of(word(&sends.last().unwrap()["dlr"]));
        let report = json!({ "message_id": format!("sms-{}", sends.len()), "status": status });
        let request = watched.client.open_request(Method::POST, &path);
        watched.client.send(request.json(&report)).await.expect(200);
    }
}

pub(super) async fn delivery_rate_low(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    let sent = r#"pinroute_attempts_total{channel="sms",provider="main",stage="sent"}"#;
    let delivered = r#"pinroute_attempts_total{channel="sms",provider="main",stage="delivered"}"#;
    let start = watched.samples().await;
    reported(&watched, 4, "DELIVRD").await;
    let usual = watched.until(|now| of(now, delivered) >= 4.0).await;
    reported(&watched, 4, "UNDELIV").await;
    let fault = watched.until(|now| of(now, sent) >= 8.0).await;
    assert!(of(&fault, delivered) < 5.0);
    rehearse_against_the_past("PinrouteDeliveryRateLow", &start, &usual, &fault);
    watched.end().await;
}

pub(super) async fn approval_rate_low(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let stages = |stage| format!(r#"pinroute_funnel_total{{channel="telegram",stage="{stage}"}}"#);
    let (created, approved) = (stages("created"), stages("approved"));
    let start = watched.samples().await;
    for _ in 0..4 {
        let v = watched.started().await;
        let code = watched.client.telegram_code();
        watched.client.check(&v["id"], &code).await.expect(200);
    }
    let usual = watched.until(|now| of(now, &approved) >= 4.0).await;
    for _ in 0..4 {
        let v = watched.started().await;
        let code = watched.client.wrong_code();
        watched.client.check(&v["id"], &code).await.expect(200);
    }
    let fault = watched.until(|now| of(now, &created) >= 8.0).await;
    assert!(of(&fault, &approved) < 5.0);
    rehearse_against_the_past("PinrouteApprovalRateLow", &start, &usual, &fault);
    watched.end().await;
}

/// What was charged for messages, in units of the currency.
fn charged(samples: &Samples, country: &str) -> f64 {
    let charges = samples.iter().filter(|(series, _)| {
        series.starts_with("pinroute_cost_micros_total{")
            && series.contains(r#"kind="charge""#)
            && series.contains(&format!(r#"country="{country}""#))
    });
    charges.map(|(_, micros)| micros / 1e6).sum()
}

pub(super) async fn cost_anomaly(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    let start = watched.samples().await;
    for _ in 0..8 {
        watched.started().await;
    }
    let usual = watched.until(|now| charged(now, "UZ") > 0.075).await;
    // As many, but all of them by SMS.
    for _ in 0..8 {
        stage
            .telegram
            .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
        watched.started().await;
    }
    let fault = watched.until(|now| charged(now, "UZ") > 0.475).await;
    rehearse_against_the_past("PinrouteCostAnomaly", &start, &usual, &fault);
    watched.end().await;
}

pub(super) async fn country_cost_anomaly(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    let start = watched.samples().await;
    for _ in 0..4 {
        watched.started().await;
    }
    let usual = watched.until(|now| charged(now, "UZ") > 0.195).await;
    // Numbers that follow one another, in a country that had no traffic.
    for last in 0..15 {
        let number = format!("+6281234567{last:03}");
        let body = json!({ "phone_number": number, "wait": 1 });
        watched.client.start(body).await.expect(201);
    }
    let fault = watched.until(|now| charged(now, "ID") > 1.195).await;
    rehearse_against_the_past("PinrouteCountryCostAnomaly", &start, &usual, &fault);
    watched.end().await;
}
