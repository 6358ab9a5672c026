//! The guard's lists: who is let through, and whom nothing is sent to, whatever face asks.

mod alarms;
mod mmdb;
mod networks;
pub mod people;
mod replays;
mod rules;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pinroute::secret::random;
use reqwest::Method;
use serde_json::{Value, json};

use crate::hooks::Hook;
use crate::inputs::change_policy;
use crate::projects::project;
use crate::stage::{Client, Reply, Stage, TestApp, assert_fields, word};
use crate::webhooks::admin;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    entries_are_added_listed_and_removed,
    what_no_entry_can_be_is_refused,
    the_most_specific_entry_decides,
    a_refusal_does_not_tell_which_entry_it_was,
    a_number_blocked_meanwhile_gets_nothing_that_costs,
    an_entry_ends_in_time,
    of_parallel_adds_one_is_left,
    a_block_survives_a_new_secret_key,
    a_project_sees_and_changes_its_own,
);
on_postgres!(another_replica_blocks_once_it_has_looked);

const PATH: &str = "/v1/guard/lists";

pub async fn add(client: &Client, body: Value) -> Value {
    client.post(PATH, body).await.expect(201)
}

fn block(kind: &str, value: &str) -> Value {
    json!({ "kind": "block", "match": kind, "value": value })
}

async fn remove(client: &Client, entry: &Value) -> Reply {
    let path = format!("{PATH}/{}", word(&entry["id"]));
    client.send(client.request(Method::DELETE, &path)).await
}

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap()
}

fn blocked(reply: &Reply) -> Value {
    reply.problem(403, "request_blocked");
    reply.body.clone()
}

async fn entries_are_added_listed_and_removed(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let body = json!({ "kind": "block", "match": "number", "value": "+998 90 123-45-67", "note": " spam " });
    let made = admin.post_once(PATH, "k1", body.clone()).await.expect(201);
    assert_fields(
        &made,
        &[
            "id",
            "kind",
            "match",
            "value",
            "project",
            "note",
            "expires_at",
            "created_at",
        ],
    );
    assert_eq!(
        (&made["value"], &made["project"], &made["note"]),
        (&json!("+998901234567"), &json!("default"), &json!("spam"))
    );
    assert_eq!(admin.post_once(PATH, "k1", body).await.expect(201), made);
    // One that says the same of the same takes its place.
    stage.advance(1);
    let again = add(&admin, block("number", "+998901234567")).await;
    stage.advance(1);
    add(&admin, block("country", "KP")).await;
    let page = admin.get(&format!("{PATH}?limit=1")).await.expect(200);
    assert_eq!(items(&page)[0]["value"], "KP");
    let cursor = word(&page["next_cursor"]);
    let page = admin
        .get(&format!("{PATH}?limit=5&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(items(&page), std::slice::from_ref(&again));
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(remove(&admin, &again).await.status, 204);
    remove(&admin, &again).await.problem(404, "not_found");
    remove(&admin, &made).await.problem(404, "not_found");
    remove(&admin, &json!({ "id": "x" }))
        .await
        .problem(404, "not_found");
    // A key that may only verify may not.
    app.post(PATH, block("country", "KP"))
        .await
        .problem(403, "forbidden");
}

async fn what_no_entry_can_be_is_refused(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let later = |days: i64| json!(stage.clock.now() + chrono::TimeDelta::days(days));
    for (body, pointer) in [
        (json!({}), "/kind"),
        (json!({ "kind": "block", "match": "number" }), "/value"),
        (
            json!({ "kind": "deny", "match": "number", "value": "+1" }),
            "/kind",
        ),
        (block("operator", "1234"), "/match"),
        (block("number", "12"), "/value"),
        (block("prefix", "99890"), "/value"),
        (block("country", "UK"), "/value"),
        (block("ip", "203.0.113.0/0"), "/value"),
        (
            json!({ "kind": "allow", "match": "prefix", "value": "+998", "note": "x" }),
            "/expires_at",
        ),
        (
            json!({ "kind": "allow", "match": "ip", "value": "::1", "note": "x", "expires_at": later(91) }),
            "/expires_at",
        ),
        (
            json!({ "kind": "allow", "match": "country", "value": "UZ", "expires_at": later(9) }),
            "/note",
        ),
        (
            json!({ "kind": "block", "match": "country", "value": "UZ", "expires_at": later(-1) }),
            "/expires_at",
        ),
        (
            json!({ "kind": "block", "match": "country", "value": "UZ", "until": 1 }),
            "/until",
        ),
    ] {
        let refused = admin.post(PATH, body.clone()).await;
        refused.problem(400, "invalid_request");
        let pointers: Vec<&str> = refused.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| word(&it["pointer"]))
            .collect();
        assert!(pointers.contains(&pointer), "{body}: {}", refused.text);
    }
    assert!(items(&admin.get(PATH).await.expect(200)).is_empty());
}

async fn the_most_specific_entry_decides(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    change_policy(
        &app,
        json!({ "countries": { "allow": ["*"], "deny": ["UZ"] } }),
    )
    .await;
    let number = stage.number();
    let start = async |number: &str| app.start(json!({ "phone_number": number })).await;
    start(&number).await.problem(403, "country_blocked");
    // Allowed, it passes the countries of the rules.
    let allowed = add(
        &admin,
        json!({ "kind": "allow", "match": "number", "value": number }),
    )
    .await;
    start(&number).await.expect(201);
    start(&stage.number()).await.problem(403, "country_blocked");
    add(&admin, block("prefix", &number[..9])).await;
    start(&stage.number()).await.problem(403, "request_blocked");
    start(&number).await.expect(200);
    remove(&admin, &allowed).await;
    start(&number).await.problem(403, "request_blocked");
    // By the visitor's address, where the site tells it.
    add(&admin, block("ip", "203.0.113.0/24")).await;
    let from = |ip: &str| json!({ "phone_number": "+4915112345678", "client": { "ip": ip } });
    app.start(from("203.0.113.9"))
        .await
        .problem(403, "request_blocked");
    app.start(from("203.0.114.9")).await.expect(201);
    // Limits hold for all.
    let many = "+4915112345679";
    add(
        &admin,
        json!({ "kind": "allow", "match": "number", "value": many }),
    )
    .await;
    for count in 0..5 {
        app.start(json!({ "phone_number": many, "payload": count.to_string() }))
            .await
            .expect(201);
    }
    app.start(json!({ "phone_number": many, "payload": "6" }))
        .await
        .problem(429, "rate_limited");
}

async fn a_refusal_does_not_tell_which_entry_it_was(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let number = stage.number();
    let sent = || stage.telegram.sends().len() + stage.sms.sends().len();
    let start = || app.start(json!({ "phone_number": number }));
    let by = async |body: Value| {
        let entry = add(&admin, body).await;
        let told = blocked(&start().await);
        remove(&admin, &entry).await;
        told
    };
    // Nothing tells which entry it was.
    let told = by(block("number", &number)).await;
    assert_eq!(by(block("prefix", "+998")).await, told);
    assert_eq!(by(block("country", "UZ")).await, told);

    add(&admin, block("number", &number)).await;
    let hook = Hook::new(&app, json!({ "kind": "generic" })).await;
    let body = json!({ "phone": number, "code": "561166" });
    hook.post(&body).await.problem(403, "delivery_rejected");
    let list = app.get("/v1/verifications").await.expect(200);
    assert!(items(&list).is_empty(), "{list}");
    assert_eq!(sent(), 0);
}

async fn a_number_blocked_meanwhile_gets_nothing_that_costs(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let number = stage.number();
    let v = app
        .start(json!({ "phone_number": number }))
        .await
        .expect(201);
    add(&admin, block("number", &number)).await;
    let id = &v["id"];
    let again = app
        .post(&format!("/v1/verifications/{}/resend", word(id)), json!({}))
        .await;
    blocked(&again);
    // Telegram does not deliver, and the fallback would cost.
    stage.advance(60);
    let v = app.settle(id).await;
    let last = v["attempts"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["channel"], &last["status"], &last["reason"]),
        (&json!("sms"), &json!("failed"), &json!("guard"))
    );
    assert_eq!(last["cost"]["state"], "free");
    assert!(stage.sms.sends().is_empty());
    // The code that arrived is good.
    let code = app.telegram_code();
    assert_eq!(app.check(id, &code).await.expect(200)["valid"], true);
    app.settle(id).await;
}

async fn an_entry_ends_in_time(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let number = stage.number();
    let until = stage.clock.now() + chrono::TimeDelta::minutes(10);
    let body = json!({ "kind": "block", "match": "number", "value": number, "expires_at": until });
    add(&admin, body).await;
    let start = || app.start(json!({ "phone_number": number }));
    blocked(&start().await);
    stage.advance(600);
    start().await.expect(201);
    app.gateway.sweep().await.unwrap();
    assert!(items(&admin.get(PATH).await.expect(200)).is_empty());
}

async fn of_parallel_adds_one_is_left(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let number = stage.number();
    let adds = (0..8).map(|_| admin.post(PATH, block("number", &number)));
    for reply in futures_util::future::join_all(adds).await {
        assert!(matches!(reply.status, 201 | 503), "{}", reply.text);
    }
    let page = admin.get(PATH).await.expect(200);
    let [left] = items(&page) else {
        panic!("{page}")
    };
    assert_eq!(remove(&admin, left).await.status, 204);
    app.start(json!({ "phone_number": number }))
        .await
        .expect(201);
}

async fn a_block_survives_a_new_secret_key(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    add(&admin(&app).await, block("number", &number)).await;
    stage.stop(app).await;
    let (new, old) = (STANDARD.encode(random::<32>()), stage.secret_key.clone());
    let previous = format!("[\"{old}\"]");
    let both = [
        ("SECRET_KEY", new.as_str()),
        ("PREVIOUS_SECRET_KEYS", &previous),
    ];
    let app = stage.app_with(&both).await;
    let start = async |app: &TestApp| app.start(json!({ "phone_number": number })).await;
    blocked(&start(&app).await);
    stage.stop(app).await;
    // The old key is not needed for it any more.
    let app = stage.app_with(&[("SECRET_KEY", new.as_str())]).await;
    blocked(&start(&app).await);
}

async fn a_project_sees_and_changes_its_own(stage: Stage) {
    let app = stage.app().await;
    let instance = app.with_key(&stage.new_key(None, "admin").await);
    let shop = project(&app, "shop", json!({})).await;
    let shops = app.with_key(&stage.new_key(Some("shop"), "admin").await);
    let number = stage.number();
    let everywhere = add(&instance, block("country", "KP")).await;
    assert_eq!(everywhere["project"], "*");
    stage.advance(1);
    let own = add(&shops, block("number", &number)).await;
    assert_eq!(own["project"], "shop");
    let seen = |page: Value| -> Vec<String> {
        items(&page)
            .iter()
            .map(|it| word(&it["value"]).to_owned())
            .collect()
    };
    assert_eq!(
        seen(shops.get(PATH).await.expect(200)),
        [number.as_str(), "KP"]
    );
    let default = admin(&app).await;
    assert_eq!(seen(default.get(PATH).await.expect(200)), ["KP"]);
    assert_eq!(
        seen(
            instance
                .get(&format!("{PATH}?project=shop"))
                .await
                .expect(200)
        )
        .len(),
        2
    );
    remove(&default, &own).await.problem(404, "not_found");
    remove(&shops, &everywhere).await.problem(404, "not_found");
    let body = json!({ "phone_number": number });
    blocked(&shop.post("/v1/verifications", body.clone()).await);
    app.start(body).await.expect(201);
    let others =
        json!({ "kind": "block", "match": "country", "value": "UZ", "project": "default" });
    shops.post(PATH, others).await.problem(403, "forbidden");
}

async fn another_replica_blocks_once_it_has_looked(stage: Stage) {
    let (here, there) = (stage.app().await, stage.app().await);
    let number = stage.number();
    let admin = admin(&here).await;
    add(&admin, block("number", &number)).await;
    there.gateway.refresh().await;
    blocked(&there.start(json!({ "phone_number": number })).await);
}
