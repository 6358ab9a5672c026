//! Signed requests, and what all signatures have in common.

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};

/// How far the time of a signature may be from ours, in seconds: the tolerance of Standard Webhooks, which ZITADEL has too.
const TOLERANCE: i64 = 300;

/// A request as it was signed.
pub struct Signed<'a> {
    /// The value of a header; `None` where it is missing, or is there twice.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// As received.
    pub body: &'a [u8],
    pub now: DateTime<Utc>,
}

impl Signed<'_> {
    /// Whether a time in seconds since 1970 is close enough to ours.
    pub(super) fn is_timely(&self, seconds: &str) -> bool {
        let is_number = !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit());
        let at: Option<i64> = is_number.then(|| seconds.parse().ok()).flatten();
        at.is_some_and(|at| at.abs_diff(self.now.timestamp()) <= TOLERANCE.unsigned_abs())
    }
}

/// Whether a tag is the HMAC-SHA256 of the parts, in constant time.
pub(super) fn fits(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, &parts.concat(), tag).is_ok()
}
