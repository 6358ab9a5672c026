//! Provider accounts: computed and reported balances, the drift between them, and low-balance alerts.

use pinroute::gateway::{Begun, By, NewEntry};
use pinroute::ledger::entry::Kind;
use pinroute::money::{Currency, Micros, Money};
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Client, Stage, word};
use crate::webhooks::{OPEN, admin, receiver, register, types};

on_both_engines!(
    a_balance_is_top_ups_minus_charges,
    a_balance_reported_by_the_provider_shows_the_drift,
    the_runway_is_computed_from_the_last_week,
    a_top_up_is_booked_once_per_idempotency_key,
    a_booked_time_is_the_same_in_every_list_and_page,
    an_amount_that_would_overflow_the_account_is_refused,
    accounts_are_listed_if_they_have_entries,
    invalid_entries_name_the_field_and_book_nothing,
    a_low_balance_is_announced_once_until_it_has_risen,
    estimated_charges_are_listed_until_they_are_settled,
    a_request_whose_idempotency_claim_lapsed_books_nothing,
);

async fn instance(stage: &Stage, app: &Client) -> Client {
    app.with_key(&stage.new_key(None, "admin").await)
}

async fn of(client: &Client, provider: &str) -> Value {
    let balances = client.get("/v1/balances").await.expect(200);
    let items = balances["items"].as_array().unwrap();
    items
        .iter()
        .find(|item| item["provider"] == provider)
        .unwrap()
        .clone()
}

fn usd(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD", "note": "invoice 17" })
}

async fn a_balance_is_top_ups_minus_charges(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&stage, &app).await;
    let entry = all
        .post("/v1/balances/telegram/top-ups", usd("99"))
        .await
        .expect(201);
    assert_eq!(
        (
            &entry["kind"],
            &entry["basis"],
            &entry["amount"],
            &entry["note"]
        ),
        (
            &json!("top_up"),
            &json!("manual"),
            &json!("99.00"),
            &json!("invoice 17")
        )
    );
    assert!(word(&entry["author"]).starts_with("key "));
    let named = json!({ "name": "Bookkeeping", "project": "*", "scopes": ["admin"] });
    let named = all.post("/v1/keys", named).await.expect(201);
    let second = app
        .with_key(word(&named["key"]))
        .post(
            "/v1/balances/telegram/top-ups",
            json!({ "amount": "1", "currency": "USD" }),
        )
        .await
        .expect(201);
    let author = format!("key Bookkeeping ({})", word(&named["id"]));
    assert_eq!(second["author"], author);
    app.started().await;
    app.started().await;
    assert_eq!(of(&all, "telegram").await["computed"], "99.98");
    all.post("/v1/balances/telegram/adjustments", usd("-0.005"))
        .await
        .expect(201);
    assert_eq!(of(&all, "telegram").await["computed"], "99.975");
    while app.gateway.finance().sum_tallies().await.unwrap() {}
    assert_eq!(of(&all, "telegram").await["computed"], "99.975");
    assert_eq!(of(&all, "main").await["computed"], "0.00");
    // Compute it from the ledger too.
    let ledger = all.get("/v1/ledger?provider=telegram").await.expect(200);
    let amounts = ledger["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| word(&entry["amount"]).parse::<f64>().unwrap());
    assert!((amounts.sum::<f64>() - 99.975).abs() < 1e-9);
    // Money without a project does not count as a project's spending.
    let costs = all.get("/v1/reports/costs").await.expect(200);
    assert_eq!(costs["total"]["net"], "0.02");
}

async fn a_balance_reported_by_the_provider_shows_the_drift(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&stage, &app).await;
    all.post("/v1/balances/telegram/top-ups", usd("50"))
        .await
        .expect(201);
    assert_eq!(of(&all, "telegram").await["drift"], Value::Null);
    let said = |left: Value| {
        let mut answer = json!({ "ok": true, "result": { "request_id": "77", "phone_number": "1", "request_cost": 0.01, "delivery_status": { "status": "sent", "updated_at": 1 } } });
        answer["result"]["remaining_balance"] = left;
        crate::world::Answer::Json(200, answer)
    };
    stage.telegram.next_sends([said(json!(49.5))]);
    app.started().await;
    app.gateway.finance().watch_balances().await.unwrap();
    let balance = of(&all, "telegram").await;
    assert_eq!(
        (
            &balance["computed"],
            &balance["reported"],
            &balance["drift"]
        ),
        (&json!("49.99"), &json!("49.50"), &json!("-0.49"))
    );
    assert!(balance["reported_at"].is_string());
    // Zero after a charge cannot be true, because the send would have failed.
    stage.advance(5);
    stage.telegram.next_sends([said(json!(0))]);
    app.started().await;
    app.gateway.finance().watch_balances().await.unwrap();
    assert_eq!(of(&all, "telegram").await["reported"], "49.50");
}

async fn the_runway_is_computed_from_the_last_week(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&stage, &app).await;
    all.post("/v1/balances/telegram/top-ups", usd("0.08"))
        .await
        .expect(201);
    app.started().await;
    assert_eq!(
        of(&all, "telegram").await["runway_days"],
        Value::Null,
        "today is not counted until it is over"
    );
    stage.advance(86_400);
    // 0.07 is left, and 0.01 was spent in a week.
    assert_eq!(of(&all, "telegram").await["runway_days"], 49.0);
}

async fn a_top_up_is_booked_once_per_idempotency_key(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&stage, &app).await;
    let path = "/v1/balances/telegram/top-ups";
    let first = all.post_once(path, "k1", usd("10")).await.expect(201);
    let again = all.post_once(path, "k1", usd("10")).await.expect(201);
    assert_eq!(first, again);
    assert_eq!(of(&all, "telegram").await["computed"], "10.00");
    all.post_once(path, "k1", usd("11")).await.expect(422);
}

async fn a_booked_time_is_the_same_in_every_list_and_page(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&stage, &app).await;
    for at in [
        "2026-06-30T23:59:60Z",
        "2026-07-02T00:00:00.123456100Z",
        "2026-07-02T00:00:00.123456500Z",
        "2026-07-02T00:00:00.123456900Z",
    ] {
        let body = json!({ "amount": "1", "currency": "USD", "at": at });
        let created = all.post("/v1/balances/telegram/top-ups", body).await;
        let created = created.expect(201);
        let kept = all.get("/v1/ledger?limit=200").await.expect(200);
        let kept = kept["items"].as_array().unwrap();
        assert!(
            kept.iter().any(|entry| entry["at"] == created["at"]),
            "{created}"
        );
    }
    let (mut pages, mut seen) = (0, std::collections::BTreeSet::new());
    let mut path = "/v1/ledger?limit=1".to_owned();
    loop {
        let page = all.get(&path).await.expect(200);
        for entry in page["items"].as_array().unwrap() {
            seen.insert(word(&entry["id"]).to_owned());
        }
        pages += 1;
        assert!(pages < 10, "too many pages");
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/ledger?limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 4);
    for to in ["9999-12-31", "9999-12-31T23:59:59-05:00"] {
        let page = all.get(&format!("/v1/ledger?to={to}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 4, "{to}");
    }
}

async fn an_amount_that_would_overflow_the_account_is_refused(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&stage, &app).await;
    let book = async |kind: &str, amount: &str| {
        let path = format!("/v1/balances/telegram/{kind}");
        all.post(&path, usd(amount)).await
    };
    for _ in 0..100 {
        book("top-ups", "10000000000").await.expect(201);
    }
    let problem = book("top-ups", "0.000001").await;
    let problem = problem.problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], "/amount");
    assert_eq!(of(&all, "telegram").await["computed"], "1000000000000.00");
    book("adjustments", "-10000000000").await.expect(201);
    book("top-ups", "0.000001").await.expect(201);
    assert_eq!(
        of(&all, "telegram").await["computed"],
        "990000000000.000001"
    );
}

async fn accounts_are_listed_if_they_have_entries(stage: Stage) {
    // The SMS-only comparison uses the cheapest provider's price, here in another currency than the sending account's.
    let mut cheap = Stage::sms_provider("cheap", &stage.backup);
    cheap["prices"] = json!({ "*": "2" });
    cheap["currency"] = json!("RUB");
    let providers = json!([Stage::sms_provider("main", &stage.sms), cheap]).to_string();
    let route = r#"[{"channel":"sms","wait":"60s"}]"#;
    let settings = [
        ("DEFAULTS__ROUTE", route),
        ("SMS__PROVIDERS", providers.as_str()),
    ];
    let app = stage.app_with(&settings).await;
    let all = instance(&stage, &app).await;
    let today = stage.clock.now().date_naive();
    let rate = json!({ "date": today, "from": "RUB", "to": "USD", "rate": "0.01" });
    let put = all.request(reqwest::Method::PUT, "/v1/exchange-rates");
    let put = app.send(put.json(&json!({ "items": [rate] }))).await;
    put.expect(200);
    app.started().await;
    let costs = all.get("/v1/reports/costs").await.expect(200);
    assert_eq!(costs["total"]["sms_equivalent"], "0.02");
    let balances = all.get("/v1/balances").await.expect(200);
    let listed: Vec<(&str, &str)> = balances["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (word(&item["provider"]), word(&item["currency"])))
        .collect();
    assert_eq!(
        listed,
        [("telegram", "USD"), ("main", "USD"), ("cheap", "RUB")]
    );
}

async fn invalid_entries_name_the_field_and_book_nothing(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&stage, &app).await;
    let tomorrow = (stage.clock.now() + chrono::TimeDelta::days(1)).date_naive();
    for (path, body, pointer) in [
        (
            "top-ups",
            json!({ "amount": "1", "currency": "EUR" }),
            "/currency",
        ),
        (
            "top-ups",
            json!({ "amount": "1.0000001", "currency": "USD" }),
            "/amount",
        ),
        (
            "top-ups",
            json!({ "amount": "-1", "currency": "USD" }),
            "/amount",
        ),
        (
            "top-ups",
            json!({ "amount": 1, "currency": "USD" }),
            "/amount",
        ),
        ("top-ups", json!({ "currency": "USD" }), "/amount"),
        (
            "top-ups",
            json!({ "amount": "1", "currency": "USD", "at": tomorrow }),
            "/at",
        ),
        (
            "top-ups",
            json!({ "amount": "1", "currency": "USD", "at": "noon" }),
            "/at",
        ),
        (
            "adjustments",
            json!({ "amount": "1", "currency": "USD" }),
            "/note",
        ),
        (
            "adjustments",
            json!({ "amount": "1", "currency": "USD", "note": "  " }),
            "/note",
        ),
        (
            "top-ups",
            json!({ "amount": "1", "currency": "USD", "note": "ж".repeat(501) }),
            "/note",
        ),
        (
            "top-ups",
            json!({ "amount": "1", "currency": "USD", "at": "1969-12-31" }),
            "/at",
        ),
        (
            "top-ups",
            json!({ "amount": "1", "currency": "USD", "at": "0001-01-01T00:00:00+14:00" }),
            "/at",
        ),
        (
            "adjustments",
            json!({ "amount": "0", "currency": "USD", "note": "x" }),
            "/amount",
        ),
    ] {
        let problem = all
            .post(&format!("/v1/balances/telegram/{path}"), body)
            .await
            .expect(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    all.post("/v1/balances/nobody/top-ups", usd("1"))
        .await
        .expect(404);
    let own = app.with_key(&stage.new_key(Some("default"), "admin").await);
    own.post("/v1/balances/telegram/top-ups", usd("1"))
        .await
        .expect(403);
    assert_eq!(all.get("/v1/ledger").await.expect(200)["items"], json!([]));
}

async fn a_low_balance_is_announced_once_until_it_has_risen(stage: Stage) {
    let app = stage
        .app_with(&[OPEN, ("TELEGRAM__BALANCE_THRESHOLD", "5")])
        .await;
    let all = instance(&stage, &app).await;
    let (project, receiver) = (admin(&app).await, receiver().await);
    register(&project, &receiver, &["balance.low"]).await;
    assert_eq!(
        app.gateway.finance().watch_balances().await.unwrap(),
        0,
        "no top-up has been booked yet"
    );
    all.post("/v1/balances/telegram/top-ups", usd("5"))
        .await
        .expect(201);
    assert_eq!(app.gateway.finance().watch_balances().await.unwrap(), 0);
    app.started().await;
    assert_eq!(app.gateway.finance().watch_balances().await.unwrap(), 1);
    assert_eq!(
        app.gateway.finance().watch_balances().await.unwrap(),
        0,
        "once"
    );
    all.post("/v1/balances/telegram/top-ups", usd("1"))
        .await
        .expect(201);
    assert_eq!(app.gateway.finance().watch_balances().await.unwrap(), 0);
    all.post("/v1/balances/telegram/adjustments", usd("-1"))
        .await
        .expect(201);
    assert_eq!(
        app.gateway.finance().watch_balances().await.unwrap(),
        1,
        "low again"
    );
    all.post("/v1/balances/telegram/adjustments", usd("-10"))
        .await
        .expect(201);
    assert_eq!(
        app.gateway.finance().watch_balances().await.unwrap(),
        0,
        "already announced as low"
    );
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    assert_eq!(types(&receiver), ["balance.low", "balance.low"]);
    let data = receiver.seen()[0].json()["data"].clone();
    assert_eq!(
        (&data["provider"], &data["balance"], &data["threshold"]),
        (&json!("telegram"), &json!("4.99"), &json!("5.00"))
    );
}

async fn a_request_whose_idempotency_claim_lapsed_books_nothing(stage: Stage) {
    let app = stage.app().await;
    let (path, key) = ("/v1/balances/telegram/top-ups", "once");
    let begun = app
        .gateway
        .idempotency()
        .begin(None, path, key, b"the body")
        .await;
    let Ok(Begun::Fresh(ticket)) = begun else {
        panic!("{begun:?}")
    };
    // The request took too long, so its key was released.
    app.gateway.release(ticket.clone()).await;
    let top_up = NewEntry {
        provider: "telegram".to_owned(),
        kind: Kind::TopUp,
        money: Money::new(Micros(5_000_000), Currency::USD),
        note: None,
        author: "a test".to_owned(),
        at: None,
    };
    let late = app
        .gateway
        .finance()
        .book(top_up.clone(), &By::command_line(None), Some(ticket))
        .await;
    assert!(late.is_err());
    let begun = app
        .gateway
        .idempotency()
        .begin(None, path, key, b"the body")
        .await;
    let Ok(Begun::Fresh(ticket)) = begun else {
        panic!("{begun:?}")
    };
    app.gateway
        .finance()
        .book(top_up, &By::command_line(None), Some(ticket))
        .await
        .unwrap();
    let all = instance(&stage, &app).await;
    assert_eq!(of(&all, "telegram").await["computed"], "5.00");
}

async fn estimated_charges_are_listed_until_they_are_settled(stage: Stage) {
    let app = stage.app().await;
    stage.telegram.next_sends([crate::world::Answer::Hang]);
    let v = app.started().await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["attempts"][0]["status"], "unknown");
    let listed = app.get("/v1/ledger/unsettled").await.expect(200);
    let [open] = listed["items"].as_array().unwrap().as_slice() else {
        panic!("{listed}")
    };
    assert_eq!(
        (
            &open["attempt_id"],
            &open["verification_id"],
            &open["provider"],
            &open["estimate"]["amount"]
        ),
        (
            &v["attempts"][0]["id"],
            &v["id"],
            &json!("telegram"),
            &json!("0.01")
        )
    );
    let other = app.with_key(&stage.new_key(Some("other"), "finance").await);
    assert_eq!(
        other.get("/v1/ledger/unsettled").await.expect(200)["items"],
        json!([])
    );
    app.later(&v["id"], 86_400).await;
    assert_eq!(
        app.get("/v1/ledger/unsettled").await.expect(200)["items"],
        json!([])
    );
    assert_eq!(app.ledger(&v["id"]).await[0].1, "estimated");
}
