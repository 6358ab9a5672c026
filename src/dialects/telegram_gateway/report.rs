//! Reports to the `callback_url` of a send: the status of the request, signed as Telegram signs.

use aws_lc_rs::hmac;

use super::answer::RequestStatus;
use crate::gateway::{SiteReport, ToReport};

/// The key of the signature is the SHA-256 of the access token, and the text is the time, a line feed and the body.
pub fn report(to_report: &ToReport<'_>) -> SiteReport {
    let body = RequestStatus::of(to_report.v, to_report.convert).json();
    let timestamp = to_report.now.timestamp().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, to_report.key_hash);
    let signature = hmac::sign(&key, format!("{timestamp}\n{body}").as_bytes());
    SiteReport {
        headers: vec![
            ("x-request-timestamp", timestamp),
            ("x-request-signature", hex(signature.as_ref())),
        ],
        body: body.get().as_bytes().to_vec(),
    }
}

/// In lower case: one client takes no other.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
