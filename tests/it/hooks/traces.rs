//! What a request leaves: a refused one nothing, an accepted one its verification, and neither a code or a number in the clear.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Hook, admin, sent, supabase_body};
use crate::on_both_engines;
use crate::projects::patch;
use crate::stage::{Stage, word};
use crate::world::error;

const TELEGRAM: (&str, &str) = (
    "DEFAULTS__ROUTE",
    r#"[{"channel":"telegram","wait":"60s"}]"#,
);

on_both_engines!(
    a_refused_request_is_refused_again,
    where_a_pause_will_end_the_host_is_told_to_come_again,
    of_parallel_requests_later_one_is_the_resend,
    an_identified_request_is_over_with_its_code,
    no_code_and_no_number_is_kept_in_the_clear,
    a_replaced_secret_is_no_longer_good,
    success_is_believed_of_what_was_sent,
);

async fn a_refused_request_is_refused_again(stage: Stage) {
    let app = stage.app_with(&[TELEGRAM]).await;
    let key = "a-key-of-enough-letters";
    let own = Hook::new(&app, json!({ "kind": "generic" })).await;
    let supabase = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let authgear = Hook::new(&app, json!({ "kind": "authgear", "secret": key })).await;
    // Telegram cannot carry letters.
    let body = json!({ "to": stage.number(), "code": "AbCd12" });
    let hosts = json!({ "to": stage.number(), "body": "AbCd12!", "template_variables": { "code": "AbCd12" } });
    let theirs = supabase_body(&stage.number(), "AbCd12", "u");
    for _ in 0..2 {
        own.post(&body).await.problem(422, "delivery_rejected");
        let shown = supabase.supabase(&theirs).await;
        assert_eq!(shown.body["error"]["http_code"], 422, "{}", shown.text);
        let told = authgear.authgear(key, &hosts).await;
        assert_eq!(
            (told.status, &told.body["code"]),
            (422, &json!("delivery_rejected"))
        );
    }
    assert_eq!(sent(&stage), 0);
    let list = app.get("/v1/verifications").await.expect(200);
    assert!(list["items"].as_array().unwrap().is_empty(), "{list}");
    assert!(
        own.outcomes()
            .await
            .iter()
            .all(|it| it == "delivery_rejected")
    );
}

async fn where_a_pause_will_end_the_host_is_told_to_come_again(stage: Stage) {
    let app = stage.app_with(&[TELEGRAM]).await;
    let kratos = Hook::new(&app, json!({ "kind": "generic", "preset": "kratos" })).await;
    stage.telegram.next_sends(["FLOOD_WAIT_60"; 3].map(error));
    for _ in 0..3 {
        let pausing = json!({ "to": stage.number(), "code": "561166" });
        kratos.settle(&kratos.post(&pausing).await).await;
    }
    let body = json!({ "to": stage.number(), "code": "561166" });
    // As often as it asks, the number's limits are not used up.
    for _ in 0..8 {
        let later = kratos.post(&body).await;
        assert_eq!(later.status, 503, "{}", later.text);
        assert!(later.header("retry-after").is_some());
    }
    stage.advance(61);
    let before = sent(&stage);
    kratos.settle(&kratos.post(&body).await).await;
    assert_eq!(sent(&stage), before + 1);
}

async fn of_parallel_requests_later_one_is_the_resend(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__ROUTE", r#"[{"channel":"sms","wait":"60s"}]"#)])
        .await;
    let hook = Hook::new(&app, json!({ "kind": "generic" })).await;
    let number = stage.number();
    // The fifth message is the last one that the limits leave.
    for code in ["111111", "222222", "333333", "444444"] {
        let body = json!({ "phone": number, "code": code });
        hook.settle(&hook.post(&body).await).await;
    }
    stage.advance(31);
    let body = json!({ "phone": number, "code": "444444" });
    let calls = (0..6).map(|_| hook.post(&body));
    for reply in futures_util::future::join_all(calls).await {
        hook.settle(&reply).await;
    }
    assert_eq!(sent(&stage), 5);
}

async fn an_identified_request_is_over_with_its_code(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let body = supabase_body(&stage.number(), "561166", "u1");
    let first = hook.supabase(&body).await;
    hook.settle(&first).await;
    let id = first.body["id"].clone();
    hook.verified(json!({ "id": id })).await.expect(200);
    app.settle(&id).await;
    stage.advance(31);
    let again = hook.supabase(&body).await.expect(200);
    assert_eq!(again["id"], id);
    assert_eq!(sent(&stage), 1);
    // The same id with another code is another request.
    let mut other = body;
    other["sms"]["otp"] = json!("777777");
    let other = hook.supabase(&other).await;
    hook.settle(&other).await;
    assert_ne!(other.body["id"], id);
}

async fn no_code_and_no_number_is_kept_in_the_clear(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "generic", "auth": "basic" })).await;
    let post = |body: String| {
        let request = hook.request(Method::POST);
        let request = request.basic_auth("x", Some(&hook.secret));
        request
            .header("content-type", "application/json")
            .body(body)
    };
    for body in [
        r#"{"+998901234567":1,"+998901234567":2}"#,
        r#"{"code 561166":"#,
        r#"["+998901234567"]"#,
    ] {
        let refused = app.send(post(body.to_owned())).await;
        refused.problem(400, "unsupported_request");
        assert!(!refused.text.contains("998901234567"), "{}", refused.text);
        assert!(!refused.text.contains("561166"), "{}", refused.text);
    }
    let path = format!("/v1/integrations/{}", word(&hook.made["id"]));
    let shown = admin(&app).await.get(&path).await.expect(200).to_string();
    assert!(
        !shown.contains("998901234567") && !shown.contains("561166"),
        "{shown}"
    );
    // Strangers cannot push the project's own calls out.
    for _ in 0..30 {
        let stranger = app.send(hook.request(Method::POST).json(&json!({}))).await;
        assert_eq!(stranger.status, 401);
        let challenge = stranger.header("www-authenticate");
        assert_eq!(challenge, Some("Basic realm=\"Pinroute\""));
    }
    let outcomes = hook.outcomes().await;
    let strangers = outcomes.iter().filter(|it| *it == "authentication_failed");
    assert_eq!((strangers.count(), outcomes.len()), (1, 4));
}

async fn a_replaced_secret_is_no_longer_good(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let body = json!({ "kind": "generic", "name": "x" });
    let create = || admin.post_once("/v1/integrations", "k1", body.clone());
    let made = create().await.expect(201);
    let old = Hook::of(&app, made.clone());
    let path = format!("/v1/integrations/{}", word(&made["id"]));
    let rotate = format!("{path}/rotate");
    let rotated = admin.post(&rotate, json!({})).await.expect(200);
    let new = Hook::of(&app, rotated);
    let again = create().await.expect(201);
    assert_eq!(again["secret"], made["secret"], "as it was answered");
    let current = json!({ "secret": new.secret });
    let refused = admin.post(&rotate, current.clone()).await;
    refused.problem(400, "invalid_request");
    assert!(refused.text.contains("/secret"), "{}", refused.text);
    let call = || json!({ "phone": stage.number(), "code": "561166" });
    old.settle(&old.post(&call()).await).await;
    // Naming the current secret ends the other one.
    let changed = patch(&admin, &path, current).await.expect(200);
    assert_eq!(changed["previous_secret_expires_at"], Value::Null);
    assert_eq!(old.post(&call()).await.status, 401);
    new.settle(&new.post(&call()).await).await;
    for (change, pointer) in [
        (json!({ "fields": { "phone": "/~2" } }), "/fields"),
        (json!({ "default_country": "001" }), "/default_country"),
    ] {
        let refused = patch(&admin, &path, change).await;
        refused.problem(400, "invalid_request");
        assert!(refused.text.contains(pointer), "{}", refused.text);
    }
}

async fn success_is_believed_of_what_was_sent(stage: Stage) {
    let app = stage.app_with(&[TELEGRAM]).await;
    let hook = Hook::new(&app, json!({ "kind": "generic", "ttl": 86_400 })).await;
    let number = stage.number();
    let first = hook
        .post(&json!({ "phone": number, "code": "561166" }))
        .await;
    hook.settle(&first).await;
    let refused = hook
        .post(&json!({ "phone": number, "code": "AbCd12" }))
        .await;
    refused.problem(422, "delivery_rejected");
    // Until a day after the code expired.
    stage.advance(47 * 3_600);
    app.settle(&first.body["id"]).await;
    let said = json!({ "phone_number": number });
    let noted = hook.verified(said.clone()).await.expect(200);
    assert_eq!(noted["id"], first.body["id"]);
    hook.verified(said).await.problem(404, "not_found");
    app.settle(&first.body["id"]).await;
}
