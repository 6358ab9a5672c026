//! `kind = "twilio"`: an account of Twilio Messaging.

use crate::reader::{Checked, Reader, Secret, optional, quote, url};

/// Where the API is by default.
const BASE_URL: &str = "https://api.twilio.com";

#[derive(Clone, Debug)]
pub struct Settings {
    pub account_sid: String,
    pub auth_token: Secret,
    pub sender: Sender,
    /// Without a trailing slash.
    pub base_url: String,
}

/// Who the message is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A number, short code or alphanumeric name.
    From(String),
    MessagingService(String),
}

impl Settings {
    pub fn read(table: &mut Reader<'_>) -> Checked<Self> {
        let account_sid = table
            .get("account_sid")
            .and_then(|field| field.parsed(|text| sid(text, "AC")));
        let auth_token = table.secret("auth_token").and_then(|token| {
            token.ok_or_else(|| {
                table.fault(
                    "auth_token",
                    "is missing; the console shows it below the Account SID",
                )
            })
        });
        let from = optional(table.find("from"), |field| field.parsed(from));
        let service = optional(table.find("messaging_service_sid"), |field| {
            field.parsed(|text| sid(text, "MG"))
        });
        let base_url = optional(table.find("base_url"), url::read_base);
        let sender = match (from?, service?) {
            (Some(from), None) => Ok(Sender::From(from)),
            (None, Some(service)) => Ok(Sender::MessagingService(service)),
            (None, None) => {
                Err(table.fault("from", "is missing; give from or messaging_service_sid"))
            }
            (Some(_), Some(_)) => Err(table.fault(
                "from",
                "is given together with messaging_service_sid; keep one of them",
            )),
        };
        Ok(Self {
            account_sid: account_sid?,
            auth_token: auth_token?,
            sender: sender?,
            base_url: base_url?.unwrap_or_else(|| BASE_URL.to_owned()),
        })
    }
}

fn sid(text: &str, kind: &str) -> Result<String, String> {
    let digits = text.strip_prefix(kind).unwrap_or_default();
    if digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not a SID: {kind} and 32 hexadecimal digits",
            quote(text)
        ))
    }
}

/// A number, a short code, or an alphanumeric name.
fn from(text: &str) -> Result<String, String> {
    let number = text.strip_prefix('+').unwrap_or(text);
    let is_number = (3..=15).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let is_name = (1..=11).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    if is_number || is_name {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not a sender: a number such as +15550001111, a short code, or a name of at most 11 letters and digits",
            quote(text)
        ))
    }
}
