//! Texts without a code: only where the integration allows them, by SMS alone, and nobody's verification.

use pinroute::verification::code::Code;
use pinroute::verification::id::VerificationId;
use serde_json::{Value, json};

use super::{Hook, admin, sent};
use crate::inputs::change_policy;
use crate::on_both_engines;
use crate::projects::patch;
use crate::stage::{Stage, TestApp, word};

const NOTICE: &str = "Your number was changed. Not you? Call 1234 or 5678.";

on_both_engines!(
    a_text_without_a_code_is_refused_unless_it_is_allowed,
    a_message_goes_by_sms_and_is_no_verification,
    a_message_that_comes_again_is_the_same_one,
    a_message_is_limited_as_codes_are,
    a_provider_that_fills_in_a_code_carries_no_message,
    the_text_is_erased_when_its_time_is_over,
);

async fn allowing(app: &TestApp) -> Hook<'_> {
    let body = json!({ "kind": "generic", "allow_messages": true });
    Hook::new(app, body).await
}

fn body(number: &str, text: &str) -> Value {
    json!({ "phone": number, "text": text })
}

fn texts(stage: &Stage) -> Vec<String> {
    let sends = stage.sms.sends();
    sends
        .iter()
        .map(|sms| word(&sms["text"]).to_owned())
        .collect()
}

async fn a_text_without_a_code_is_refused_unless_it_is_allowed(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "generic" })).await;
    assert_eq!(hook.made["allow_messages"], false);
    let number = stage.number();
    let post = async || hook.post(&body(&number, NOTICE)).await;
    post().await.problem(400, "unsupported_request");
    let path = format!("/v1/integrations/{}", word(&hook.made["id"]));
    let admin = admin(&app).await;
    let allow = |value: Value| patch(&admin, &path, json!({ "allow_messages": value }));
    assert_eq!(allow(json!(true)).await.expect(200)["allow_messages"], true);
    hook.settle(&post().await).await;
    let link = json!({ "kind": "generic", "preset": "logto", "allow_messages": true });
    let logto = Hook::new(&app, link).await;
    let invited =
        json!({ "to": &stage.number()[1..], "payload": { "link": "https://shop.example/1234" } });
    logto.settle(&logto.post(&invited).await).await;
    let hidden = json!({ "to": &stage.number()[1..], "payload": { "link": "a\u{0}b" } });
    let refused = logto.post(&hidden).await;
    refused.problem(400, "unsupported_request");
    for text in ["A bell \u{7} rings", " ", ""] {
        let refused = hook.post(&body(&stage.number(), text)).await;
        refused.problem(400, "unsupported_request");
    }
    for wrong in [json!("yes"), json!(1)] {
        allow(wrong).await.problem(400, "invalid_request");
    }
    assert_eq!(
        allow(Value::Null).await.expect(200)["allow_messages"],
        false
    );
    stage.advance(31);
    post().await.problem(400, "unsupported_request");
    assert_eq!(texts(&stage), [NOTICE, "https://shop.example/1234"]);
}

async fn a_message_goes_by_sms_and_is_no_verification(stage: Stage) {
    let app = stage.app().await;
    let hook = allowing(&app).await;
    let number = stage.number();
    let reply = hook.post(&body(&number, NOTICE)).await;
    let v = hook.settle(&reply).await;
    assert_eq!(
        (&v["kind"], &v["channel"]),
        (&json!("message"), &json!("sms"))
    );
    assert_eq!((&v["checks_left"], v.get("checked_by")), (&json!(0), None));
    assert_eq!((texts(&stage).len(), sent(&stage)), (1, 1));
    assert_eq!(texts(&stage), [NOTICE]);
    assert_eq!(hook.outcomes().await, ["sent"]);

    for said in [json!({ "phone_number": number }), json!({ "id": v["id"] })] {
        hook.verified(said).await.problem(404, "not_found");
    }
    let day = stage.clock.now().date_naive();
    let asked = async |report: &str, query: &str| {
        let path = format!("/v1/reports/{report}?from={day}&to={day}&{query}");
        app.get(&path).await.expect(200)
    };
    for query in ["", "group_by=channel"] {
        let report = asked("conversion", query).await;
        assert_eq!(report["total"]["requested"], 0, "{report}");
        assert_eq!(report["total"]["checked_by_host"], 0, "{report}");
    }
    let costs = asked("costs", "").await;
    assert_eq!(
        costs["total"]["charged"], v["costs"][0]["amount"],
        "{costs}"
    );
    assert_ne!(costs["total"]["charged"], "0.00", "{costs}");
}

async fn a_message_that_comes_again_is_the_same_one(stage: Stage) {
    let app = stage.app().await;
    let hook = allowing(&app).await;
    let number = stage.number();
    let first = hook.post(&body(&number, NOTICE)).await;
    hook.settle(&first).await;
    stage.advance(1);
    let again = hook.post(&body(&number, NOTICE)).await;
    assert_eq!(again.expect(200), first.body);
    stage.advance(1);
    let other = hook
        .post(&body(&number, "Your e-mail address was changed."))
        .await;
    hook.settle(&other).await;
    stage.advance(31);
    let later = hook.post(&body(&number, NOTICE)).await;
    hook.settle(&later).await;
    assert_eq!(later.body, first.body);
    assert_eq!(sent(&stage), 3);
    let outcomes = hook.outcomes().await;
    assert_eq!(outcomes, ["sent_again", "sent", "repeated", "sent"]);
    // A message changes nothing about the number's codes.
    let code = hook
        .post(&json!({ "phone": number, "code": "561166" }))
        .await;
    hook.settle(&code).await;
    let said = hook.verified(json!({ "phone_number": number })).await;
    assert_eq!(said.expect(200)["id"], code.body["id"]);
    app.settle(&code.body["id"]).await;
}

async fn a_message_is_limited_as_codes_are(stage: Stage) {
    let app = stage.app().await;
    let hook = allowing(&app).await;
    change_policy(&app, json!({ "max_segments": 1 })).await;
    let long = "Your number was changed. ".repeat(8);
    let refused = hook.post(&body(&stage.number(), &long)).await;
    refused.problem(400, "unsupported_request");
    assert!(refused.text.contains("max_segments"), "{}", refused.text);
    assert!(
        !refused.text.contains("number was changed"),
        "{}",
        refused.text
    );
    let number = stage.number();
    for count in 0..5 {
        let text = format!("Notice {count}");
        hook.settle(&hook.post(&body(&number, &text)).await).await;
    }
    let refused = hook.post(&body(&number, "Notice 5")).await;
    refused.problem(429, "rate_limited");
    change_policy(
        &app,
        json!({ "route": [{ "channel": "telegram", "wait": "60s" }] }),
    )
    .await;
    let refused = hook.post(&body(&stage.number(), NOTICE)).await;
    refused.problem(422, "delivery_rejected");
    assert_eq!(sent(&stage), 5);
}

async fn a_provider_that_fills_in_a_code_carries_no_message(stage: Stage) {
    let mut provider = Stage::sms_provider("main", &stage.sms);
    provider["json"] =
        json!({ "to": "{to}", "text": "{text}", "code": "{code}", "dlr": "{callback_url}" });
    let providers = json!([provider]).to_string();
    let app = stage.app_with(&[("SMS__PROVIDERS", &providers)]).await;
    let hook = allowing(&app).await;
    let refused = hook.post(&body(&stage.number(), NOTICE)).await;
    refused.problem(422, "delivery_rejected");
    assert_eq!(sent(&stage), 0);
}

async fn the_text_is_erased_when_its_time_is_over(stage: Stage) {
    let app = stage.app().await;
    let hook = allowing(&app).await;
    let reply = hook.post(&body(&stage.number(), NOTICE)).await;
    let v = hook.settle(&reply).await;
    let id = VerificationId::from_uuid(word(&v["id"]).parse().unwrap());
    let stored = async || stage.db.find(id).await.unwrap().unwrap();
    let before = stored().await;
    assert_eq!(before.code.as_ref().map(Code::as_str), Some(NOTICE));
    let kept = serde_json::to_string(&before.record).unwrap();
    assert!(!kept.contains("1234"), "{kept}");
    stage.advance(3_600);
    app.settle(&v["id"]).await;
    assert_eq!(stored().await.code, None);
}
