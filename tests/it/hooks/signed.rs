//! Hosts that sign: Supabase, ZITADEL, Authgear.

use reqwest::Method;
use serde_json::json;

use super::{Hook, admin, sent, standard_webhook, supabase_body};
use crate::projects::patch;
use crate::stage::{SMS, Stage, assert_fields, word};
use crate::world::error;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    supabase_has_its_code_delivered_by_the_route,
    what_is_not_authentic_sends_nothing_and_leaves_nothing,
    a_rotated_secret_and_several_secrets_are_good,
    zitadel_brings_its_key_later_and_its_text_is_sent,
    supabase_shows_refusals_and_the_others_are_told_in_their_words,
    a_recorded_request_of_authgear_is_refused_once_its_code_is_over,
    what_the_host_says_of_success_counts,
);
on_postgres!(without_a_database_the_host_is_told_to_come_again);

async fn supabase_has_its_code_delivered_by_the_route(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let number = stage.number();
    stage.telegram.next_sends([error("PHONE_NUMBER_NOT_FOUND")]);
    let reply = hook.supabase(&supabase_body(&number, "561166", "u1")).await;
    assert_fields(&reply.body, &["code", "id"]);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let v = hook.settle(&reply).await;
    assert_eq!(v["origin"], hook.made["id"]);
    assert_eq!(
        (&v["phone_number"], &v["channel"]),
        (&json!(number), &json!("sms"))
    );
    let sms = stage.sms.sends().pop().unwrap();
    assert!(word(&sms["text"]).contains("561166"), "{sms}");
    // The host checks; our own API does not.
    let check = app.check(&v["id"], "561166").await;
    check.problem(404, "verification_not_found");
    assert_eq!(hook.outcomes().await, ["sent"]);
}

async fn what_is_not_authentic_sends_nothing_and_leaves_nothing(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let number = stage.number();
    let body = supabase_body(&number, "561166", "u1");
    let now = stage.clock.now().timestamp();
    let good = || hook.supabase_at(&body, now);
    let stranger = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let theirs = standard_webhook(&stranger.secret, "msg-1", now, &body.to_string());
    for request in [
        hook.supabase_at(&body, now - 301),
        hook.supabase_at(&body, now + 301),
        good().body(format!("{body} ")),
        good().header("webhook-signature", "v1,AAAA"),
        good().header("webhook-id", "msg-2"),
        hook.request(Method::POST).json(&body),
        hook.request(Method::POST)
            .bearer_auth(&hook.secret)
            .json(&body),
        hook.request(Method::POST)
            .header("webhook-id", "msg-1")
            .header("webhook-timestamp", now)
            .header("webhook-signature", theirs)
            .body(body.to_string()),
    ] {
        let refused = app.send(request).await;
        assert_eq!(refused.status, 401, "{}", refused.text);
        assert!(!refused.text.contains(&number[1..]), "{}", refused.text);
        assert!(!refused.text.contains("561166"), "{}", refused.text);
    }
    assert_eq!(sent(&stage), 0);
    // They are no trace for the same request.
    stage.advance(1);
    let id = hook.supabase(&body).await;
    hook.settle(&id).await;
    assert_eq!(sent(&stage), 1);
    assert_eq!(hook.outcomes().await[1], "authentication_failed");

    let other_kind = hook.path().replace("supabase", "zitadel");
    for path in [
        other_kind,
        format!("/hooks/supabase/{}", uuid::Uuid::nil()),
        "/hooks/supabase/x".to_owned(),
        "/hooks".to_owned(),
        "/hooks/supabase".to_owned(),
    ] {
        let request = app.open_request(Method::POST, &path).json(&body);
        app.send(request).await.problem(404, "not_found");
    }
    let get = app.send(hook.request(Method::GET)).await;
    get.problem(405, "method_not_allowed");
}

async fn a_rotated_secret_and_several_secrets_are_good(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let admin = admin(&app).await;
    let path = format!("/v1/integrations/{}", word(&hook.made["id"]));
    let rotated = admin
        .post(&format!("{path}/rotate"), json!({}))
        .await
        .expect(200);
    let renewed = Hook::of(&app, rotated);
    assert_ne!(renewed.secret, hook.secret);
    for hook in [&hook, &renewed] {
        let reply = hook
            .supabase(&supabase_body(&stage.number(), "561166", "u"))
            .await;
        hook.settle(&reply).await;
    }
    // The host holds both, and joins the signatures in its own way.
    let (body, now) = (
        supabase_body(&stage.number(), "561166", "u2").to_string(),
        stage.clock.now().timestamp(),
    );
    let both = [&hook.secret, &renewed.secret].map(|key| standard_webhook(key, "m", now, &body));
    let request = hook
        .request(Method::POST)
        .header("webhook-id", "m")
        .header("webhook-timestamp", now)
        .header("webhook-signature", both.join(", "));
    hook.settle(&app.send(request.body(body)).await).await;

    stage.advance(24 * 3_600 + 1);
    let body = supabase_body(&stage.number(), "561166", "u3");
    assert_eq!(hook.supabase(&body).await.status, 401);
    hook.settle(&renewed.supabase(&body).await).await;

    let joined = format!("{}|{}", hook.secret, renewed.secret);
    patch(&admin, &path, json!({ "secret": joined }))
        .await
        .expect(200);
    let body = supabase_body(&stage.number(), "561166", "u4");
    hook.settle(&hook.supabase(&body).await).await;
}

async fn zitadel_brings_its_key_later_and_its_text_is_sent(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let hook = Hook::new(&app, json!({ "kind": "zitadel" })).await;
    assert_eq!(
        (&hook.made["has_secret"], &hook.made["secret"]),
        (&json!(false), &json!(null))
    );
    let key = "s3cretSigningKeyFromAddSMSProviderHTTP";
    let number = stage.number();
    let body = |args: serde_json::Value| {
        json!({
            "contextInfo": { "eventType": "x", "recipientPhoneNumber": number },
            "templateData": { "title": "t", "text": "561166 is your one-time-password for app.example.com." },
            "args": args,
        })
    };
    let otp = body(json!({ "oTP": "561166", "expiry": 300_000_000_000_u64 }));
    assert_eq!(hook.zitadel(key, &otp).await.status, 401, "no key yet");
    let admin = admin(&app).await;
    let path = format!("/v1/integrations/{}", word(&hook.made["id"]));
    let changed = patch(&admin, &path, json!({ "secret": key }))
        .await
        .expect(200);
    assert_eq!(
        (&changed["has_secret"], &changed["secret"]),
        (&json!(true), &json!(null))
    );

    let v = hook.settle(&hook.zitadel(key, &otp).await).await;
    let sms = stage.sms.sends().pop().unwrap();
    assert_eq!(
        sms["text"],
        "561166 is your one-time-password for app.example.com."
    );
    let lives = |v: &serde_json::Value| {
        let at = |name: &str| {
            word(&v[name])
                .parse::<chrono::DateTime<chrono::Utc>>()
                .unwrap()
        };
        (at("expires_at") - at("created_at")).num_seconds()
    };
    assert_eq!(lives(&v), 300, "as long as the host says");
    // A code of letters goes by SMS too; its text stays the host's, or becomes the project's.
    let letters = body(json!({ "code": "aB3dE9" }));
    let v = hook.settle(&hook.zitadel(key, &letters).await).await;
    assert_eq!(v["status"], "pending");
    let text = word(&stage.sms.sends().pop().unwrap()["text"]).to_owned();
    assert!(text.contains("aB3dE9"), "{text}");
}

async fn supabase_shows_refusals_and_the_others_are_told_in_their_words(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__COUNTRIES__DENY", r#"["GB"]"#)])
        .await;
    let key = "a-key-of-enough-letters";
    let supabase = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let zitadel = Hook::new(&app, json!({ "kind": "zitadel", "secret": key })).await;
    let authgear = Hook::new(&app, json!({ "kind": "authgear", "secret": key })).await;
    let kratos = Hook::new(&app, json!({ "kind": "generic", "preset": "kratos" })).await;
    let own = Hook::new(&app, json!({ "kind": "generic" })).await;
    let to_zitadel = |to: &str| json!({ "contextInfo": { "recipientPhoneNumber": to }, "args": { "code": "561166" } });
    let to_authgear = |to: &str| json!({ "to": to, "body": "561166", "template_variables": { "code": "561166" } });
    let to_others = |to: &str| json!({ "to": to, "code": "561166" });
    for (to, status, code) in [
        ("+447700900123", 403, "delivery_rejected"),
        ("+1", 400, "invalid_phone_number"),
    ] {
        let shown = supabase.supabase(&supabase_body(to, "561166", to)).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert_eq!(shown.body["error"]["http_code"], status);
        assert!(!word(&shown.body["error"]["message"]).is_empty());

        for rejected in [
            zitadel.zitadel(key, &to_zitadel(to)).await,
            kratos.post(&to_others(to)).await,
        ] {
            assert_eq!(
                (rejected.status, &rejected.body["code"]),
                (200, &json!("delivery_rejected"))
            );
        }
        let told = authgear.authgear(key, &to_authgear(to)).await;
        assert_eq!((told.status, &told.body["code"]), (status, &json!(code)));
        assert_fields(&told.body, &["code", "description"]);
        own.post(&to_others(to)).await.problem(status, code);
    }
    // A limit: whoever only tries again is told to come later.
    let number = stage.number();
    for n in 0..5 {
        let body = json!({ "to": number, "code": format!("56116{n}") });
        own.settle(&own.post(&body).await).await;
    }
    let limited = own.post(&json!({ "to": number, "code": "999999" })).await;
    limited.problem(429, "rate_limited");
    assert!(limited.header("retry-after").is_some());
    let later = kratos.post(&to_others(&number)).await;
    assert_eq!(later.status, 503, "{}", later.text);
    assert!(later.header("retry-after").is_some());
    let shown = supabase
        .supabase(&supabase_body(&number, "561166", "u"))
        .await;
    assert_eq!(
        (shown.status, &shown.body["error"]["http_code"]),
        (200, &json!(429))
    );
    let told = authgear.authgear(key, &to_authgear(&number)).await;
    assert_eq!(
        (told.status, &told.body["code"]),
        (429, &json!("rate_limited"))
    );
}

async fn a_recorded_request_of_authgear_is_refused_once_its_code_is_over(stage: Stage) {
    let app = stage.app().await;
    let key = "authgear-webhook-octet-key";
    let hook = Hook::new(&app, json!({ "kind": "authgear", "secret": key })).await;
    let body = json!({ "to": stage.number(), "body": "561166 is your code", "template_variables": { "code": "561166" } });
    let first = hook.authgear(key, &body).await;
    hook.settle(&first).await;
    let twin = hook.authgear(key, &body).await;
    assert_eq!((twin.status, &twin.body["id"]), (200, &first.body["id"]));
    app.later(&first.body["id"], 700).await;
    let recorded = hook.authgear(key, &body).await;
    assert_eq!(
        (recorded.status, &recorded.body["code"]),
        (401, &json!("authentication_failed"))
    );
    assert_eq!(sent(&stage), 1);
}

async fn what_the_host_says_of_success_counts(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "generic" })).await;
    let number = stage.number();
    let first = hook
        .post(&json!({ "phone": number, "code": "111111" }))
        .await;
    hook.settle(&first).await;
    let second = hook
        .post(&json!({ "phone": number, "code": "222222" }))
        .await;
    hook.settle(&second).await;

    // Neither the hook's own secret nor a stranger's key says so.
    let path = format!("{}/verified", hook.path());
    let said = json!({ "phone_number": number });
    let stranger = crate::projects::project(&app, "stranger", json!({})).await;
    for client in [
        &app.with_key(&hook.secret),
        &stranger,
        &app.with_key("pin_x"),
    ] {
        client
            .post(&path, said.clone())
            .await
            .problem(401, "unauthorized");
    }
    for (body, pointer) in [
        (json!({}), "/phone_number"),
        (
            json!({ "phone_number": number, "id": first.body["id"] }),
            "/phone_number",
        ),
        (json!({ "phone_number": "x" }), "/phone_number"),
        (json!({ "id": "x" }), "/id"),
        (json!({ "id": first.body["id"], "code": "!" }), "/code"),
    ] {
        let refused = hook.verified(body).await;
        refused.problem(400, "invalid_request");
        assert!(refused.text.contains(pointer), "{}", refused.text);
    }
    for body in [
        json!({ "phone_number": number, "code": "333333" }),
        json!({ "id": first.body["id"], "code": "222222" }),
        json!({ "phone_number": stage.number() }),
        json!({ "id": uuid::Uuid::nil() }),
    ] {
        hook.verified(body).await.problem(404, "not_found");
    }
    let noted = hook
        .verified(json!({ "phone_number": number, "code": "111111" }))
        .await
        .expect(200);
    assert_eq!(noted["id"], first.body["id"]);
    let v = app.settle(&noted["id"]).await;
    assert_eq!(
        (&v["status"], &v["approved_by"]),
        (&json!("approved"), &json!("host"))
    );
    let noted = hook.verified(said.clone()).await.expect(200);
    assert_eq!(noted["id"], second.body["id"], "the newest that is left");
    hook.verified(said).await.problem(404, "not_found");
    app.settle(&second.body["id"]).await;
}

async fn without_a_database_the_host_is_told_to_come_again(stage: Stage) {
    let app = stage.app().await;
    let key = "a-key-of-enough-letters";
    let hook = Hook::new(&app, json!({ "kind": "zitadel", "secret": key })).await;
    let body = json!({ "contextInfo": { "recipientPhoneNumber": stage.number() }, "args": { "code": "561166" } });
    stage.hide_database().await;
    let away = hook.zitadel(key, &body).await;
    stage.show_database().await;
    assert_eq!(away.status, 503, "{}", away.text);
    assert!(away.header("retry-after").is_some());
    assert_eq!(sent(&stage), 0);
    hook.settle(&hook.zitadel(key, &body).await).await;
}
