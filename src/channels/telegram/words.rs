//! Telegram's words and their meaning for us.

use std::time::Duration;

use crate::money::{Micros, MoneyError};
use crate::verification::attempt::{AttemptStatus, Reason, SendError};

/// A delivery status; an unknown one means still pending.
pub fn delivery(word: Option<&str>) -> (Option<AttemptStatus>, Option<Reason>) {
    match word {
        Some("sent") => (Some(AttemptStatus::Sent), None),
        Some("delivered") => (Some(AttemptStatus::Delivered), None),
        Some("read") => (Some(AttemptStatus::Read), None),
        Some("expired") => (Some(AttemptStatus::Expired), Some(Reason::NotDelivered)),
        Some("revoked") => (Some(AttemptStatus::Undelivered), Some(Reason::Revoked)),
        Some(_) => {
            tracing::warn!(
                "Telegram reports a delivery status that is not known; taken as pending"
            );
            (None, None)
        }
        None => (None, None),
    }
}

/// Whether an error word refuses the token.
pub fn is_about_token(word: &str) -> bool {
    matches!(word, "ACCESS_TOKEN_INVALID" | "ACCESS_TOKEN_REQUIRED")
}

/// The decision that follows from an error word; only `ACCESS_TOKEN_INVALID` is officially named.
pub fn error(word: &str) -> SendError {
    match word {
        "PHONE_NUMBER_NOT_AVAILABLE" | "PHONE_NUMBER_NOT_FOUND" => SendError::Refused,
        "PHONE_NUMBER_INVALID" => SendError::NumberInvalid,
        "MESSAGE_ALREADY_SENT" => SendError::Unknown,
        "BALANCE_NOT_ENOUGH" => {
            alarm("Telegram Gateway's balance is used up: top it up");
            SendError::Misconfigured
        }
        token if is_about_token(token) => {
            alarm(
                "Telegram Gateway refuses the token: check telegram.token and its list of addresses",
            );
            SendError::Misconfigured
        }
        other => {
            if let Some(wait) = other
                .strip_prefix("FLOOD_WAIT_")
                .and_then(|n| n.parse().ok())
            {
                return SendError::Throttled(Some(Duration::from_secs(wait)));
            }
            // An error word is a constant of the protocol, not a person's data; junk is cut short.
            let word: String = other
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                .take(64)
                .collect();
            alarm(&format!("Telegram Gateway refused the request with {word}"));
            SendError::Unrecognised
        }
    }
}

/// An operator must act.
pub fn alarm(message: &str) {
    metrics::counter!("pinroute_alarms_total", "provider" => "telegram").increment(1);
    tracing::error!(alarm = true, provider = "telegram", "{message}");
}
/// A number, or a number in a string.
pub(super) fn amount(field: &str, value: &serde_json::Value) -> Option<Micros> {
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.parse() {
        Ok(amount) => Some(amount),
        // Finer than we count.
        Err(MoneyError::TooFine(_)) => {
            let whole = text.parse::<f64>().ok()?;
            format!("{whole:.6}").parse().ok()
        }
        Err(error) => {
            tracing::error!(%error, field, "what Telegram says is not an amount");
            None
        }
    }
}
