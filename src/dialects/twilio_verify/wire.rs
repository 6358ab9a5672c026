//! Addresses and times as Twilio writes them.

use chrono::{DateTime, Utc};

use crate::gateway::Gateway;

pub const PREFIX: &str = "/twilio";

/// The address of a resource; `path` is below `/v2`.
pub fn address(gateway: &Gateway, path: &str) -> String {
    format!("{}{PREFIX}/v2{path}", gateway.public_url())
}

/// Without fractions of a second, which the library for Python would not read as a time.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
