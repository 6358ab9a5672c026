//! Webhook endpoints: create, read, rotate and delete, by their own project only.

use pinroute::storage::Webhook;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{OPEN, address, admin, is_signed, receiver, register};
use crate::on_both_engines;
use crate::stage::{Stage, word};
use crate::world::{Answer, Fake};

on_both_engines!(
    after_a_rotation_both_secrets_sign_for_a_day,
    private_addresses_are_refused_when_registered_and_when_called,
    bad_input_names_the_field_and_the_fix_and_saves_nothing,
    an_address_that_a_parser_would_mend_silently_is_refused,
    a_removed_endpoint_receives_nothing_more,
    a_project_sees_only_its_own_endpoints,
    a_repeated_request_is_answered_with_the_same_secret,
    lists_come_in_pages,
);

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
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let seen = receiver.seen().pop().unwrap();
    assert!(is_signed(&seen, &old["secret"]) && is_signed(&seen, &new["secret"]));
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(
        (&shown["secret"], &shown["previous_secret_expires_at"]),
        (&Value::Null, &new["previous_secret_expires_at"])
    );
    stage.advance(86_400);
    app.started().await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let seen = receiver.seen().pop().unwrap();
    assert!(!is_signed(&seen, &old["secret"]) && is_signed(&seen, &new["secret"]));
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(shown["previous_secret_expires_at"], Value::Null);
}

async fn private_addresses_are_refused_when_registered_and_when_called(stage: Stage) {
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
    // An endpoint whose host resolved to a public address when it was registered.
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
    stage
        .db
        .create_webhook(&webhook, None, &stage.act())
        .await
        .unwrap();
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

async fn an_address_that_a_parser_would_mend_silently_is_refused(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let admin = admin(&app).await;
    for (url, said) in [
        ("https://shop.example/ho\noks", "line break"),
        (
            "https://shop.example/\thooks",
            "a character that no address has",
        ),
        (" https://shop.example/hooks", "a space"),
        ("https://shop.example:0/hooks", "port 0"),
    ] {
        let reply = admin.post("/v1/webhooks", json!({ "url": url })).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), ["/url"]);
        assert!(reply.text.contains(said), "{said} in {}", reply.text);
    }
}

async fn bad_input_names_the_field_and_the_fix_and_saves_nothing(stage: Stage) {
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
            "must not contain a user or password",
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
            "use verification.created",
        ),
        (
            json!({ "url": good, "events": ["*", "balance.low"] }),
            "/events",
            "keep it alone",
        ),
        (
            json!({ "url": good, "description": "a".repeat(201) }),
            "/description",
            "0 to 200 characters",
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
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let before = receiver.seen().len();
    let path = format!("/v1/webhooks/{}", word(&webhook["id"]));
    let delete = || admin.request(reqwest::Method::DELETE, &path);
    admin.send(delete()).await.expect(204);
    admin.send(delete()).await.problem(404, "not_found");
    app.started().await;
    stage.advance(3_600);
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    assert_eq!(receiver.seen().len(), before);
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
    // A website's key has no access.
    app.get("/v1/webhooks").await.problem(403, "forbidden");
    // Events of another project are not sent.
    app.started().await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
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

async fn a_repeated_request_is_answered_with_the_same_secret(stage: Stage) {
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

async fn lists_come_in_pages(stage: Stage) {
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
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
}
