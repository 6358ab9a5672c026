//! Examples of webhook endpoints and deliveries.

use serde_json::{Value, json};

use super::parts::{JSON, REQUEST, Shown, VERIFICATION, page, with};

/// A webhook's: base64 of `an example, not a secret here!`.
const SIGNING_SECRET: &str = "whsec_YW4gZXhhbXBsZSwgbm90IGEgc2VjcmV0IGhlcmUh";

#[rustfmt::skip]
pub(super) fn shown(operation: &str) -> Vec<Shown> {
    match operation {
        "createWebhook" => vec![
            (REQUEST, JSON, vec![
                ("all", "All events", json!({"url": "https://shop.example/hooks"})),
                ("some", "Some events", json!({"url": "https://shop.example/hooks", "description": "orders",
                    "events": ["verification.approved", "verification.failed"]})),
            ]),
            ("201", JSON, vec![("made", "The secret is shown this once", with(webhook(), "secret", json!(SIGNING_SECRET)))]),
        ],
        "listWebhooks" => vec![("200", JSON, vec![("page", "The last page", page(&json!([webhook()])))])],
        "getWebhook" => vec![("200", JSON, vec![("webhook", "All events", webhook())])],
        "rotateWebhook" => vec![
            ("200", JSON, vec![("rotated", "The previous secret signs too until tomorrow", with(
                with(webhook(), "previous_secret_expires_at", json!("2026-11-23T09:30:00Z")), "secret", json!(SIGNING_SECRET)))]),
        ],
        "listWebhookDeliveries" => vec![("200", JSON, vec![("page", "One that failed once", page(&json!([delivery()])))])],
        "testWebhook" => vec![
            ("200", JSON, vec![("taken", "The endpoint answered 200", with(with(delivery(), "type", json!("webhook.test")),
                "verification_id", Value::Null))]),
        ],
        "redeliverWebhook" => vec![("200", JSON, vec![("taken", "Now the endpoint answered 200", delivery())])],
        _ => Vec::new(),
    }
}

fn webhook() -> Value {
    json!({
        "id": "01a20297-4dc0-7000-8c11-5d0e6f1a2b3c", "project": "default", "url": "https://shop.example/hooks", "events": ["*"],
        "description": "orders", "created_at": "2026-11-22T09:30:00Z", "previous_secret_expires_at": null,
    })
}

fn delivery() -> Value {
    json!({
        "id": "01a20297-8f10-7000-a1b2-c3d4e5f60718", "type": "verification.approved", "state": "delivered",
        "verification_id": VERIFICATION, "timestamp": "2026-11-22T09:30:41.203144Z", "tried": 2, "next_try_at": null,
        "tries": [
            {"at": "2026-11-22T09:30:41.310021Z", "status": 502, "error": "answered 502", "duration_ms": 87},
            {"at": "2026-11-22T09:30:46.512830Z", "status": 200, "error": null, "duration_ms": 35},
        ],
    })
}
