//! Telegram as a provider: how its answers, timeouts and reports affect attempts, charges and the route.
//!
//! One file per subject; a new test goes into the file of its subject and into that file's `on_both_engines!`.

mod money;
mod pauses;
mod reports;
mod route;
mod sends;
mod status;

use serde_json::Value;

use crate::stage::{TestApp, word};
use crate::world::Answer;

/// One SMS step behind Telegram, both with long waits, so nothing happens unless the test triggers it.
pub const PATIENT: (&str, &str) = (
    "DEFAULTS__ROUTE",
    r#"[{"channel":"telegram","wait":"1h"},{"channel":"sms","wait":"1h"}]"#,
);

/// A route of Telegram only.
pub const ALONE: (&str, &str) = ("DEFAULTS__ROUTE", r#"[{"channel":"telegram","wait":"1m"}]"#);

pub const LONG: (&str, &str) = ("DEFAULTS__TTL", "24h");

pub fn attempt(v: &Value, place: usize) -> (&str, &str, Option<&str>, &str) {
    let a = &v["attempts"][place];
    (
        word(&a["channel"]),
        word(&a["status"]),
        a["reason"].as_str(),
        word(&a["cost"]["state"]),
    )
}

pub fn broken() -> Answer {
    Answer::Text(500, "oops".to_owned())
}

pub async fn paused(app: &TestApp) -> Value {
    app.get("/readyz").await.expect(200)["paused"].clone()
}
