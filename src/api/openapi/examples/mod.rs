//! The examples of the document: requests and successful answers. A test checks them against the document's own schemas.
//!
//! A new operation's examples are a row of the part that its tag belongs to.

mod finance;
mod guard;
mod integrations;
mod parts;
mod projects;
mod subjects;
mod webhooks;

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, RefOr};

use self::parts::{JSON, REQUEST, Shown, VERIFICATION, page, with};
use crate::api::openapi::conventions::operations;
use crate::reports::entries::COLUMNS;

const BY_TELEGRAM: &str = "01a20297-4dc0-7010-9f41-2b7c5e8a1d04";
const BY_SMS: &str = "01a20297-4dc0-7020-9f41-2b7c5e8a1d04";

/// The proof of an approval: header, claims, signature.
const PROOF: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6IkJfUW5aSlEtZVUifQ.eyJzdWIiOiIrOTk4OTAxMjM0NTY3In0.c2lnbmF0dXJl";

/// Adds the examples to requests and answers.
pub struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut OpenApi) {
        for operation in operations(document) {
            let id = operation.operation_id.clone().unwrap_or_default();
            for (place, media_type, examples) in shown(&id) {
                let Some(RefOr::T(content)) = content(operation, place, media_type) else {
                    continue;
                };
                for (name, summary, value) in examples {
                    let example = ExampleBuilder::new().summary(summary).value(Some(value));
                    content
                        .examples
                        .insert(name.to_owned(), example.build().into());
                }
            }
        }
    }
}

fn content<'a>(
    operation: &'a mut Operation,
    place: &str,
    media_type: &str,
) -> Option<&'a mut RefOr<Content>> {
    if place == REQUEST {
        return match operation.request_body.as_mut()? {
            RefOr::T(body) => body.content.get_mut(media_type),
            RefOr::Ref(_) => None,
        };
    }
    match operation.responses.responses.get_mut(place)? {
        RefOr::T(response) => response.content.get_mut(media_type),
        RefOr::Ref(_) => None,
    }
}

#[rustfmt::skip]
fn shown(operation: &str) -> Vec<Shown> {
    match operation {
        "startVerification" => vec![
            (REQUEST, JSON, vec![
                ("short", "Only the number", json!({"phone_number": "+998901234567"})),
                ("usual", "What most sites send", json!({"phone_number": "+998901234567", "locale": "ru", "payload": "order 42",
                    "client": {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0"}})),
                ("full", "Everything", json!({"phone_number": "+998901234567", "code": null, "code_length": 6, "ttl": 600,
                    "locale": "ru", "channels": ["telegram", "sms"], "payload": "order 42",
                    "client": {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0"}, "web_domain": "shop.example",
                    "android_app_hash": null, "wait": 2.0, "project": "default"})),
            ]),
            ("201", JSON, vec![("started", "Delivered while the answer waited", verification())]),
            ("200", JSON, vec![("reused", "A verification like it was pending; nothing was sent", with(verification(), "reused", json!(true)))]),
        ],
        "listVerifications" => vec![
            ("200", JSON, vec![("page", "The last page", page(&json!([verification()])))]),
        ],
        "getVerification" => vec![
            ("200", JSON, vec![
                ("pending", "The code is on its way", verification()),
                ("approved", "By SMS, after Telegram could not reach the number", approved()),
                ("admin", "With scope `admin`, where a rule in shadow fired", with(verification(), "guard", guard::verdict())),
            ]),
        ],
        "checkVerification" => vec![
            (REQUEST, JSON, vec![("code", "The code as typed", json!({"code": "123456"}))]),
            ("200", JSON, vec![
                ("approved", "The right code", json!({"id": VERIFICATION, "status": "approved", "valid": true, "checks_left": 4, "proof": PROOF})),
                ("wrong", "A wrong code", json!({"id": VERIFICATION, "status": "pending", "valid": false, "checks_left": 3})),
                ("locked", "A wrong code, and no checks are left", json!({"id": VERIFICATION, "status": "locked", "valid": false, "checks_left": 0})),
            ]),
        ],
        "resendVerification" => vec![
            (REQUEST, JSON, vec![
                ("next", "On to the route's next step", json!({})),
                ("channel", "To this channel, which may be the same as before", json!({"channel": "sms"})),
            ]),
            ("200", JSON, vec![("resent", "Queued for the next channel", resent())]),
        ],
        "cancelVerification" => vec![
            ("200", JSON, vec![("canceled", "Nothing more is sent", canceled())]),
        ],
        "listVerificationEvents" => vec![
            ("200", JSON, vec![("timeline", "Started, delivered by Telegram, approved", page(&events()))]),
        ],
        "streamVerificationEvents" => vec![
            ("200", "text/event-stream", vec![("stream", "Started, delivered by Telegram, approved", json!(event_stream()))]),
        ],
        "listLedger" => vec![
            ("200", JSON, vec![("page", "A charge and its refund", page(&json!([refund(), charge()])))]),
        ],
        "exportLedgerCsv" => vec![
            ("200", "text/csv", vec![("csv", "A charge", json!(csv(&charge())))]),
        ],
        "receiveSignedReport" => vec![
            (REQUEST, JSON, vec![("telegram", "Telegram Gateway", json!({"request_id": "1206104020153", "phone_number": "998901234567",
                "request_cost": 0.01, "delivery_status": {"status": "delivered", "updated_at": 1_795_339_801},
                "payload": BY_TELEGRAM}))]),
        ],
        "receiveReport" => vec![
            (REQUEST, JSON, vec![("report", "Delivered", json!({"message_id": "8f3a", "status": "DELIVRD"}))]),
            (REQUEST, "application/x-www-form-urlencoded", vec![("report", "Delivered", json!({"message_id": "8f3a", "status": "DELIVRD"}))]),
        ],
        "getLiveness" => vec![("200", JSON, vec![("ok", "Running", json!({"status": "ok"}))])],
        "getReadiness" => vec![
            ("200", JSON, vec![
                ("ok", "All dependencies are available", json!({"status": "ok", "database": "postgres", "redis": "ok", "sandbox": false, "paused": [], "jobs": []})),
                ("degraded", "Redis is unavailable, and a provider is paused", json!({"status": "degraded", "database": "postgres",
                    "redis": "away", "sandbox": false, "paused": [{"provider": "telegram", "until": "2026-11-22T09:31:00Z"}], "jobs": []})),
                ("jobs", "A job goes through a big table", json!({"status": "ok", "database": "postgres", "redis": "ok", "sandbox": false, "paused": [],
                    "jobs": [{"name": "past_verifications", "rows": 1_250_500, "reached": "2026-03-01T04:11:09.125Z", "until": "2026-11-20T09:31:00Z"}]})),
            ]),
        ],
        "getMetrics" => vec![
            ("200", "text/plain", vec![("metrics", "An excerpt", json!(
                "# TYPE pinroute_verifications_total counter\npinroute_verifications_total 1042\n\n\
                # TYPE pinroute_checks_total counter\npinroute_checks_total{result=\"right\"} 897\n"))]),
        ],
        "getKeySet" => vec![
            ("200", JSON, vec![("keys", "One key", json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": "B_QnZJQ-eU", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}))]),
        ],
        "getOpenapi" => vec![
            ("200", JSON, vec![("document", "Its beginning", json!({"openapi": "3.1.0", "info": {"title": "Pinroute"}}))]),
        ],
        _ => [webhooks::shown(operation), integrations::shown(operation), guard::shown(operation), subjects::shown(operation, &verification()), projects::shown(operation), finance::shown(operation)].concat(),
    }
}

fn verification() -> Value {
    json!({
        "id": VERIFICATION, "status": "pending", "origin": "native", "phone_number": "+998901234567", "country": "UZ", "channel": "telegram",
        "attempts": [attempt(BY_TELEGRAM, "telegram", "delivered", &Value::Null, ("0.01", "charged"))],
        "costs": [{"amount": "0.01", "currency": "USD"}],
        "checks_left": 5, "sends_left": 4, "resend_at": "2026-11-22T09:30:30Z", "payload": "order 42",
        "created_at": "2026-11-22T09:30:00Z", "expires_at": "2026-11-22T09:40:00Z", "approved_at": null,
    })
}

fn resent() -> Value {
    let first = attempt(
        BY_TELEGRAM,
        "telegram",
        "delivered",
        &Value::Null,
        ("0.01", "charged"),
    );
    let second = attempt(BY_SMS, "sms", "queued", &Value::Null, ("0.05", "estimated"));
    let v = with(verification(), "channel", json!("sms"));
    let v = with(v, "attempts", json!([first, second]));
    let v = with(v, "sends_left", json!(3));
    with(v, "resend_at", json!("2026-11-22T09:31:15Z"))
}

fn approved() -> Value {
    let first = attempt(
        BY_TELEGRAM,
        "telegram",
        "refused",
        &json!("unreachable"),
        ("0.00", "free"),
    );
    let second = attempt(
        BY_SMS,
        "sms",
        "delivered",
        &Value::Null,
        ("0.05", "charged"),
    );
    let v = with(verification(), "status", json!("approved"));
    let v = with(v, "channel", json!("sms"));
    let v = with(v, "attempts", json!([first, second]));
    let v = with(v, "costs", json!([{"amount": "0.05", "currency": "USD"}]));
    let v = with(v, "checks_left", json!(4));
    let v = with(v, "resend_at", Value::Null);
    with(v, "approved_at", json!("2026-11-22T09:30:41.203144Z"))
}

fn canceled() -> Value {
    let v = with(verification(), "status", json!("canceled"));
    with(v, "resend_at", Value::Null)
}

fn attempt(id: &str, channel: &str, status: &str, reason: &Value, cost: (&str, &str)) -> Value {
    let provider = if channel == "sms" { "eskiz" } else { channel };
    json!({
        "id": id, "channel": channel, "provider": provider, "status": status, "reason": reason,
        "cost": {"amount": cost.0, "currency": "USD", "state": cost.1},
        "created_at": "2026-11-22T09:30:00Z", "updated_at": "2026-11-22T09:30:01.482917Z",
    })
}

fn events() -> Value {
    let about = |id: &str, kind: &str, at: &str, money: Value| json!({"id": id, "type": kind, "at": at, "attempt_id": BY_TELEGRAM, "channel": "telegram", "reason": null, "money": money});
    let alone = |id: &str, kind: &str, at: &str| json!({"id": id, "type": kind, "at": at, "attempt_id": null, "channel": null, "reason": null, "money": null});
    json!([
        alone("1", "verification.created", "2026-11-22T09:30:00Z"),
        about(
            "2",
            "verification.sent",
            "2026-11-22T09:30:00.310442Z",
            Value::Null
        ),
        about(
            "3",
            "attempt.charged",
            "2026-11-22T09:30:00.310442Z",
            json!({"amount": "0.01", "currency": "USD"})
        ),
        about(
            "4",
            "verification.delivered",
            "2026-11-22T09:30:01.482917Z",
            Value::Null
        ),
        alone("5", "verification.approved", "2026-11-22T09:30:41.203144Z"),
    ])
}

/// The same events as the handler streams them: fields in the order of its struct.
fn event_stream() -> String {
    const FIELDS: [&str; 7] = [
        "id",
        "type",
        "at",
        "attempt_id",
        "channel",
        "reason",
        "money",
    ];
    let line = |event: &Value| {
        let data = FIELDS
            .map(|name| format!("\"{name}\":{}", event[name]))
            .join(",");
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        format!(
            "id: {}\nevent: {}\ndata: {{{data}}}\n\n",
            text("id"),
            text("type")
        )
    };
    let events = events();
    let lines: String = events.as_array().into_iter().flatten().map(line).collect();
    format!("retry: 2000\n\n{lines}")
}

fn charge() -> Value {
    json!({
        "id": "01a20297-4dc0-7011-9f41-2b7c5e8a1d04", "at": "2026-11-22T09:30:00.310442Z", "kind": "charge", "basis": "reported",
        "amount": "-0.01", "currency": "USD", "provider": "telegram", "project": "default", "verification_id": VERIFICATION,
        "attempt_id": BY_TELEGRAM, "author": null, "note": null, "country": "UZ",
    })
}

fn refund() -> Value {
    let entry = with(
        charge(),
        "id",
        json!("01a20297-4dc0-7012-9f41-2b7c5e8a1d04"),
    );
    let entry = with(entry, "at", json!("2026-11-22T09:31:00.552801Z"));
    let entry = with(entry, "kind", json!("refund"));
    with(entry, "amount", json!("0.01"))
}

/// One entry under the names of its columns.
fn csv(entry: &Value) -> String {
    let value = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let row: Vec<String> = COLUMNS.into_iter().map(value).collect();
    format!("{}\r\n{}\r\n", COLUMNS.join(","), row.join(","))
}
