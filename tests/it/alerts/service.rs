//! Alerts about what sites and providers are answered.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::stores::held_up;
use super::{Gauges, Watched, of, rehearse};
use crate::stage::{SMS, Stage, word};
use crate::world::path_of;

/// The way to the database, which can be cut.
struct Way {
    url: String,
    cut: tokio::sync::watch::Sender<bool>,
}

impl Way {
    async fn to_the_database(stage: &Stage) -> Self {
        let (head, rest) = stage.database_url.split_once('@').unwrap();
        let (to, path) = rest.split_once('/').unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{head}@{}/{path}", listener.local_addr().unwrap());
        let (cut, is_cut) = tokio::sync::watch::channel(false);
        let to = to.to_owned();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let (mut is_cut, to) = (is_cut.clone(), to.clone());
                tokio::spawn(async move {
                    if *is_cut.borrow() {
                        return;
                    }
                    let mut to = tokio::net::TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                    }
                });
            }
        });
        Self { url, cut }
    }
}

/// A database that is away until the replica has noticed.
async fn without_a_database(stage: &Stage, alert: &str) {
    let way = Way::to_the_database(stage).await;
    let watched = Watched::start(stage, &[("DATABASE_URL", &way.url)]).await;
    let before = watched.until(|now| of(now, "pinroute_ready") > 0.0).await;
    way.cut.send_replace(true);
    let after = watched.until(|now| of(now, "pinroute_ready") < 1.0).await;
    let request = watched.client.open_request(Method::GET, "/readyz");
    watched
        .client
        .send(request)
        .await
        .problem(503, "service_unavailable");
    rehearse(alert, Gauges::Stay, &before, &after);
    way.cut.send_replace(false);
    watched.until(|now| of(now, "pinroute_ready") > 0.0).await;
    watched.end().await;
}

pub(super) async fn down(stage: Stage) {
    without_a_database(&stage, "PinrouteDown").await;
}

pub(super) async fn replica_not_ready(stage: Stage) {
    without_a_database(&stage, "PinrouteReplicaNotReady").await;
}

pub(super) async fn api_errors(stage: Stage) {
    let watched = Watched::start(&stage, &[]).await;
    watched.started().await;
    let before = watched.samples().await;
    stage.hide_database().await;
    for _ in 0..6 {
        let body = json!({ "phone_number": stage.number() });
        watched
            .client
            .start(body)
            .await
            .problem(503, "service_unavailable");
    }
    let after = watched.samples().await;
    stage.show_database().await;
    rehearse("PinrouteApiErrors", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn callback_errors(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    watched.started().await;
    stage.sms.fake.until_seen(1).await;
    let path = path_of(word(&stage.sms.sends()[0]["dlr"]));
    let before = watched.samples().await;
    stage.hide_database().await;
    for _ in 0..6 {
        let request = watched
            .client
            .open_request(Method::POST, &path)
            .json(&json!({ "message_id": "m0", "status": "DELIVRD" }));
        let reply = watched.client.send(request).await;
        assert_eq!(reply.status, 503, "{}", reply.text);
    }
    let after = watched.samples().await;
    stage.show_database().await;
    rehearse("PinrouteCallbackErrors", Gauges::Stay, &before, &after);
    watched.end().await;
}

pub(super) async fn callbacks_slow(stage: Stage) {
    let watched = Watched::start(&stage, &[SMS]).await;
    for _ in 0..6 {
        watched.started().await;
    }
    stage.sms.fake.until_seen(6).await;
    watched
        .until(|now| of(now, "pinroute_work_in_progress") == 0.0)
        .await;
    let before = watched.samples().await;
    let reports = stage
        .sms
        .sends()
        .into_iter()
        .enumerate()
        .map(|(place, send)| {
            let report = json!({ "message_id": format!("sms-{}", place + 1), "status": "DELIVRD" });
            let request = watched
                .client
                .open_request(Method::POST, &path_of(word(&send["dlr"])));
            watched.client.send(request.json(&report))
        });
    for reply in held_up(&stage, join_all(reports)).await {
        reply.expect(200);
    }
    let after = watched.samples().await;
    rehearse("PinrouteCallbacksSlow", Gauges::Stay, &before, &after);
    watched.end().await;
}
