//! Webhook messages: signed, delivered at least once, retried, and deleted after their retention.

use serde_json::{Value, json};

use super::{OPEN, address, admin, deliveries, is_signed, receiver, register, types};
use crate::on_both_engines;
use crate::on_postgres;
use crate::stage::{Stage, word};
use crate::world::{Answer, Fake};

on_both_engines!(
    an_endpoint_receives_its_event_types_with_a_valid_signature,
    each_event_type_is_sent_when_it_happens,
    a_failed_message_is_tried_ten_times_with_one_id_and_can_be_redelivered,
    an_endpoint_that_hangs_delays_no_other,
    a_redirect_is_not_followed,
    messages_survive_a_restart,
    a_test_message_returns_its_outcome,
    old_deliveries_are_deleted,
);
on_postgres!(replicas_send_once_and_know_each_others_endpoints);

async fn an_endpoint_receives_its_event_types_with_a_valid_signature(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.approved"]).await;
    assert_eq!(
        (&webhook["project"], &webhook["events"], &webhook["url"]),
        (
            &json!("default"),
            &json!(["verification.approved"]),
            &json!(address(&receiver))
        )
    );
    let v = app.started().await;
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    app.gateway.notices().deliver_due_webhooks().await.unwrap();

    let [seen] = receiver.seen().try_into().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/hooks?from=pinroute")
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert!(seen.header("user-agent").unwrap().starts_with("pinroute/"));
    let now = stage.clock.now().timestamp().to_string();
    assert_eq!(seen.header("webhook-timestamp"), Some(now.as_str()));
    assert!(is_signed(&seen, &webhook["secret"]));
    let body = seen.json();
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        (&body["type"], &body["timestamp"], &body["data"]["status"]),
        (
            &json!("verification.approved"),
            &v["approved_at"],
            &json!("approved")
        )
    );
    assert_eq!(
        (&body["data"]["id"], &body["data"]["phone_number"]),
        (&v["id"], &v["phone_number"])
    );
    let [delivery] = deliveries(&admin, &webhook).await.try_into().unwrap();
    assert_eq!(
        (&delivery["id"], &delivery["state"], &delivery["tried"]),
        (
            &json!(seen.header("webhook-id")),
            &json!("delivered"),
            &json!(1)
        )
    );
    assert_eq!(
        (&delivery["verification_id"], &delivery["next_try_at"]),
        (&v["id"], &Value::Null)
    );
    // No message is sent twice.
    stage.advance(600);
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    assert_eq!(receiver.seen().len(), 1);
}

async fn each_event_type_is_sent_when_it_happens(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    register(&admin, &receiver, &["*"]).await;
    stage
        .telegram
        .next_sends([crate::world::error("PHONE_NUMBER_NOT_AVAILABLE")]);
    app.started().await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    assert_eq!(
        types(&receiver),
        [
            "verification.created",
            "verification.fallback",
            "verification.sent"
        ]
    );
    let v = app.started().await;
    app.telegram_reports(&stage.telegram.status("read"))
        .await
        .expect(200);
    app.cancel(&v["id"]).await.expect(200);
    app.settle(&v["id"]).await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let types_seen = types(&receiver);
    for kind in [
        "verification.delivered",
        "verification.read",
        "verification.canceled",
    ] {
        assert!(
            types_seen.iter().any(|types_seen| types_seen == kind),
            "{kind} in {types_seen:?}"
        );
    }
    // Events of the timeline only are not sent.
    assert!(
        types_seen
            .iter()
            .all(|kind| kind.starts_with("verification.")),
        "{types_seen:?}"
    );
}

async fn a_failed_message_is_tried_ten_times_with_one_id_and_can_be_redelivered(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let admin = admin(&app).await;
    let mut answers = vec![
        Answer::Cut,
        Answer::Json(500, json!({})),
        Answer::Json(404, json!({})),
    ];
    let receiver =
        Fake::start(move |_| answers.pop().unwrap_or(Answer::Text(503, String::new()))).await;
    let webhook = register(&admin, &receiver, &["verification.created"]).await;
    app.started().await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    for (tried, pause) in [5, 30, 120, 600, 3_600, 10_800, 28_800, 57_600, 86_400]
        .into_iter()
        .enumerate()
    {
        assert_eq!(receiver.seen().len(), tried + 1);
        // Not before it is due.
        stage.advance(pause - 1);
        app.gateway.notices().deliver_due_webhooks().await.unwrap();
        assert_eq!(receiver.seen().len(), tried + 1);
        // Ten percent jitter.
        stage.advance(1 + pause / 10 + 1);
        app.gateway.notices().deliver_due_webhooks().await.unwrap();
    }
    assert_eq!(receiver.seen().len(), 10);
    let [dead] = deliveries(&admin, &webhook).await.try_into().unwrap();
    assert_eq!(
        (&dead["state"], &dead["tried"], &dead["next_try_at"]),
        (&json!("dead"), &json!(10), &Value::Null)
    );
    assert_eq!(
        (&dead["tries"][0]["status"], &dead["tries"][0]["error"]),
        (&json!(404), &json!("answered 404"))
    );
    assert_eq!(dead["tries"][2]["status"], Value::Null);
    assert!(
        word(&dead["tries"][2]["error"]).starts_with("the exchange broke off"),
        "{dead}"
    );
    let ids: Vec<_> = receiver
        .seen()
        .iter()
        .map(|seen| seen.header("webhook-id").map(str::to_owned))
        .collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
    stage.advance(86_400);
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    assert_eq!(receiver.seen().len(), 10, "dead is dead");

    let path = format!(
        "/v1/webhooks/{}/deliveries/{}/redeliver",
        word(&webhook["id"]),
        word(&dead["id"])
    );
    let again = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(
        (&again["state"], &again["tried"]),
        (&json!("pending"), &json!(11))
    );
    assert_eq!(receiver.seen().len(), 11);
    let listed = admin
        .get(&format!(
            "/v1/webhooks/{}/deliveries?state=dead",
            word(&webhook["id"])
        ))
        .await
        .expect(200);
    assert_eq!(listed["items"], json!([]));
    // The number of tries starts again.
    stage.advance(6);
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    assert_eq!(receiver.seen().len(), 12);
}

async fn an_endpoint_that_hangs_delays_no_other(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, quick) = (admin(&app).await, receiver().await);
    let dead = Fake::start(|_| Answer::Hang).await;
    register(&admin, &dead, &["*"]).await;
    let webhook = register(&admin, &quick, &["verification.created"]).await;
    for count in 1..=3 {
        app.started().await;
        app.gateway.notices().start_deliveries().await.unwrap();
        // The other endpoint still hangs.
        quick.until_seen(count).await;
        // The next delivery starts once this one is recorded.
        while deliveries(&admin, &webhook)
            .await
            .iter()
            .any(|one| one["state"] != "delivered")
        {
            tokio::task::yield_now().await;
        }
    }
    dead.until_seen(1).await;
    // Closing the connection ends the hanging request.
    dead.stop();
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
}

async fn a_redirect_is_not_followed(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, inside) = (admin(&app).await, receiver().await);
    let target = address(&inside);
    let outside = Fake::start(move |_| Answer::Moved(target.clone())).await;
    let webhook = register(&admin, &outside, &["*"]).await;
    let tried = admin
        .post(
            &format!("/v1/webhooks/{}/test", word(&webhook["id"])),
            json!({}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&tried["state"], &tried["tries"][0]["status"]),
        (&json!("dead"), &json!(307))
    );
    assert!(
        word(&tried["tries"][0]["error"]).contains("register the address that it leads to"),
        "{tried}"
    );
    assert_eq!((outside.seen().len(), inside.seen().len()), (1, 0));
}

async fn messages_survive_a_restart(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.created"]).await;
    let v = app.started().await;
    app.settle(&v["id"]).await;
    stage.kill(app).await;
    let app = stage.app_with(&[OPEN]).await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let [seen] = receiver.seen().try_into().unwrap();
    assert_eq!(seen.json()["data"]["id"], v["id"]);
    assert!(is_signed(&seen, &webhook["secret"]));
}

async fn a_test_message_returns_its_outcome(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.failed"]).await;
    let path = format!("/v1/webhooks/{}/test", word(&webhook["id"]));
    let tried = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(
        (&tried["type"], &tried["state"]),
        (&json!("webhook.test"), &json!("delivered"))
    );
    let [seen] = receiver.seen().try_into().unwrap();
    assert!(is_signed(&seen, &webhook["secret"]));
    assert_eq!(
        (&seen.json()["type"], &seen.json()["data"]["webhook_id"]),
        (&json!("webhook.test"), &webhook["id"])
    );
    receiver.stop();
    let tried = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(
        (&tried["state"], &tried["tries"][0]["status"]),
        (&json!("dead"), &Value::Null)
    );
    assert!(
        word(&tried["tries"][0]["error"]).starts_with("could not connect"),
        "{tried}"
    );
}

async fn old_deliveries_are_deleted(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.created"]).await;
    app.started().await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    stage.advance(29 * 86_400);
    app.gateway.sweep().await.unwrap();
    assert_eq!(deliveries(&admin, &webhook).await.len(), 1);
    stage.advance(2 * 86_400);
    app.gateway.sweep().await.unwrap();
    assert!(deliveries(&admin, &webhook).await.is_empty());
}

async fn replicas_send_once_and_know_each_others_endpoints(stage: Stage) {
    let (one, two) = (stage.app_with(&[OPEN]).await, stage.app_with(&[OPEN]).await);
    let (admin, receiver) = (admin(&one).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.created"]).await;
    // The background job does this twice a second.
    two.gateway.refresh().await;
    for _ in 0..10 {
        two.started().await;
    }
    let (first, second) = tokio::join!(
        one.gateway.notices().deliver_due_webhooks(),
        two.gateway.notices().deliver_due_webhooks()
    );
    first.unwrap();
    second.unwrap();
    let mut ids: Vec<_> = receiver
        .seen()
        .iter()
        .map(|seen| seen.header("webhook-id").map(str::to_owned))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), receiver.seen().len()), (10, 10));
    // A request by id finds the endpoint at once.
    let other = two.with_key(&admin.key);
    other
        .get(&format!("/v1/webhooks/{}", word(&webhook["id"])))
        .await
        .expect(200);
}
