//! What a provider says against a message is hearsay: until it expires, a failed verification can be approved, sent
//! again, and be taken back by better evidence.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{AT_ONCE, SMS, Stage, TestApp, word};
use crate::world::{Answer, path_of};

on_both_engines!(
    the_right_code_approves_although_the_message_was_reported_undelivered,
    the_right_code_approves_although_the_provider_refused_it,
    a_later_delivery_takes_a_failed_verification_back,
    a_message_that_was_refused_and_delivered_is_charged,
    wrong_codes_of_a_failed_verification_count_until_it_is_locked,
    a_resend_reopens_a_failed_verification,
    a_failed_verification_can_be_canceled,
    a_failed_verification_is_over_when_it_expires,
    a_reopened_verification_gives_way_to_a_newer_one_of_its_number,
    a_number_that_does_not_exist_fails_only_what_has_no_other_message,
);

const CODE: &str = "314159";

async fn start(app: &TestApp, number: &str) -> Value {
    let body = json!({ "phone_number": number, "code": CODE });
    app.start(body).await.expect(201)
}

/// The provider reports on the message that was sent `place`th.
async fn report(app: &TestApp, place: usize, status: &str) {
    let path = path_of(word(&app.stage.sms.sends()[place]["dlr"]));
    let request = app
        .open_request(Method::POST, &path)
        .json(&json!({ "message_id": format!("m{place}"), "status": status }));
    app.send(request).await.expect(200);
}

async fn failed(app: &TestApp) -> Value {
    let v = start(app, &app.stage.number()).await;
    let place = app.stage.sms.sends().len() - 1;
    report(app, place, "UNDELIV").await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["status"], "failed");
    v
}

async fn approve(app: &TestApp, v: &Value) {
    let checked = app.check(&v["id"], CODE).await.expect(200);
    assert_eq!(
        (&checked["status"], &checked["valid"]),
        (&json!("approved"), &json!(true))
    );
    assert!(checked["proof"].is_string());
    app.settle(&v["id"]).await;
}

async fn the_right_code_approves_although_the_message_was_reported_undelivered(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = failed(&app).await;
    approve(&app, &v).await;
    let events = app.events(&v["id"]).await;
    assert!(!events.contains(&"verification.reopened".to_owned()));
    // Only now is it over.
    report(&app, 0, "DELIVRD").await;
    assert_eq!(app.settle(&v["id"]).await["status"], "approved");
}

async fn the_right_code_approves_although_the_provider_refused_it(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    for answer in [
        Answer::Json(400, json!({})),
        Answer::Json(403, json!({ "error": "blocked" })),
        Answer::Json(429, json!({})),
        Answer::Json(200, json!({ "error_code": 7 })),
    ] {
        stage.sms.next_sends([answer]);
        let v = start(&app, &stage.number()).await;
        let v = app.settle(&v["id"]).await;
        assert_eq!(v["status"], "failed");
        approve(&app, &v).await;
    }
}

async fn a_later_delivery_takes_a_failed_verification_back(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = failed(&app).await;
    assert!(v["resend_at"].is_string(), "it can be sent again");
    report(&app, 0, "DELIVRD").await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["status"], "pending");
    assert_eq!(v["attempts"][0]["status"], "delivered");
    let events = app.events(&v["id"]).await;
    let story: Vec<&str> = events.iter().map(String::as_str).collect();
    assert!(
        story.ends_with(&[
            "attempt.undelivered",
            "verification.failed",
            "verification.delivered",
            "verification.reopened"
        ]),
        "{story:?}"
    );
    report(&app, 0, "DELIVRD").await;
    assert_eq!(app.events(&v["id"]).await, events, "reopened once");
    approve(&app, &v).await;
}

async fn a_message_that_was_refused_and_delivered_is_charged(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    stage.sms.next_sends([Answer::Json(400, json!({}))]);
    let v = start(&app, &stage.number()).await;
    let v = app.settle(&v["id"]).await;
    assert_eq!((&v["status"], &v["costs"]), (&json!("failed"), &json!([])));
    report(&app, 0, "DELIVRD").await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["status"], "pending");
    assert_eq!(v["costs"], json!([{ "amount": "0.05", "currency": "USD" }]));
}

async fn wrong_codes_of_a_failed_verification_count_until_it_is_locked(stage: Stage) {
    let app = stage.app_with(&[SMS, ("DEFAULTS__MAX_CHECKS", "2")]).await;
    let v = failed(&app).await;
    let wrong = app.check(&v["id"], "000000").await.expect(200);
    assert_eq!(
        (&wrong["status"], &wrong["valid"], &wrong["checks_left"]),
        (&json!("failed"), &json!(false), &json!(1))
    );
    let last = app.check(&v["id"], "000000").await.expect(200);
    assert_eq!(last["status"], "locked");
    app.check(&v["id"], CODE)
        .await
        .problem(429, "too_many_checks");
    report(&app, 0, "DELIVRD").await;
    assert_eq!(app.settle(&v["id"]).await["status"], "locked");
}

async fn a_resend_reopens_a_failed_verification(stage: Stage) {
    let app = stage.app_with(&[SMS, AT_ONCE]).await;
    let v = failed(&app).await;
    let v = app
        .resend(&v["id"], json!({ "channel": "sms" }))
        .await
        .expect(200);
    assert_eq!(v["status"], "pending");
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["attempts"][1]["status"], "sent");
    assert!(word(&stage.sms.sends()[1]["text"]).contains(CODE));
    let events = app.events(&v["id"]).await;
    let reopened = events.iter().position(|e| e == "verification.reopened");
    let resend = events.iter().position(|e| e == "verification.resend");
    assert!(reopened.is_some() && reopened < resend, "{events:?}");
    report(&app, 1, "UNDELIV").await;
    assert_eq!(app.settle(&v["id"]).await["status"], "failed");
    approve(&app, &v).await;
}

async fn a_failed_verification_can_be_canceled(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = failed(&app).await;
    app.cancel(&v["id"]).await.expect(200);
    app.check(&v["id"], CODE)
        .await
        .problem(409, "verification_not_pending");
    report(&app, 0, "DELIVRD").await;
    assert_eq!(app.settle(&v["id"]).await["status"], "canceled");
}

async fn a_failed_verification_is_over_when_it_expires(stage: Stage) {
    let app = stage.app_with(&[SMS, AT_ONCE]).await;
    let v = failed(&app).await;
    assert!(app.settled(&v["id"]).await.code.is_some());
    stage.advance(600);
    let check = app.check(&v["id"], CODE).await;
    check.problem(410, "verification_expired");
    app.resend(&v["id"], json!({}))
        .await
        .problem(410, "verification_expired");
    app.cancel(&v["id"])
        .await
        .problem(410, "verification_expired");
    let shown = app.find(&v["id"]).await;
    assert_eq!(
        (&shown["status"], &shown["resend_at"]),
        (&json!("failed"), &Value::Null)
    );
    let over = app.settled(&v["id"]).await;
    assert!(over.code.is_none(), "its code is erased");
    report(&app, 0, "DELIVRD").await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["status"], "failed");
    assert_eq!(v["attempts"][0]["status"], "delivered");
    app.check(&v["id"], CODE)
        .await
        .problem(410, "verification_expired");
}

async fn a_reopened_verification_gives_way_to_a_newer_one_of_its_number(stage: Stage) {
    let app = stage.app_with(&[SMS, AT_ONCE]).await;
    let number = stage.number();
    let older = start(&app, &number).await;
    report(&app, 0, "UNDELIV").await;
    assert_eq!(app.settle(&older["id"]).await["status"], "failed");
    let newer = start(&app, &number).await;
    assert_ne!(newer["id"], older["id"]);
    report(&app, 0, "DELIVRD").await;
    assert_eq!(app.settle(&older["id"]).await["status"], "pending");
    let again = json!({ "phone_number": number, "code": CODE });
    let reused = app.start(again.clone()).await.expect(200);
    assert_eq!(reused["id"], newer["id"]);
    approve(&app, &older).await;
    approve(&app, &newer).await;

    let alone = failed(&app).await;
    let place = stage.sms.sends().len() - 1;
    report(&app, place, "DELIVRD").await;
    let again = json!({ "phone_number": alone["phone_number"], "code": CODE });
    let reused = app.start(again).await.expect(200);
    assert_eq!(reused["id"], alone["id"], "with no newer one, it is reused");
    app.settle(&alone["id"]).await;
}

async fn a_number_that_does_not_exist_fails_only_what_has_no_other_message(stage: Stage) {
    let route = r#"[{"channel":"sms","wait":"60s"},{"channel":"telegram","wait":"60s"}]"#;
    let app = stage.app_with(&[("DEFAULTS__ROUTE", route), AT_ONCE]).await;
    let v = start(&app, &stage.number()).await;
    let invalid = crate::world::error("PHONE_NUMBER_INVALID");
    stage.telegram.next_sends([invalid]);
    app.resend(&v["id"], json!({ "channel": "telegram" }))
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["attempts"][1]["reason"], "number_invalid");
    assert_eq!(v["status"], "pending", "the SMS may arrive");
    approve(&app, &v).await;
}
