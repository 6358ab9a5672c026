//! Examples of finance: reports, rates, budgets, balances.

use serde_json::{Value, json};

use super::parts::{JSON, REQUEST, Shown};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

#[rustfmt::skip]
pub(super) fn shown(operation: &str) -> Vec<Shown> {
    match operation {
        "reportCosts" => vec![
            ("200", JSON, vec![("report", "By day and channel", json!({
                "currency": "USD", "from": "2026-11-01", "to": "2026-11-02", "tz": "Asia/Tashkent", "rows": [
                    costs(json!({"day": "2026-11-01", "channel": "telegram"})), costs(json!({"day": "2026-11-02", "channel": "telegram"})),
                ], "total": costs(json!({}))}))]),
        ],
        "exportCostsCsv" => vec![
            ("200", "text/csv", vec![("report", "By day", json!("day,verifications,attempts,delivered,approved,charged,refunded,\
                refunded_expected,net,sms_equivalent,currency\r\n2026-11-01,120,123,118,110,1.23,0.05,0.00,1.18,6.15,USD\r\n\
                total,120,123,118,110,1.23,0.05,0.00,1.18,6.15,USD\r\n"))]),
        ],
        "exportCostsXlsx" | "exportConversionXlsx" => vec![
            ("200", XLSX, vec![("report", "The first bytes of a spreadsheet", json!("PK\u{3}\u{4}"))]),
        ],
        "reportConversion" => vec![
            ("200", JSON, vec![("report", "By country", json!({
                "from": "2026-11-01", "to": "2026-11-02", "tz": "UTC", "rows": [funnel(json!({"country": "UZ"}))],
                "total": funnel(json!({}))}))]),
        ],
        "exportConversionCsv" => vec![
            ("200", "text/csv", vec![("report", "Without groups", json!("requested,sent,delivered,read,approved,sent_p50,sent_p95,\
                delivered_p50,delivered_p95,read_p50,read_p95,approved_p50,approved_p95,checked_by_host\r\n\
                120,119,118,90,110,0.4,0.9,1.2,3.5,4.1,20.4,11.5,42.1\r\n"))]),
        ],
        "listUnsettled" => vec![("200", JSON, vec![("open", "One", json!({"items": [{
            "verification_id": "01a20297-4dc0-7000-9f41-2b7c5e8a1d04", "attempt_id": "01a20297-4dc0-7010-9f41-2b7c5e8a1d04",
            "project": "default", "channel": "telegram", "provider": "telegram", "estimate": {"amount": "0.01", "currency": "USD"},
            "created_at": "2026-11-24T10:00:00Z", "written_off_at": "2026-11-25T10:00:00Z"}]}))])],
        "listExchangeRates" => vec![("200", JSON, vec![("rates", "One", rates())])],
        "putExchangeRates" => vec![
            (REQUEST, JSON, vec![("rates", "One", rates())]),
            ("200", JSON, vec![("rates", "All rates", rates())]),
        ],
        "listRates" => vec![("200", JSON, vec![("card", "One row", card())])],
        "putRates" => vec![
            (REQUEST, JSON, vec![("card", "For the rest of the world", card())]),
            ("200", JSON, vec![("card", "All rows", card())]),
        ],
        "listBudgets" => vec![("200", JSON, vec![("budgets", "A daily budget", budgets())])],
        "putBudgets" => vec![
            (REQUEST, JSON, vec![
                ("own", "With a key of one project", json!({"items": [{"period": "day", "limit": {"amount": "50", "currency": "USD"}}]})),
                ("all", "With a key of the instance", json!({"items": [{"project": "shop", "period": "month",
                    "limit": {"amount": "200", "currency": "USD"}, "country": "UZ", "alert_at": [0.5, 0.8]}]})),
                ("none", "No budget at all", json!({"items": []})),
            ]),
            ("200", JSON, vec![("budgets", "The new budgets", budgets())]),
        ],
        "listBalances" => vec![("200", JSON, vec![("balances", "Telegram reports its own", json!({"items": [
            {"provider": "telegram", "currency": "USD", "computed": "98.77", "reported": "98.76", "reported_at": "2026-11-24T10:00:00Z",
             "drift": "-0.01", "threshold": "5.00", "runway_days": 81.3},
            {"provider": "eskiz", "currency": "USD", "computed": "12.50", "reported": null, "reported_at": null, "drift": null,
             "threshold": null, "runway_days": null}]}))])],
        "topUp" => vec![
            (REQUEST, JSON, vec![("paid", "By card", json!({"amount": "100", "currency": "USD", "note": "invoice 17"}))]),
            ("201", JSON, vec![("booked", "Booked", entry("top_up", "100.00", "invoice 17"))]),
        ],
        "adjustBalance" => vec![
            (REQUEST, JSON, vec![("less", "A correction", json!({"amount": "-0.01", "currency": "USD", "note": "charged twice by the provider"}))]),
            ("201", JSON, vec![("booked", "Booked", entry("adjustment", "-0.01", "charged twice by the provider"))]),
        ],
        _ => Vec::new(),
    }
}

fn entry(kind: &str, amount: &str, note: &str) -> Value {
    json!({"id": "01a20297-4dc0-7000-9f41-2b7c5e8a1d04", "at": "2026-11-24T10:00:00Z", "kind": kind, "basis": "manual",
        "amount": amount, "currency": "USD", "provider": "telegram", "project": null, "verification_id": null, "attempt_id": null,
        "author": "key 01a20297-0000-7000-8f41-2b7c5e8a1d04", "note": note, "country": null})
}

fn card() -> Value {
    json!({"items": [{"from_date": "2026-11-01", "channel": "sms", "provider": "eskiz", "country": "*", "unit": "segment",
        "amount": "0.05", "currency": "USD"}]})
}

fn budgets() -> Value {
    json!({"items": [{"project": "default", "period": "day", "limit": {"amount": "50.00", "currency": "USD"}, "country": null,
        "alert_at": [0.8], "spent": "12.34", "reserved": "0.05", "resets_at": "2026-11-25T00:00:00Z"}]})
}

fn rates() -> Value {
    json!({"items": [{"date": "2026-11-01", "from": "RUB", "to": "USD", "rate": "0.0105"}]})
}

fn costs(groups: Value) -> Value {
    merged(
        groups,
        json!({
            "verifications": 120, "attempts": 123, "delivered": 118, "approved": 110, "charged": "1.23", "refunded": "0.05",
            "refunded_expected": "0.00", "net": "1.18", "sms_equivalent": "6.15"
        }),
    )
}

fn funnel(groups: Value) -> Value {
    merged(
        groups,
        json!({
            "requested": 120, "sent": 119, "delivered": 118, "read": 90, "approved": 110, "sent_p50": 0.4, "sent_p95": 0.9,
            "delivered_p50": 1.2, "delivered_p95": 3.5, "read_p50": 4.1, "read_p95": 20.4, "approved_p50": 11.5,
            "approved_p95": 42.1, "checked_by_host": 0
        }),
    )
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}
