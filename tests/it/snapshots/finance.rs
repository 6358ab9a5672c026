//! Finance's answers: rates, exchange rates, budgets, balances, the ledger and the reports.

use reqwest::Method;
use serde_json::{Value, json};

use super::Transcript;
use crate::on_both_engines;
use crate::stage::{Client, Reply, Stage, TestApp};
use crate::world::{Answer, error};

on_both_engines!(
    answers_about_prices_and_budgets_keep_their_shape,
    answers_about_balances_and_the_ledger_keep_their_shape,
    reports_keep_their_shape,
);

async fn put(client: &Client, path: &str, items: Value) -> Reply {
    let request = client.request(Method::PUT, path);
    client.send(request.json(&json!({ "items": items }))).await
}

async fn instance(app: &TestApp) -> Client {
    app.with_key(&app.stage.new_key(None, "admin").await)
}

async fn answers_about_prices_and_budgets_keep_their_shape(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&app).await;
    let mut said = Transcript::new(&stage);
    let today = stage.clock.now().date_naive();
    let rates = json!([{ "from_date": today, "channel": "sms", "provider": "main", "country": "UZ",
                         "unit": "segment", "amount": "0.0625", "currency": "USD" }]);
    let reply = put(&all, "/v1/rates", rates).await;
    said.answer("PUT /v1/rates", &reply, 200);
    said.answer("GET /v1/rates", &app.get("/v1/rates").await, 200);
    let rates = json!([{ "date": today, "from": "USD", "to": "RUB", "rate": "95.5" }]);
    let reply = put(&all, "/v1/exchange-rates", rates).await;
    said.answer("PUT /v1/exchange-rates", &reply, 200);
    let reply = app.get("/v1/exchange-rates").await;
    said.answer("GET /v1/exchange-rates", &reply, 200);
    let budgets = json!([
        { "project": "default", "period": "day", "limit": { "amount": "1", "currency": "USD" }, "alert_at": [0.5, 0.8] },
        { "project": "default", "period": "hour", "country": "UZ", "limit": { "amount": "20", "currency": "RUB" } },
    ]);
    let reply = put(&all, "/v1/budgets", budgets).await;
    said.answer("PUT /v1/budgets", &reply, 200);
    app.started().await;
    said.answer("GET /v1/budgets", &app.get("/v1/budgets").await, 200);
    said.finish("prices_and_budgets");
}

async fn answers_about_balances_and_the_ledger_keep_their_shape(stage: Stage) {
    let app = stage.app().await;
    let all = instance(&app).await;
    let mut said = Transcript::new(&stage);
    for (path, amount) in [("top-ups", "100"), ("adjustments", "-0.5")] {
        let path = format!("/v1/balances/telegram/{path}");
        let body = json!({ "amount": amount, "currency": "USD", "note": "invoice 17" });
        said.answer(&format!("POST {path}"), &all.post(&path, body).await, 201);
        stage.advance(1);
    }
    stage.telegram.next_sends([Answer::Hang]);
    app.started().await;
    said.answer("GET /v1/balances", &all.get("/v1/balances").await, 200);
    let reply = app.get("/v1/ledger/unsettled").await;
    said.answer("GET /v1/ledger/unsettled", &reply, 200);
    said.answer("GET /v1/ledger", &all.get("/v1/ledger").await, 200);
    let reply = all.get("/v1/ledger?format=csv").await;
    said.answer("GET /v1/ledger?format=csv", &reply, 200);
    said.finish("balances_and_ledger");
}

async fn reports_keep_their_shape(stage: Stage) {
    let app = stage.app().await;
    let mut said = Transcript::new(&stage);
    let v = app.started().await;
    stage.advance(1);
    let report = stage.telegram.status("delivered");
    app.telegram_reports(&report).await.expect(200);
    stage.advance(3);
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    app.settle(&v["id"]).await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app.started().await;
    app.settle(&v["id"]).await;
    let day = stage.clock.now().date_naive();
    for name in ["costs", "conversion"] {
        for query in ["group_by=day,channel,country", "format=csv"] {
            let path = format!("/v1/reports/{name}?from={day}&to={day}&{query}");
            said.answer(&format!("GET {path}"), &app.get(&path).await, 200);
        }
    }
    said.finish("reports");
}
