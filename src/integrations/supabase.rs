//! Supabase Auth's Send SMS hook: signed as Standard Webhooks say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::order::{Order, found};
use super::secrets::supabase_key;
use super::signature::{Signed, fits};

/// The signatures of several secrets are joined by a comma and a space, where Standard Webhooks have a space.
pub(super) fn is_signed(secret: &str, signed: &Signed<'_>) -> bool {
    let header = signed.header;
    let (Some(key), Some(id), Some(time), Some(signatures)) = (
        supabase_key(secret),
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    ) else {
        return false;
    };
    signed.is_timely(&time)
        && signatures.split_ascii_whitespace().any(|one| {
            let encoded = one.trim_end_matches(',').strip_prefix("v1,");
            let tag = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
            let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", signed.body];
            tag.is_some_and(|tag| fits(&key, &parts, &tag))
        })
}

/// Before version 2.180 there is no `sms.phone`.
pub(super) fn order(body: &Value) -> Order {
    Order {
        phone: found(body, &["/sms/phone", "/user/new_phone", "/user/phone"]),
        code: found(body, &["/sms/otp"]),
        id: found(body, &["/metadata/uuid"]),
        ip: found(body, &["/metadata/ip_address"]),
        ..Order::default()
    }
}
