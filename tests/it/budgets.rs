//! Budgets: nothing is sent over budget, even under concurrency, and refunds release budget.

use serde_json::{Value, json};

use crate::stage::{Client, Stage, TestApp, word};
use crate::webhooks::{OPEN, admin, receiver, register, types};
use crate::world::error;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_message_over_budget_is_not_sent_and_answered_with_402,
    a_cheaper_channel_within_budget_is_used_instead,
    a_fallback_over_budget_is_skipped,
    refusals_and_refunds_release_budget,
    parallel_creates_never_exceed_the_limit,
    a_budget_can_apply_to_one_country,
    a_limit_in_another_currency_is_converted_or_refused,
    a_new_budget_counts_earlier_spending_of_its_period,
    a_restored_budget_counts_spending_while_it_was_absent,
    raising_a_limit_re_arms_its_alerts,
    an_instance_key_replaces_the_budgets_of_all_projects_together,
    each_alert_level_is_announced_once,
    rates_override_configured_prices,
    rates_are_saved_all_or_none,
    invalid_budgets_name_the_field,
);

on_postgres!(a_thousand_parallel_creates_on_two_replicas_never_exceed_the_limit,);

/// Sets a daily limit in USD.
async fn limited(app: &TestApp, limit: &str) {
    put(
        app,
        json!([{ "period": "day", "limit": { "amount": limit, "currency": "USD" } }]),
    )
    .await;
}

async fn put(app: &TestApp, items: Value) {
    let admin = admin(app).await;
    send(&admin, "/v1/budgets", &items, 200).await;
}

async fn send(client: &Client, path: &str, items: &Value, status: u16) -> Value {
    let request = client.request(reqwest::Method::PUT, path);
    client
        .send(request.json(&json!({ "items": items })))
        .await
        .expect(status)
}

/// Amounts spent and reserved in the only budget.
async fn used(client: &Client) -> [String; 2] {
    let budgets = client.get("/v1/budgets").await.expect(200);
    ["spent", "reserved"].map(|field| word(&budgets["items"][0][field]).to_owned())
}

async fn a_message_over_budget_is_not_sent_and_answered_with_402(stage: Stage) {
    let app = stage.app().await;
    limited(&app, "0.025").await;
    let first = app.started().await;
    app.started().await;
    assert_eq!(used(&app).await, ["0.02", "0.00"]);
    let sent = stage.telegram.sends().len();
    let number = stage.number();
    let problem = app
        .start(json!({ "phone_number": number }))
        .await
        .expect(402);
    assert_eq!(problem["code"], "budget_exhausted");
    assert_eq!(stage.telegram.sends().len(), sent);
    let kept = app
        .request(reqwest::Method::GET, "/v1/verifications")
        .query(&[("phone_number", &number)]);
    assert_eq!(
        app.send(kept).await.expect(200)["items"],
        json!([]),
        "no verification is stored"
    );
    // A pending verification is still reused, but its resend is refused too.
    let again = app
        .start(json!({ "phone_number": first["phone_number"] }))
        .await
        .expect(200);
    assert_eq!(again["id"], first["id"]);
    stage.advance(30);
    let problem = app
        .resend(&first["id"], json!({ "channel": "sms" }))
        .await
        .expect(402);
    assert_eq!(problem["code"], "budget_exhausted");
    assert_eq!(
        app.find(&first["id"]).await["sends_left"],
        first["sends_left"]
    );
    // The next day has a new budget.
    stage.advance(86_400);
    app.started().await;
    assert_eq!(used(&app).await, ["0.01", "0.00"]);
}

async fn a_cheaper_channel_within_budget_is_used_instead(stage: Stage) {
    let app = stage
        .app_with(&[(
            "DEFAULTS__ROUTE",
            r#"[{"channel":"sms","wait":"60s"},{"channel":"telegram","wait":"15s"}]"#,
        )])
        .await;
    limited(&app, "0.06").await;
    let dear = app.started().await;
    assert_eq!(dear["channel"], "sms");
    let cheap = app.started().await;
    assert_eq!(cheap["channel"], "telegram");
    assert_eq!(cheap["attempts"][0]["reason"], "budget_exhausted");
    assert_eq!(cheap["attempts"][0]["cost"]["state"], "free");
}

async fn a_fallback_over_budget_is_skipped(stage: Stage) {
    let app = stage.app().await;
    limited(&app, "0.04").await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app.started().await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        (&v["status"], &v["attempts"][1]["reason"]),
        (&json!("failed"), &json!("budget_exhausted"))
    );
    assert_eq!(used(&app).await, ["0.00", "0.00"]);
}

async fn refusals_and_refunds_release_budget(stage: Stage) {
    let app = stage.app().await;
    limited(&app, "0.01").await;
    app.started().await;
    app.start(json!({ "phone_number": stage.number() }))
        .await
        .expect(402);
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    assert_eq!(used(&app).await, ["0.00", "0.00"]);
    app.started().await;
    assert_eq!(used(&app).await, ["0.01", "0.00"]);
}

/// Long waits, so that nothing falls back to the dearer SMS, however slow the machine.
const RACE: [(&str, &str); 3] = [
    ("DEFAULTS__LIMITS__CREATES", "off"),
    (
        "DEFAULTS__ROUTE",
        r#"[{"channel":"telegram","wait":"15s"}]"#,
    ),
    ("TELEGRAM__TIMEOUT", "1m"),
];

async fn race(stage: &Stage, apps: &[TestApp], creates: usize) -> (usize, usize) {
    // So many at a time that few wait longer than a caller may, also in a debug build on a busy machine; those ask again.
    let turns = std::sync::Arc::new(tokio::sync::Semaphore::new(64));
    let mut tasks = tokio::task::JoinSet::new();
    for place in 0..creates {
        let (client, number) = (apps[place % apps.len()].client.clone(), stage.number());
        let turns = std::sync::Arc::clone(&turns);
        tasks.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let body = json!({ "phone_number": number, "wait": 0 });
            let key = format!("create-{place}");
            for _ in 0..50 {
                let reply = client.post_once("/v1/verifications", &key, body.clone());
                match reply.await.status {
                    409 | 503 => tokio::task::yield_now().await,
                    status => return status,
                }
            }
            503
        });
    }
    let statuses = tasks.join_all().await;
    let of = |status: u16| statuses.iter().filter(|other| **other == status).count();
    assert_eq!(of(201) + of(402), creates, "{statuses:?}");
    (of(201), of(402))
}

async fn parallel_creates_never_exceed_the_limit(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__LIMITS__CREATES", "off")])
        .await;
    limited(&app, "0.1").await;
    let (made, refused) = race(&stage, std::slice::from_ref(&app), 60).await;
    assert_eq!((made, refused), (10, 50));
    let [spent, reserved] = used(&app)
        .await
        .map(|amount| amount.parse::<f64>().unwrap());
    assert!(spent + reserved < 0.1001, "{spent} {reserved}");
}

async fn a_thousand_parallel_creates_on_two_replicas_never_exceed_the_limit(stage: Stage) {
    let apps = [stage.app_with(&RACE).await, stage.app_with(&RACE).await];
    limited(&apps[0], "5").await;
    apps[1].gateway.refresh().await;
    let (made, _) = race(&stage, &apps, 1_000).await;
    assert_eq!(made, 500);
    let [spent, reserved] = used(&apps[0])
        .await
        .map(|amount| amount.parse::<f64>().unwrap());
    assert!(spent + reserved < 5.000_1, "{spent} {reserved}");
}

async fn a_budget_can_apply_to_one_country(stage: Stage) {
    let app = stage.app().await;
    let limit = |amount: &str| json!({ "amount": amount, "currency": "USD" });
    put(
        &app,
        json!([
            { "period": "month", "limit": limit("0.01"), "country": "UZ" },
            { "period": "month", "limit": limit("0.02"), "alert_at": [] },
        ]),
    )
    .await;
    app.started().await;
    app.start(json!({ "phone_number": stage.number() }))
        .await
        .expect(402);
    app.start(json!({ "phone_number": "+79161234567" }))
        .await
        .expect(201);
    app.start(json!({ "phone_number": "+79161234568" }))
        .await
        .expect(402);
}

async fn a_limit_in_another_currency_is_converted_or_refused(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let items = json!([{ "project": "default", "period": "hour", "limit": { "amount": "2", "currency": "RUB" } }]);
    let problem = send(&admin, "/v1/budgets", &items, 422).await;
    assert_eq!(problem["code"], "exchange_rate_missing");
    assert_eq!(problem["errors"][0]["pointer"], "/items/0/limit/currency");
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let today = stage.clock.now().date_naive();
    let rate = json!([{ "date": today, "from": "USD", "to": "RUB", "rate": "100" }]);
    send(&all, "/v1/exchange-rates", &rate, 200).await;
    send(&admin, "/v1/budgets", &items, 200).await;
    app.started().await;
    app.started().await;
    assert_eq!(used(&app).await, ["2.00", "0.00"]);
    app.start(json!({ "phone_number": stage.number() }))
        .await
        .expect(402);
}

async fn a_new_budget_counts_earlier_spending_of_its_period(stage: Stage) {
    let app = stage.app().await;
    put(&app, json!([])).await;
    assert_eq!(app.get("/v1/budgets").await.expect(200)["items"], json!([]));
    app.started().await;
    app.started().await;
    limited(&app, "0.03").await;
    assert_eq!(used(&app).await, ["0.02", "0.00"]);
    app.started().await;
    app.start(json!({ "phone_number": stage.number() }))
        .await
        .expect(402);
}

async fn a_restored_budget_counts_spending_while_it_was_absent(stage: Stage) {
    let app = stage.app().await;
    limited(&app, "0.03").await;
    app.started().await;
    put(&app, json!([])).await;
    app.started().await;
    app.started().await;
    limited(&app, "0.03").await;
    assert_eq!(used(&app).await, ["0.03", "0.00"]);
    // Now with a budget in the project's policy.
    put(&app, json!([])).await;
    app.started().await;
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let policy = json!({ "budget": [{ "period": "day", "limit": { "amount": "0.05", "currency": "USD" } }] });
    let path = "/v1/projects/default";
    let patch = |policy: Value| {
        let request = admin.request(reqwest::Method::PATCH, path);
        admin.send(request.json(&json!({ "policy": policy })))
    };
    patch(policy).await.expect(200);
    assert_eq!(used(&app).await, ["0.04", "0.00"]);
    // A limit without an exchange rate would block every send, so it is refused.
    let policy =
        json!({ "budget": [{ "period": "day", "limit": { "amount": "5", "currency": "EUR" } }] });
    let refused = patch(policy).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("no exchange rate from USD to EUR"));
    assert_eq!(used(&app).await, ["0.04", "0.00"]);
}

async fn raising_a_limit_re_arms_its_alerts(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    register(&admin, &receiver, &["budget.reached"]).await;
    limited(&app, "0.01").await;
    app.started().await;
    assert_eq!(app.gateway.finance().watch_budgets().await.unwrap(), 1);
    limited(&app, "0.1").await;
    assert_eq!(app.gateway.finance().watch_budgets().await.unwrap(), 0);
    for _ in 0..7 {
        app.started().await;
    }
    assert_eq!(
        app.gateway.finance().watch_budgets().await.unwrap(),
        1,
        "80 % of the new limit"
    );
    assert_eq!(app.gateway.finance().watch_budgets().await.unwrap(), 0);
}

async fn an_instance_key_replaces_the_budgets_of_all_projects_together(stage: Stage) {
    let app = stage.app().await;
    stage.project("shop").await;
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let before = all.get("/v1/budgets").await.expect(200);
    assert_eq!(
        before["items"].as_array().unwrap().len(),
        2,
        "each project follows the default"
    );
    let items = json!([{ "project": "shop", "period": "hour", "limit": { "amount": "7.5", "currency": "USD" }, "alert_at": [1, 0.5] }]);
    let after = send(&all, "/v1/budgets", &items, 200).await;
    let [budget] = after["items"].as_array().unwrap().as_slice() else {
        panic!("{after}")
    };
    assert_eq!(
        (
            &budget["project"],
            &budget["period"],
            &budget["limit"]["amount"],
            &budget["alert_at"]
        ),
        (
            &json!("shop"),
            &json!("hour"),
            &json!("7.50"),
            &json!([0.5, 1.0])
        )
    );
    let now = stage.clock.now();
    let resets: chrono::DateTime<chrono::Utc> = word(&budget["resets_at"]).parse().unwrap();
    assert!(
        resets > now && resets - now <= chrono::TimeDelta::hours(1),
        "{resets}"
    );
    // A project's key replaces only that project's budgets.
    let own = app.with_key(&stage.new_key(Some("default"), "admin").await);
    let items = json!([{ "period": "day", "limit": { "amount": "1", "currency": "USD" } }]);
    send(&own, "/v1/budgets", &items, 200).await;
    let both = all.get("/v1/budgets").await.expect(200);
    assert_eq!(both["items"].as_array().unwrap().len(), 2);
}

async fn each_alert_level_is_announced_once(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    register(&admin, &receiver, &["budget.reached"]).await;
    let limit = json!({ "amount": "0.04", "currency": "USD" });
    put(
        &app,
        json!([{ "period": "day", "limit": limit, "alert_at": [0.5, 1] }]),
    )
    .await;
    let mut counts = Vec::new();
    for _ in 0..4 {
        app.started().await;
        assert!(app.gateway.finance().watch_budgets().await.unwrap() <= 1);
        assert_eq!(
            app.gateway.finance().watch_budgets().await.unwrap(),
            0,
            "once"
        );
        app.gateway.notices().deliver_due_webhooks().await.unwrap();
        counts.push(types(&receiver).len());
    }
    assert_eq!(counts, [0, 1, 1, 2]);
    let data = receiver.seen()[0].json()["data"].clone();
    assert_eq!(
        (
            &data["project"],
            &data["share"],
            &data["spent"],
            &data["limit"]["amount"]
        ),
        (
            &json!("default"),
            &json!(0.5),
            &json!("0.02"),
            &json!("0.04")
        )
    );
}

async fn rates_override_configured_prices(stage: Stage) {
    let app = stage.app().await;
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let today = stage.clock.now().date_naive();
    let row = |from: chrono::NaiveDate, country: &str, amount: &str| {
        json!({ "from_date": from, "channel": "sms", "provider": "main", "country": country, "unit": "segment",
                "amount": amount, "currency": "USD" })
    };
    let sms = async || {
        let v = app
            .start(json!({ "phone_number": stage.number(), "channels": ["sms"] }))
            .await
            .expect(201);
        word(&v["attempts"][0]["cost"]["amount"]).to_owned()
    };
    assert_eq!(sms().await, "0.05");
    send(&all, "/v1/rates", &json!([row(today, "*", "0.99")]), 200).await;
    assert_eq!(
        sms().await,
        "0.05",
        "a configured price for the country overrides a rate for all others"
    );
    let tomorrow = today.succ_opt().unwrap();
    let listed = send(
        &all,
        "/v1/rates",
        &json!([row(today, "UZ", "0.07"), row(tomorrow, "UZ", "0.0625")]),
        200,
    )
    .await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert_eq!(sms().await, "0.07");
    stage.advance(86_400);
    assert_eq!(sms().await, "0.0625");
    assert_eq!(
        app.get("/v1/rates").await.expect(200)["items"][1],
        row(tomorrow, "UZ", "0.0625")
    );
}

async fn rates_are_saved_all_or_none(stage: Stage) {
    let mut only_uz = Stage::sms_provider("local", &stage.backup);
    only_uz["prices"] = json!({ "UZ": "0.05" });
    let providers = json!([Stage::sms_provider("main", &stage.sms), only_uz]).to_string();
    let app = stage.app_with(&[("SMS__PROVIDERS", &providers)]).await;
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let today = stage.clock.now().date_naive();
    let good = json!({ "from_date": today, "channel": "sms", "provider": "main", "country": "UZ", "unit": "segment",
                       "amount": "0.07", "currency": "USD" });
    let tomorrow = today.succ_opt().unwrap();
    for (change, field, says) in [
        (json!({ "provider": "nobody" }), "provider", "configured"),
        (
            json!({ "channel": "telegram", "country": "KZ" }),
            "channel",
            "sms",
        ),
        (
            json!({ "currency": "EUR", "country": "KZ" }),
            "currency",
            "USD",
        ),
        (json!({ "amount": "0.0000001" }), "amount", "decimals"),
        (json!({ "amount": "-1" }), "amount", "below"),
        (json!({ "amount": 5 }), "amount", "quotes"),
        (json!({ "unit": "byte" }), "unit", "segment"),
        (json!({ "country": "XX1" }), "country", ""),
        (json!({ "from_date": "tomorrow" }), "from_date", "date"),
        (
            json!({ "provider": "local", "country": "KZ", "from_date": tomorrow }),
            "from_date",
            "without a price",
        ),
        (json!({}), "from_date", "twice"),
    ] {
        let mut row = good.clone();
        row.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let problem = send(&all, "/v1/rates", &json!([good, row]), 400).await;
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], format!("/items/1/{field}"), "{problem}");
        assert!(word(&error["detail"]).contains(says), "{problem}");
    }
    assert_eq!(all.get("/v1/rates").await.expect(200)["items"], json!([]));
}

async fn invalid_budgets_name_the_field(stage: Stage) {
    let app = stage.app().await;
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let usd = |amount: &str| json!({ "amount": amount, "currency": "USD" });
    for (item, pointer) in [
        (
            json!({ "period": "day", "limit": usd("1") }),
            "/items/0/project",
        ),
        (
            json!({ "project": "nobody", "period": "day", "limit": usd("1") }),
            "/items/0/project",
        ),
        (
            json!({ "project": "default", "period": "week", "limit": usd("1") }),
            "/items/0/period",
        ),
        (
            json!({ "project": "default", "period": "day" }),
            "/items/0/limit",
        ),
        (
            json!({ "project": "default", "period": "day", "limit": usd("0") }),
            "/items/0/limit/amount",
        ),
        (
            json!({ "project": "default", "period": "day", "limit": usd("1.0000001") }),
            "/items/0/limit/amount",
        ),
        (
            json!({ "project": "default", "period": "day", "limit": usd("1"), "country": "Uzbekistan" }),
            "/items/0/country",
        ),
        (
            json!({ "project": "default", "period": "day", "limit": usd("1"), "alert_at": [80] }),
            "/items/0/alert_at",
        ),
        (
            json!({ "project": "default", "period": "day", "limit": usd("1"), "cap": 1 }),
            "/items/0/cap",
        ),
    ] {
        let problem = send(&all, "/v1/budgets", &json!([item]), 400).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let twice = json!({ "project": "default", "period": "day", "limit": usd("1") });
    let problem = send(&all, "/v1/budgets", &json!([twice, twice]), 400).await;
    assert_eq!(problem["errors"][0]["pointer"], "/items/1/period");
    let reader = app.with_key(&stage.new_key(None, "finance").await);
    send(&reader, "/v1/budgets", &json!([]), 403).await;
}
