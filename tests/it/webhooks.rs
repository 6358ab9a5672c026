//! Webhooks to projects: signed, delivered at least once, retried, and never to private addresses.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pinroute::storage::Webhook;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::on_both_engines;
use crate::on_postgres;
use crate::stage::{Client, Stage, TestApp, assert_fields, word};
use crate::world::{Answer, Fake, Seen};

on_both_engines!(
    an_endpoint_receives_its_subscribed_events_signed,
    each_event_type_is_sent_when_it_happens,
    a_failed_message_is_tried_ten_times_with_one_id_and_can_be_redelivered,
    a_hanging_endpoint_does_not_delay_others,
    after_a_rotation_both_secrets_sign_for_a_day,
    a_redirect_is_not_followed,
    private_addresses_are_refused_on_registration_and_on_delivery,
    invalid_input_names_the_field_and_the_fix_and_saves_nothing,
    a_removed_endpoint_receives_nothing_more,
    a_project_sees_only_its_own_endpoints,
    messages_survive_a_restart,
    a_test_message_returns_its_outcome,
    a_repeated_request_returns_the_same_secret,
    lists_are_paged,
    old_deliveries_are_deleted,
);
on_postgres!(replicas_send_once_and_know_each_others_endpoints);

pub const OPEN: (&str, &str) = ("WEBHOOKS__ALLOW_PRIVATE", "true");

pub async fn receiver() -> Fake {
    Fake::start(|_| Answer::Json(200, json!({}))).await
}

fn address(fake: &Fake) -> String {
    format!("http://{}/hooks?from=pinroute", fake.address)
}

/// A client with an `admin` key of project `default`.
pub async fn admin(app: &TestApp) -> Client {
    let key = app.stage.new_key(Some("default"), "admin").await;
    app.client.with_key(&key)
}

pub async fn register(admin: &Client, fake: &Fake, events: &[&str]) -> Value {
    let body = json!({ "url": address(fake), "events": events, "description": "a test's" });
    admin.post("/v1/webhooks", body).await.expect(201)
}

async fn deliveries(admin: &Client, webhook: &Value) -> Vec<Value> {
    let path = format!("/v1/webhooks/{}/deliveries", word(&webhook["id"]));
    let page = admin.get(&path).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Verifies a signature as a receiver does (Standard Webhooks), without our code.
fn is_signed(seen: &Seen, secret: &Value) -> bool {
    let key = STANDARD
        .decode(word(secret).strip_prefix("whsec_").unwrap())
        .unwrap();
    let header = |name| seen.header(name).unwrap();
    let signed = format!(
        "{}.{}.{}",
        header("webhook-id"),
        header("webhook-timestamp"),
        seen.text
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    let wanted = format!("v1,{}", STANDARD.encode(tag));
    header("webhook-signature")
        .split(' ')
        .any(|one| one == wanted)
}

pub fn types(fake: &Fake) -> Vec<String> {
    let mut types: Vec<String> = fake
        .seen()
        .iter()
        .map(|seen| word(&seen.json()["type"]).to_owned())
        .collect();
    types.sort();
    types
}

async fn an_endpoint_receives_its_subscribed_events_signed(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.approved"]).await;
    assert_fields(
        &webhook,
        &[
            "id",
            "project",
            "url",
            "events",
            "description",
            "created_at",
            "previous_secret_expires_at",
            "secret",
        ],
    );
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
    app.gateway.notices().settle_messages().await.unwrap();

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
    assert_fields(&body, &["type", "timestamp", "data"]);
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
    // Nothing is sent twice.
    stage.advance(600);
    app.gateway.notices().settle_messages().await.unwrap();
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
    app.gateway.notices().settle_messages().await.unwrap();
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
    app.gateway.notices().settle_messages().await.unwrap();
    let told = types(&receiver);
    for kind in [
        "verification.delivered",
        "verification.read",
        "verification.canceled",
    ] {
        assert!(told.iter().any(|told| told == kind), "{kind} in {told:?}");
    }
    // Events that belong only to the timeline are not sent.
    assert!(
        told.iter().all(|kind| kind.starts_with("verification.")),
        "{told:?}"
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
    app.gateway.notices().settle_messages().await.unwrap();
    for (tried, pause) in [5, 30, 120, 600, 3_600, 10_800, 28_800, 57_600, 86_400]
        .into_iter()
        .enumerate()
    {
        assert_eq!(receiver.seen().len(), tried + 1);
        // Not before it is due.
        stage.advance(pause - 1);
        app.gateway.notices().settle_messages().await.unwrap();
        assert_eq!(receiver.seen().len(), tried + 1);
        // Jitter is up to a tenth.
        stage.advance(1 + pause / 10 + 1);
        app.gateway.notices().settle_messages().await.unwrap();
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
    app.gateway.notices().settle_messages().await.unwrap();
    assert_eq!(
        receiver.seen().len(),
        10,
        "a dead message is not tried again"
    );

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
    // Redelivery restarts the retries.
    stage.advance(6);
    app.gateway.notices().settle_messages().await.unwrap();
    assert_eq!(receiver.seen().len(), 12);
}

async fn a_hanging_endpoint_does_not_delay_others(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, quick) = (admin(&app).await, receiver().await);
    let dead = Fake::start(|_| Answer::Hang).await;
    register(&admin, &dead, &["*"]).await;
    let webhook = register(&admin, &quick, &["verification.created"]).await;
    for count in 1..=3 {
        app.started().await;
        app.gateway.notices().tell_projects().await.unwrap();
        // The other endpoint still hangs.
        quick.until_seen(count).await;
        // Wait until the delivery is recorded.
        while deliveries(&admin, &webhook)
            .await
            .iter()
            .any(|one| one["state"] != "delivered")
        {
            tokio::task::yield_now().await;
        }
    }
    dead.until_seen(1).await;
    // Closing the connection ends the hanging delivery.
    dead.stop();
    app.gateway.notices().settle_messages().await.unwrap();
}

async fn after_a_rotation_both_secrets_sign_for_a_day(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let old = register(&admin, &receiver, &["verification.created"]).await;
    let path = format!("/v1/webhooks/{}", word(&old["id"]));
    let new = admin
        .post(&format!("{path}/rotate"), json!({}))
        .await
        .expect(200);
    assert_ne!(old["secret"], new["secret"]);
    assert!(new["previous_secret_expires_at"].is_string());
    app.started().await;
    app.gateway.notices().settle_messages().await.unwrap();
    let seen = receiver.seen().pop().unwrap();
    assert!(is_signed(&seen, &old["secret"]) && is_signed(&seen, &new["secret"]));
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(
        (&shown["secret"], &shown["previous_secret_expires_at"]),
        (&Value::Null, &new["previous_secret_expires_at"])
    );
    stage.advance(86_400);
    app.started().await;
    app.gateway.notices().settle_messages().await.unwrap();
    let seen = receiver.seen().pop().unwrap();
    assert!(!is_signed(&seen, &old["secret"]) && is_signed(&seen, &new["secret"]));
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(shown["previous_secret_expires_at"], Value::Null);
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

async fn private_addresses_are_refused_on_registration_and_on_delivery(stage: Stage) {
    let app = stage.app().await;
    let (admin, inside) = (admin(&app).await, receiver().await);
    for url in [
        address(&inside),
        format!("http://localhost:{}/", inside.address.port()),
        "http://[::1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://0x7f.1/".to_owned(),
    ] {
        let reply = admin.post("/v1/webhooks", json!({ "url": url })).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), ["/url"]);
        assert!(
            reply.text.contains("webhooks.allow_private = true"),
            "{}",
            reply.text
        );
    }
    // An endpoint whose name resolved to a public address when it was registered.
    let webhook = Webhook {
        id: Uuid::from_u128(7),
        project: stage.project("default").await,
        url: address(&inside),
        events: "*".to_owned(),
        description: String::new(),
        secret: "whsec_YW4gZXhhbXBsZSwgbm90IGEgc2VjcmV0IGhlcmUh".to_owned(),
        previous: None,
        created_at: stage.clock.now(),
    };
    stage.db.create_webhook(&webhook, None).await.unwrap();
    let tried = admin
        .post(&format!("/v1/webhooks/{}/test", webhook.id), json!({}))
        .await
        .expect(200);
    assert_eq!(tried["state"], "dead");
    assert!(
        word(&tried["tries"][0]["error"]).contains("private address"),
        "{tried}"
    );
    assert!(inside.seen().is_empty());
}

async fn invalid_input_names_the_field_and_the_fix_and_saves_nothing(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let good = "https://shop.example/hooks";
    for (body, pointer, said) in [
        (json!({}), "/url", "is required"),
        (json!({ "url": 7 }), "/url", "must be a string"),
        (
            json!({ "url": "shop.example" }),
            "/url",
            "is not an address such as https://",
        ),
        (
            json!({ "url": "ftp://shop.example/" }),
            "/url",
            "only https and http",
        ),
        (
            json!({ "url": "javascript:alert(1)" }),
            "/url",
            "only https and http",
        ),
        (
            json!({ "url": "https://me:secret@shop.example/" }),
            "/url",
            "must not hold a user or password",
        ),
        (
            json!({ "url": format!("{good}/{}", "a".repeat(2_048)) }),
            "/url",
            "at most 2048",
        ),
        (
            json!({ "url": good, "events": [] }),
            "/events",
            "one or more types",
        ),
        (
            json!({ "url": good, "events": "verification.sent" }),
            "/events",
            "must be a list",
        ),
        (
            json!({ "url": good, "events": ["verification.exploded"] }),
            "/events",
            "there are verification.created",
        ),
        (
            json!({ "url": good, "events": ["*", "balance.low"] }),
            "/events",
            "keep it alone",
        ),
        (
            json!({ "url": good, "description": "a".repeat(201) }),
            "/description",
            "0 to 200 bytes",
        ),
        (
            json!({ "url": good, "secret": "mine" }),
            "/secret",
            "is not a field",
        ),
    ] {
        let reply = admin.post("/v1/webhooks", body).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer]);
        assert!(reply.text.contains(said), "{said} in {}", reply.text);
        assert!(!reply.text.contains("secret@"), "{}", reply.text);
    }
    let reply = admin
        .post(
            "/v1/webhooks",
            json!({ "url": "x", "events": [1], "more": 1 }),
        )
        .await;
    assert_eq!(reply.pointers(), ["/events", "/more", "/url"]);
    assert_eq!(
        admin.get("/v1/webhooks").await.expect(200)["items"],
        json!([])
    );
    for path in [
        "/v1/webhooks/x",
        "/v1/webhooks/01a20297-4dc0-7000-8c11-5d0e6f1a2b3c",
    ] {
        admin.get(path).await.problem(404, "not_found");
        admin
            .post(&format!("{path}/rotate"), json!({}))
            .await
            .problem(404, "not_found");
        admin
            .post(&format!("{path}/test"), json!({}))
            .await
            .problem(404, "not_found");
        admin
            .get(&format!("{path}/deliveries"))
            .await
            .problem(404, "not_found");
    }
}

async fn a_removed_endpoint_receives_nothing_more(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let admin = admin(&app).await;
    let receiver = Fake::start(|_| Answer::Json(500, json!({}))).await;
    let webhook = register(&admin, &receiver, &["*"]).await;
    app.started().await;
    app.gateway.notices().settle_messages().await.unwrap();
    let told = receiver.seen().len();
    let path = format!("/v1/webhooks/{}", word(&webhook["id"]));
    let delete = || admin.request(reqwest::Method::DELETE, &path);
    admin.send(delete()).await.expect(204);
    admin.send(delete()).await.problem(404, "not_found");
    app.started().await;
    stage.advance(3_600);
    app.gateway.notices().settle_messages().await.unwrap();
    assert_eq!(receiver.seen().len(), told);
    admin
        .get(&format!("{path}/deliveries"))
        .await
        .problem(404, "not_found");
}

async fn a_project_sees_only_its_own_endpoints(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (own, receiver) = (admin(&app).await, receiver().await);
    let other = app.with_key(&stage.new_key(Some("other"), "admin").await);
    let webhook = register(&other, &receiver, &["*"]).await;
    assert_eq!(webhook["project"], "other");
    let path = format!("/v1/webhooks/{}", word(&webhook["id"]));
    own.get(&path).await.problem(404, "not_found");
    own.post(&format!("{path}/rotate"), json!({}))
        .await
        .problem(404, "not_found");
    own.send(own.request(reqwest::Method::DELETE, &path))
        .await
        .problem(404, "not_found");
    assert_eq!(
        own.get("/v1/webhooks").await.expect(200)["items"],
        json!([])
    );
    own.get("/v1/webhooks?project=other")
        .await
        .problem(403, "forbidden");
    // A site's key is not allowed here.
    app.get("/v1/webhooks").await.problem(403, "forbidden");
    // Events of another project are not sent.
    app.started().await;
    app.gateway.notices().settle_messages().await.unwrap();
    assert!(receiver.seen().is_empty());
    let instance = app.with_key(&stage.new_key(None, "admin").await);
    instance.get(&path).await.expect(200);
    let named = json!({ "url": address(&receiver), "project": "other" });
    assert_eq!(
        instance.post("/v1/webhooks", named).await.expect(201)["project"],
        "other"
    );
    let count = async |query: &str| {
        instance
            .get(&format!("/v1/webhooks{query}"))
            .await
            .expect(200)["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((count("").await, count("?project=default").await), (2, 0));
}

async fn messages_survive_a_restart(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.created"]).await;
    let v = app.started().await;
    app.settle(&v["id"]).await;
    stage.kill(app).await;
    let app = stage.app_with(&[OPEN]).await;
    app.gateway.notices().settle_messages().await.unwrap();
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
    assert_fields(
        &tried,
        &[
            "id",
            "type",
            "state",
            "verification_id",
            "timestamp",
            "tried",
            "next_try_at",
            "tries",
        ],
    );
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

async fn a_repeated_request_returns_the_same_secret(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let body = json!({ "url": address(&receiver) });
    let first = admin
        .post_once("/v1/webhooks", "one", body.clone())
        .await
        .expect(201);
    let again = admin
        .post_once("/v1/webhooks", "one", body)
        .await
        .expect(201);
    assert_eq!(first, again);
    let path = format!("/v1/webhooks/{}", word(&first["id"]));
    let first = admin
        .post_once(&format!("{path}/rotate"), "two", json!({}))
        .await
        .expect(200);
    assert_eq!(
        admin
            .post_once(&format!("{path}/rotate"), "two", json!({}))
            .await
            .expect(200),
        first
    );
    let first = admin
        .post_once(&format!("{path}/test"), "three", json!({}))
        .await
        .expect(200);
    assert_eq!(
        admin
            .post_once(&format!("{path}/test"), "three", json!({}))
            .await
            .expect(200),
        first
    );
    assert_eq!(receiver.seen().len(), 1);
    assert_eq!(
        admin.get("/v1/webhooks").await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn lists_are_paged(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let mut made = Vec::new();
    for _ in 0..3 {
        stage.advance(1);
        made.push(
            register(
                &admin,
                &receiver,
                &["verification.created", "verification.sent"],
            )
            .await["id"]
                .clone(),
        );
    }
    app.started().await;
    for (path, wanted) in [
        ("/v1/webhooks".to_owned(), 3),
        (format!("/v1/webhooks/{}/deliveries", word(&made[0])), 2),
    ] {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = admin
                .get(&format!("{path}?limit=1{cursor}"))
                .await
                .expect(200);
            found.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["id"].clone()),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found.len(), wanted);
        if wanted == 3 {
            assert_eq!(found, made);
        }
        let reply = admin.get(&format!("{path}?cursor=x&limit=0")).await;
        assert_eq!(reply.pointers(), ["/cursor", "/limit"]);
    }
    app.gateway.notices().settle_messages().await.unwrap();
}

async fn old_deliveries_are_deleted(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let webhook = register(&admin, &receiver, &["verification.created"]).await;
    app.started().await;
    app.gateway.notices().settle_messages().await.unwrap();
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
    // As its background work does twice a second.
    two.gateway.refresh().await;
    for _ in 0..10 {
        two.started().await;
    }
    let (first, second) = tokio::join!(
        one.gateway.notices().settle_messages(),
        two.gateway.notices().settle_messages()
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
    // The endpoint is found by its id at once.
    let other = two.with_key(&admin.key);
    other
        .get(&format!("/v1/webhooks/{}", word(&webhook["id"])))
        .await
        .expect(200);
}
