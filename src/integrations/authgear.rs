//! Authgear's custom SMS gateway.

use serde_json::Value;

use super::order::{Order, found};
use super::signature::{Signed, fits};

/// The signature carries no time.
pub(super) fn is_signed(secret: &str, signed: &Signed<'_>) -> bool {
    let tag = (signed.header)("x-authgear-body-signature");
    let tag = tag.and_then(|tag| hex::decode(tag.trim()).ok());
    tag.is_some_and(|tag| fits(secret.as_bytes(), &[signed.body], &tag))
}

pub(super) fn order(body: &Value) -> Order {
    Order {
        phone: found(body, &["/to"]),
        code: found(body, &["/template_variables/code"]),
        text: found(body, &["/body"]),
        locale: found(body, &["/language_tag"]),
        ..Order::default()
    }
}
