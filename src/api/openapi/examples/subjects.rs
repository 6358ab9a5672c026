//! Examples of what is kept about a number, and of its erasure.

use serde_json::{Value, json};

use super::parts::{JSON, REQUEST, Shown};

#[rustfmt::skip]
pub(super) fn shown(operation: &str, verification: &Value) -> Vec<Shown> {
    let asked = || (REQUEST, JSON, vec![
        ("all", "In all projects", json!({"phone_number": "+998901234567"})),
        ("one", "In one project", json!({"phone_number": "+998901234567", "project": "default"})),
    ]);
    match operation {
        "findSubject" => vec![asked(), ("200", JSON, vec![("kept", "One verification", json!({
            "phone_number": "+998901234567",
            "verifications": [{
                "project": "default", "verification": verification,
                "client": {"ip": "1H6o0V7c6bQ", "networks": ["k3bq0dyl1jM"], "asn": 64496, "country": "UZ", "user_agent": null, "locale": "ru"},
                "limit_keys": {"user_id": "m4Jt5Vw9a0E"}, "request": null, "report_to": null, "text": null, "trace": [],
            }],
            "decisions": [], "list_entries": [],
        }))])],
        "eraseSubject" => vec![asked(), ("200", JSON, vec![
            ("erased", "Erased", json!({"verifications": 3, "canceled": 1, "decisions": 0, "list_entries": 0, "blocks": []})),
            ("blocked", "A block stays", json!({"verifications": 1, "canceled": 0, "decisions": 2, "list_entries": 0, "blocks": [{
                "id": "01a22574-e760-7000-a33a-3aded10fb879", "kind": "block", "match": "number", "value": null, "project": "*",
                "note": "asked not to be written to", "expires_at": null, "created_at": "2026-11-22T09:30:00Z",
            }]})),
        ])],
        _ => Vec::new(),
    }
}
