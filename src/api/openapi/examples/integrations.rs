//! Examples of integrations and of what their hosts send.

use serde_json::{Value, json};

use super::parts::{JSON, REQUEST, Shown, VERIFICATION, page, with};

/// A hook's: base64 of `an example, not a secret here!`.
const SECRET: &str = "v1,whsec_YW4gZXhhbXBsZSwgbm90IGEgc2VjcmV0IGhlcmUh";

#[rustfmt::skip]
pub(super) fn shown(operation: &str) -> Vec<Shown> {
    match operation {
        "createIntegration" => vec![
            (REQUEST, JSON, vec![
                ("supabase", "Supabase Auth", json!({"kind": "supabase", "name": "Supabase, production"})),
                ("keycloak", "Keycloak", json!({"kind": "generic", "preset": "keycloak", "name": "Keycloak", "default_country": "UZ"})),
                ("own", "A program of your own", json!({"kind": "generic", "name": "Shop", "auth": "header", "auth_name": "X-Hook-Key",
                    "fields": {"phone": "/user/mobile", "code": "/pin"}, "ttl": 300})),
                ("vonage", "An application of Vonage's clients", json!({"kind": "vonage_application",
                    "public_key": "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC…\n-----END PUBLIC KEY-----", "status_url": "https://shop.example.com/vonage"})),
            ]),
            ("201", JSON, vec![("made", "The secret is shown this once", with(integration(), "secret", json!(SECRET)))]),
        ],
        "listIntegrations" => vec![("200", JSON, vec![("page", "The last page", page(&json!([integration()])))])],
        "getIntegration" => vec![("200", JSON, vec![("integration", "With its last calls", with(integration(), "last_calls", json!([
            {"at": "2026-11-22T09:31:10Z", "outcome": "rate_limited", "detail": "Too many messages were requested. Try again later.",
                "verification_id": null},
            {"at": "2026-11-22T09:30:00Z", "outcome": "sent", "detail": null, "verification_id": VERIFICATION},
        ])))])],
        "changeIntegration" => vec![
            (REQUEST, JSON, vec![
                ("secret", "The secret that the server made", json!({"secret": "s3cretSigningKeyFromTheServer"})),
                ("text", "The project's texts", json!({"sms_text": "template", "ttl": null})),
            ]),
            ("200", JSON, vec![("changed", "Changed", integration())]),
        ],
        "rotateIntegration" => vec![
            ("200", JSON, vec![("rotated", "The previous secret is good too until tomorrow", with(
                with(integration(), "previous_secret_expires_at", json!("2026-11-23T09:30:00Z")), "secret", json!(SECRET)))]),
        ],
        "deliverCode" => vec![
            (REQUEST, JSON, vec![
                ("generic", "Kind `generic`", json!({"phone_number": "+998901234567", "code": "561166", "text": "561166 is your code"})),
                ("supabase", "Supabase Auth", json!({"metadata": {"uuid": "7f5b1c2e-7a25-4f0e-9a5d-0f7c1f5a2b11"},
                    "user": {"phone": "998901234567"}, "sms": {"otp": "561166", "phone": "998901234567"}})),
            ]),
            ("200", JSON, vec![("accepted", "Accepted", accepted())]),
        ],
        "deliverCodeByGet" => vec![("200", JSON, vec![("accepted", "Accepted", accepted())])],
        "reportVerified" => vec![
            (REQUEST, JSON, vec![
                ("number", "By number and code", json!({"phone_number": "+998901234567", "code": "561166"})),
                ("id", "By the answer's id", json!({"id": VERIFICATION})),
            ]),
            ("200", JSON, vec![("noted", "Noted", accepted())]),
        ],
        _ => Vec::new(),
    }
}

fn accepted() -> Value {
    json!({"code": "ok", "id": VERIFICATION})
}

fn integration() -> Value {
    json!({
        "id": "01a20297-4dc0-7000-8c11-5d0e6f1a2b3c", "project": "default", "kind": "supabase", "name": "Supabase, production",
        "url": "https://verify.example.com/hooks/supabase/01a20297-4dc0-7000-8c11-5d0e6f1a2b3c",
        "preset": null, "auth": null, "auth_name": null, "default_country": null, "ttl": null, "fields": {}, "methods": ["POST"],
        "sms_text": "host", "allow_messages": false, "has_secret": true, "created_at": "2026-11-22T09:30:00Z", "previous_secret_expires_at": null,
    })
}
