//! What the Telegram Gateway API reads and writes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize)]
pub struct SendRequest<'a> {
    pub phone_number: &'a str,
    pub code: &'a str,
    pub ttl: u64,
    pub payload: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_username: Option<&'a str>,
}

#[derive(Serialize)]
pub struct ByRequest<'a> {
    pub request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
}

#[derive(Deserialize)]
pub struct Envelope<'a> {
    pub ok: bool,
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    pub error: Option<String>,
}

#[derive(Deserialize)]
pub struct RequestStatus {
    pub request_id: String,
    /// Only for reports that do not carry our payload.
    #[serde(default)]
    pub phone_number: Option<serde_json::Value>,
    /// A number, or a number in a string: read leniently, since a send whose answer cannot be read may be paid for twice.
    pub request_cost: Option<serde_json::Value>,
    #[serde(default)]
    pub remaining_balance: Option<serde_json::Value>,
    #[serde(default)]
    pub is_refunded: Option<bool>,
    pub delivery_status: Option<Stamped>,
    pub payload: Option<String>,
}

#[derive(Deserialize)]
pub struct Stamped {
    pub status: String,
}

impl RequestStatus {
    pub fn digits(&self) -> String {
        let text = match &self.phone_number {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        text.trim_start_matches('+').to_owned()
    }
}
