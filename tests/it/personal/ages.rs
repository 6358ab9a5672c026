//! What has passed its age is erased in place, and nobody notices.

use reqwest::Method;
use serde_json::{Value, json};

use super::{DAY, LIMIT, approved, bytes_of, started};
use crate::person::person;
use crate::projects::{instance, patch, project};
use crate::stage::{SMS, Stage, TestApp, word};
use crate::webhooks::{OPEN, admin, receiver, register};
use crate::world::{Answer, path_of};
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    the_client_goes_before_the_number_and_the_accounts_stay,
    late_reports_are_booked_for_a_number_that_is_gone,
    a_project_may_keep_it_shorter,
    what_could_not_be_erased_is_tried_again,
    what_is_pending_is_not_touched,
);
on_postgres!(
    nothing_is_erased_while_an_older_build_runs,
    replicas_erase_each_verification_once,
);

const AGES: [(&str, &str); 2] = [("RETENTION__NUMBERS", "10d"), ("RETENTION__CLIENT", "5d")];

async fn app(stage: &Stage) -> TestApp {
    stage.app_with(&[SMS, LIMIT, OPEN, AGES[0], AGES[1]]).await
}

async fn erased(app: &TestApp) -> u64 {
    app.gateway.apply_ages().await.unwrap()
}

async fn moved(app: &TestApp) -> u64 {
    app.gateway.move_to_past().await.unwrap()
}

/// All that is kept, as an administrator of the whole installation finds it.
async fn kept(app: &TestApp, number: &str) -> Vec<Value> {
    let asked = json!({ "phone_number": number });
    let found = instance(app).await.post("/v1/subjects/find", asked).await;
    let found = found.expect(200);
    found["verifications"].as_array().unwrap().clone()
}

async fn the_client_goes_before_the_number_and_the_accounts_stay(stage: Stage) {
    let app = app(&stage).await;
    let number = stage.number();
    let v = approved(&app, &number).await;
    let path = format!("/v1/verifications/{}", word(&v["id"]));
    let before = kept(&app, &number).await;
    assert_eq!(before[0]["client"]["locale"], "ru");
    assert!(
        before[0]["client"]["ip"].is_string() && before[0]["limit_keys"]["user_id"].is_string()
    );
    let events = app.get(&format!("{path}/events")).await.expect(200);
    let ledger = app.ledger(&v["id"]).await;
    stage.advance(4 * DAY);
    assert_eq!((moved(&app).await, erased(&app).await), (1, 0));

    stage.advance(DAY + 1);
    assert_eq!(erased(&app).await, 1);
    assert_eq!(erased(&app).await, 0, "once");
    let after = kept(&app, &number).await;
    let nobody = json!({ "ip": null, "networks": [], "asn": null, "country": null, "user_agent": null, "locale": null });
    assert_eq!(after[0]["client"], nobody);
    assert_eq!(after[0]["verification"], before[0]["verification"]);
    assert_eq!(after[0]["limit_keys"], before[0]["limit_keys"]);

    stage.advance(5 * DAY);
    assert_eq!(erased(&app).await, 1);
    assert_eq!(erased(&app).await, 0, "once");
    assert!(kept(&app, &number).await.is_empty());
    let found = app.find(&v["id"]).await;
    let mut left = v.clone();
    left["phone_number"] = Value::Null;
    left["payload"] = Value::Null;
    assert_eq!(found, left);
    assert_eq!(app.get(&format!("{path}/events")).await.expect(200), events);
    assert_eq!(app.ledger(&v["id"]).await, ledger);
    let [index, _, hash, _] = bytes_of(
        &stage,
        &v["id"],
        ["phone_index", "sealed", "code_hash", "packed"],
    )
    .await;
    assert!(index.is_empty() && hash == [0; 32]);
    // It answers as any that is over.
    for reply in [
        app.check(&v["id"], super::CODE).await,
        app.resend(&v["id"], json!({})).await,
        app.cancel(&v["id"]).await,
    ] {
        reply.problem(409, "verification_not_pending");
    }
    // People who look at it see that it is gone.
    let mut owner = person(&app, "owner@example.com", "owner").await;
    let page = owner
        .get(&format!("/dashboard/verifications/{}", word(&v["id"])))
        .await;
    assert!(page.text.contains("Number erased"), "{}", page.text);
    let page = owner.get("/dashboard/verifications").await;
    assert!(page.text.contains("Number erased"), "{}", page.text);
    // The number may be verified again.
    let again = approved(&app, &number).await;
    assert_ne!(again["id"], v["id"]);
}

async fn late_reports_are_booked_for_a_number_that_is_gone(stage: Stage) {
    let app = app(&stage).await;
    let hook = receiver().await;
    register(&admin(&app).await, &hook, &["*"]).await;
    let v = started(&app, &stage.number()).await;
    stage.advance(601);
    app.settle(&v["id"]).await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    stage.advance(11 * DAY);
    moved(&app).await;
    assert_eq!(erased(&app).await, 2, "the client, and the number");
    let before = hook.seen().len();
    let path = path_of(word(&stage.sms.sends()[0]["dlr"]));
    let request = app
        .open_request(Method::POST, &path)
        .json(&json!({ "message_id": "m0", "status": "DELIVRD" }));
    app.send(request).await.expect(200);
    app.settle(&v["id"]).await;
    let found = app.find(&v["id"]).await;
    assert_eq!(found["attempts"][0]["status"], "delivered");
    assert_eq!(
        (&found["status"], &found["phone_number"]),
        (&json!("expired"), &Value::Null)
    );
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let news = &hook.seen()[before..];
    assert!(!news.is_empty(), "the site is told");
    for seen in news {
        assert_eq!(seen.json()["data"]["phone_number"], Value::Null);
    }
    // It is in the hot table again, and stays as it is.
    stage.advance(3 * DAY);
    assert_eq!((erased(&app).await, moved(&app).await), (0, 1));
    assert_eq!(app.find(&v["id"]).await, found);
}

async fn a_project_may_keep_it_shorter(stage: Stage) {
    let app = app(&stage).await;
    let policy = json!({ "retention": { "numbers": "4d", "client": "90d" } });
    let own = project(&app, "own", policy).await;
    let number = stage.number();
    let other = approved(&app, &number).await;
    let body = json!({ "phone_number": number, "code": super::CODE });
    let v = own.post("/v1/verifications", body).await.expect(201);
    app.settled(&v["id"]).await;
    stage.advance(4 * DAY + 1);
    app.settled(&v["id"]).await;
    assert_eq!(erased(&app).await, 1);
    let path = format!("/v1/verifications/{}", word(&v["id"]));
    assert_eq!(
        own.get(&path).await.expect(200)["phone_number"],
        Value::Null
    );
    assert_eq!(app.find(&other["id"]).await["phone_number"], number);
    // What is longer than in the installation has no effect, and the number that was erased by the project's age is not counted again.
    stage.advance(7 * DAY);
    let count = erased(&app).await;
    assert_eq!(count, 3, "the clients of both, and the other one's number");
    let all = instance(&app).await;
    for wrong in [
        json!({ "numbers": "2d" }),
        json!({ "tags": "4d" }),
        json!("4d"),
    ] {
        let change = json!({ "policy": { "retention": wrong } });
        let patched = patch(&all, "/v1/projects/own", change).await;
        patched.problem(400, "invalid_request");
    }
}

async fn what_could_not_be_erased_is_tried_again(stage: Stage) {
    let app = app(&stage).await;
    // It stays in the hot table: the outcome of its attempt is unknown, and its charge is due in a month.
    stage.sms.next_sends([Answer::Json(500, json!({}))]);
    let unknown = approved(&app, &stage.number()).await;
    let bad = approved(&app, &stage.number()).await;
    let good = approved(&app, &stage.number()).await;
    let id = word(&bad["id"]).parse().unwrap();
    stage.spoil(id).await;
    stage.advance(11 * DAY);
    assert_eq!(erased(&app).await, 4, "two, of two parts each");
    stage.mend(id).await;
    assert_eq!(erased(&app).await, 2);
    for v in [unknown, bad, good] {
        assert_eq!(app.find(&v["id"]).await["phone_number"], Value::Null);
    }
}

async fn what_is_pending_is_not_touched(stage: Stage) {
    let app = app(&stage).await;
    let number = stage.number();
    let v = started(&app, &number).await;
    // Nobody has looked at it since.
    stage.advance(20 * DAY);
    assert_eq!(erased(&app).await, 0);
    let found = kept(&app, &number).await;
    assert_eq!(found[0]["verification"]["id"], v["id"]);
    app.settle(&v["id"]).await;
    assert_eq!(erased(&app).await, 2);
}

async fn nothing_is_erased_while_an_older_build_runs(stage: Stage) {
    let app = app(&stage).await;
    let number = stage.number();
    approved(&app, &number).await;
    stage.advance(11 * DAY);
    let now = stage.clock.now().to_rfc3339();
    stage
        .run_sql(&format!(
            "INSERT INTO replicas (owner, alive_until, oldest, knows) VALUES (7, '{now}', '{}', 1)",
            uuid::Uuid::nil()
        ))
        .await;
    app.gateway.verify().renew_leases().await.unwrap();
    assert_eq!(erased(&app).await, 0);
    let asked = json!({ "phone_number": number });
    let erase = admin(&app).await.post("/v1/subjects/erase", asked).await;
    erase.problem(503, "service_unavailable");
    stage.advance(31);
    app.gateway.verify().renew_leases().await.unwrap();
    assert_eq!(erased(&app).await, 2);
}

async fn replicas_erase_each_verification_once(stage: Stage) {
    let first = app(&stage).await;
    for _ in 0..20 {
        approved(&first, &stage.number()).await;
    }
    let second = app(&stage).await;
    stage.advance(11 * DAY);
    for app in [&first, &second] {
        app.gateway.verify().renew_leases().await.unwrap();
    }
    moved(&first).await;
    let mut count = 0;
    while count < 40 {
        let (one, other) = tokio::join!(erased(&first), erased(&second));
        count += one + other;
    }
    assert_eq!(count, 40);
    assert_eq!(erased(&first).await + erased(&second).await, 0);
}
