//! Examples of projects, keys and their messages.

use serde_json::{Value, json};

use super::parts::{JSON, REQUEST, Shown, page, with};

#[rustfmt::skip]
pub(super) fn shown(operation: &str) -> Vec<Shown> {
    match operation {
        "previewMessage" => vec![
            (REQUEST, JSON, vec![
                ("number", "For a visitor", json!({"phone_number": "+998901234567", "web_domain": "shop.example"})),
                ("template", "A text to try", json!({"country": "UZ", "locale": "ru", "template": "Магазин: код {code}"})),
            ]),
            ("200", JSON, vec![("preview", "One segment", json!({
                "locale": "ru", "text": "Магазин: код 121212", "encoding": "UCS-2", "segments": 1, "characters": 19, "costs": [
                    {"channel": "telegram", "provider": "telegram", "cost": {"amount": "0.01", "currency": "USD"}},
                    {"channel": "sms", "provider": "eskiz", "cost": {"amount": "0.05", "currency": "USD"}},
                ]}))]),
        ],
        "createProject" => vec![
            (REQUEST, JSON, vec![
                ("plain", "With the defaults", json!({"name": "shop"})),
                ("own", "Four digits, and a text of its own", json!({"name": "shop", "policy": policy()})),
            ]),
            ("201", JSON, vec![("made", "Created", project())]),
        ],
        "listProjects" => vec![("200", JSON, vec![("page", "The last page", page(&json!([project()])))])],
        "getProject" => vec![("200", JSON, vec![("project", "With two overrides", project())])],
        "changeProject" => vec![
            (REQUEST, JSON, vec![
                ("change", "SMS alone; the code's length back to the default", json!({"policy": {
                    "route": [{"channel": "sms", "wait": "60s"}], "code_length": null}})),
            ]),
            ("200", JSON, vec![("project", "The changed project", project())]),
        ],
        "createKey" => vec![
            (REQUEST, JSON, vec![("site", "A website's, for 90 days", json!({"name": "shop front", "project": "shop", "scopes": ["verify"], "expires_in": 7_776_000}))]),
            ("201", JSON, vec![("made", "The key is shown this once", with(key(), "key", json!("pin_an-example-not-a-key")))]),
        ],
        "listKeys" => vec![("200", JSON, vec![("page", "The last page", page(&json!([key()])))])],
        _ => Vec::new(),
    }
}

fn policy() -> Value {
    json!({"code_length": 4, "templates": {"ru": "Магазин: код {code}"}})
}

fn project() -> Value {
    json!({
        "id": "01a20297-1000-7000-8d22-6e1f7a2b3c4d", "name": "shop", "policy": policy(),
        "effective": {
            "code_length": 4, "ttl": "10m", "max_checks": 5, "max_sends": 5, "resend_after": "30s",
            "route": [{"channel": "telegram", "wait": "15s"}, {"channel": "sms", "wait": "60s"}],
            "countries": {"allow": ["*"], "deny": [], "monitor": []},
            "limits": {"per_number": ["5/10m", "10/1d"], "per_ip": ["20/1h"], "creates": ["100/1s"], "wrong_codes_per_number": ["20/1d"]},
            "budget": {"period": "day", "limit": {"amount": "50.00", "currency": "USD"}},
            "templates": {"ru": "Магазин: код {code}"}, "max_segments": 1,
        },
        "created_at": "2026-11-22T09:30:00Z",
    })
}

fn key() -> Value {
    json!({
        "id": "01a20297-2000-7000-8e33-7f2a8b3c4d5e", "name": "shop front", "project": "shop", "scopes": ["verify"], "created_at": "2026-11-22T09:30:00Z",
        "expires_at": "2027-02-20T09:30:00Z", "revoked_at": null, "last_used_at": "2026-11-22T10:02:00Z",
    })
}
