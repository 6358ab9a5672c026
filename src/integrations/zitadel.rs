//! ZITADEL's HTTP SMS provider.

use serde_json::Value;
use std::time::Duration;

use super::order::{Order, found};
use super::signature::{Signed, fits};

/// `t=<seconds>,v1=<hex>`, with several `v1` while the key is changed.
pub(super) fn is_signed(secret: &str, signed: &Signed<'_>) -> bool {
    let Some(header) = (signed.header)("zitadel-signature") else {
        return false;
    };
    let parts = || header.split(',').map(str::trim);
    let mut times = parts().filter_map(|part| part.strip_prefix("t="));
    let (Some(time), None) = (times.next(), times.next()) else {
        return false;
    };
    signed.is_timely(time)
        && parts().any(|part| {
            let tag = part
                .strip_prefix("v1=")
                .and_then(|tag| hex::decode(tag).ok());
            let text: [&[u8]; 3] = [time.as_bytes(), b".", signed.body];
            tag.is_some_and(|tag| fits(secret.as_bytes(), &text, &tag))
        })
}

/// A one-time password and the code of a new number have different names.
pub(super) fn order(body: &Value) -> Order {
    let nanoseconds = body.pointer("/args/expiry").and_then(Value::as_u64);
    Order {
        phone: found(
            body,
            &["/contextInfo/recipientPhoneNumber", "/args/verifiedPhone"],
        ),
        code: found(body, &["/args/code", "/args/oTP", "/args/otp"]),
        text: found(body, &["/templateData/text"]),
        ttl: nanoseconds
            .filter(|nanoseconds| *nanoseconds > 0)
            .map(Duration::from_nanos),
        ..Order::default()
    }
}
