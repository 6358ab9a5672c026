//! The Telegram Gateway (core.telegram.org/gateway/api, read November 2026).
//!
//! Errors come as HTTP 200 with `ok:false`. `checkSendAbility` is billed when it says yes, so it is not used. A send has no
//! idempotency key: one that may have left is never repeated.

mod words;

use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::{constant_time, digest, hmac};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::transport::{self, HttpClient};
use super::{
    About, CallbackError, Draft, Incoming, Message, NoAnswer, Provider, RawCallback, Receipt,
    Report, SendError,
};
use crate::ledger::price::Prices;
use crate::money::{Currency, Micros, Money};
use crate::verification::code::Code;
use crate::verification::id::AttemptId;
use crate::verification::route::Channel;

/// How far a report's timestamp may be off.
const TOLERANCE_SECONDS: u64 = 300;

#[derive(Debug, Clone)]
pub struct Settings {
    pub token: String,
    /// Still accepted under reports while the token is rotated.
    pub previous_token: Option<String>,
    /// Without a trailing slash.
    pub base_url: String,
    pub sender_username: Option<String>,
    pub timeout: Duration,
    pub price: Money,
    /// Telegram itself takes only https; other servers of its protocol may take more.
    pub send_callback_url: bool,
}

pub struct Telegram {
    settings: Settings,
    /// The same price for every country.
    prices: Prices,
    client: HttpClient,
    keys: Vec<hmac::Key>,
}

impl std::fmt::Debug for Telegram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telegram")
            .field("base_url", &self.settings.base_url)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct SendRequest<'a> {
    phone_number: &'a str,
    code: &'a str,
    ttl: u64,
    payload: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_username: Option<&'a str>,
}

#[derive(Serialize)]
struct ByRequest<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct RequestStatus {
    request_id: String,
    /// Only for reports that do not carry our payload.
    #[serde(default)]
    phone_number: Option<serde_json::Value>,
    /// A number, or a number in a string: read leniently, since a send whose answer cannot be read may be paid for twice.
    request_cost: Option<serde_json::Value>,
    #[serde(default)]
    remaining_balance: Option<serde_json::Value>,
    #[serde(default)]
    is_refunded: Option<bool>,
    delivery_status: Option<Stamped>,
    payload: Option<String>,
}

#[derive(Deserialize)]
struct Stamped {
    status: String,
}

impl RequestStatus {
    fn digits(&self) -> String {
        let text = match &self.phone_number {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        text.trim_start_matches('+').to_owned()
    }
}

/// What came back from a call.
enum Called {
    Result(Vec<u8>),
    /// `ok:false` with this word.
    Error(String),
}

impl Telegram {
    #[must_use]
    pub fn new(settings: Settings, client: HttpClient) -> Self {
        let tokens = std::iter::once(&settings.token).chain(&settings.previous_token);
        let keys = tokens
            .map(|token| digest::digest(&digest::SHA256, token.as_bytes()))
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()))
            .collect();
        Self {
            prices: Prices {
                rest: Some(settings.price.amount),
                ..Prices::default()
            },
            settings,
            client,
            keys,
        }
    }

    async fn call<T: Serialize + Sync>(
        &self,
        method: &str,
        parameters: &T,
    ) -> Result<Called, SendError> {
        let url = format!("{}/{method}", self.settings.base_url);
        let request = self
            .client
            .request(reqwest::Method::POST, &url)
            .bearer_auth(&self.settings.token)
            .json(parameters);
        let answer = transport::send(request, self.settings.timeout).await?;
        // A clear refusal is one at any status; anything else that is not a clear success may have been done.
        match serde_json::from_slice::<Envelope<'_>>(&answer.body) {
            Ok(Envelope {
                ok: false,
                error: Some(error),
                ..
            }) => Ok(Called::Error(error)),
            Ok(Envelope {
                ok: true,
                result: Some(result),
                ..
            }) if (200..300).contains(&answer.status) => {
                Ok(Called::Result(result.get().as_bytes().to_vec()))
            }
            _ => {
                tracing::warn!(
                    status = answer.status,
                    method,
                    "Telegram's answer is broken"
                );
                Err(SendError::Unknown)
            }
        }
    }

    async fn send_once(
        &self,
        message: &Message<'_>,
        sender: Option<&str>,
    ) -> Result<Called, SendError> {
        let request = SendRequest {
            phone_number: message.phone.as_str(),
            code: message.draft.code.as_str(),
            ttl: message.ttl.as_secs(),
            payload: message.attempt.to_string(),
            callback_url: self
                .settings
                .send_callback_url
                .then_some(message.callback_url),
            sender_username: sender,
        };
        self.call("sendVerificationMessage", &request).await
    }

    fn report(&self, status: &RequestStatus) -> Report {
        let (delivery, reason) =
            words::delivery(status.delivery_status.as_ref().map(|s| s.status.as_str()));
        Report {
            message_id: Some(status.request_id.clone()),
            status: delivery,
            reason,
            cost: self.cost(status),
            refunded: status.is_refunded == Some(true),
            priced_later: false,
        }
    }

    /// `request_cost` is a number of dollars, or of whatever the configured price is in.
    fn cost(&self, status: &RequestStatus) -> Option<Money> {
        self.money("request_cost", status.request_cost.as_ref()?)
    }

    /// Told in the answer to a request that is charged, and not truly where it says nought: such a request would have failed.
    fn balance(&self, status: &RequestStatus) -> Option<Money> {
        let left = self.money("remaining_balance", status.remaining_balance.as_ref()?)?;
        let charged = self.cost(status)?.amount > Micros::ZERO;
        (charged && left.amount > Micros::ZERO).then_some(left)
    }

    fn money(&self, field: &str, value: &serde_json::Value) -> Option<Money> {
        let amount = words::amount(field, value)?;
        Some(Money::new(amount, self.settings.price.currency))
    }

    fn incoming(&self, status: &RequestStatus) -> Incoming {
        let attempt = status
            .payload
            .as_deref()
            .and_then(|payload| Uuid::parse_str(payload).ok());
        let about = match attempt {
            Some(attempt) => About::Attempt(AttemptId::from_uuid(attempt)),
            None => About::Message {
                message_id: status.request_id.clone(),
                digits: status.digits(),
            },
        };
        Incoming {
            about,
            report: self.report(status),
        }
    }
}

#[async_trait]
impl Provider for Telegram {
    fn name(&self) -> &'static str {
        "telegram"
    }

    fn channel(&self) -> Channel {
        Channel::Telegram
    }

    fn currency(&self) -> Currency {
        self.settings.price.currency
    }

    fn prices(&self) -> &Prices {
        &self.prices
    }

    fn segments(&self, _: &Draft<'_>) -> u32 {
        1
    }

    async fn send(&self, message: &Message<'_>) -> Result<Receipt, SendError> {
        let sender = self.settings.sender_username.as_deref();
        let mut called = self.send_once(message, sender).await?;
        if sender.is_some()
            && matches!(&called, Called::Error(error) if error.starts_with("SENDER_"))
        {
            words::alarm("Telegram refuses the configured sender_username; sent without it");
            called = self.send_once(message, None).await?;
        }
        match called {
            Called::Result(result) => {
                let status: RequestStatus = serde_json::from_slice(&result).map_err(|error| {
                    // The parser's own words may quote the number.
                    tracing::warn!(
                        line = error.line(),
                        column = error.column(),
                        "Telegram's RequestStatus is broken"
                    );
                    SendError::Unknown
                })?;
                Ok(Receipt {
                    cost: self.cost(&status),
                    balance: self.balance(&status),
                    message_id: Some(status.request_id),
                    reports: self.settings.send_callback_url,
                    priced_later: false,
                })
            }
            Called::Error(error) => Err(words::error(&error)),
        }
    }

    async fn ask(&self, message_id: &str) -> Result<Report, NoAnswer> {
        let request = ByRequest {
            request_id: message_id,
            code: None,
        };
        match self.call("checkVerificationStatus", &request).await {
            Ok(Called::Result(result)) => {
                let status: RequestStatus =
                    serde_json::from_slice(&result).map_err(|_| NoAnswer)?;
                Ok(self.report(&status))
            }
            Ok(Called::Error(error)) => {
                tracing::warn!(error, "Telegram does not tell a status");
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }

    async fn report_success(&self, message_id: &str, code: &Code) -> Result<(), NoAnswer> {
        let request = ByRequest {
            request_id: message_id,
            code: Some(code.as_str()),
        };
        match self.call("checkVerificationStatus", &request).await {
            Ok(Called::Result(_)) => Ok(()),
            // It has heard enough; telling it again would not help.
            Ok(Called::Error(error)) => {
                tracing::info!(error, "Telegram did not take a success");
                Ok(())
            }
            Err(_) => Err(NoAnswer),
        }
    }

    async fn revoke(&self, message_id: &str) -> Result<(), NoAnswer> {
        let request = ByRequest {
            request_id: message_id,
            code: None,
        };
        match self.call("revokeVerificationMessage", &request).await {
            Ok(_) => Ok(()),
            Err(_) => Err(NoAnswer),
        }
    }

    fn read_callback(&self, raw: &RawCallback<'_>) -> Result<Vec<Incoming>, CallbackError> {
        let timestamp = raw
            .header("x-request-timestamp")
            .ok_or(CallbackError::NotAuthentic)?;
        let signature = raw
            .header("x-request-signature")
            .ok_or(CallbackError::NotAuthentic)?;
        let signed = self.keys.iter().any(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(timestamp.as_bytes());
            context.update(b"\n");
            context.update(raw.body);
            let expected = hex(context.sign().as_ref());
            constant_time::verify_slices_are_equal(expected.as_bytes(), signature.as_bytes())
                .is_ok()
        });
        if !signed {
            return Err(CallbackError::NotAuthentic);
        }
        let seconds: i64 = timestamp.parse().map_err(|_| CallbackError::NotAuthentic)?;
        let status: RequestStatus = serde_json::from_slice(raw.body).map_err(|error| {
            let at = format!(
                "not a RequestStatus, line {} column {}",
                error.line(),
                error.column()
            );
            CallbackError::Malformed(at)
        })?;
        let incoming = vec![self.incoming(&status)];
        if raw.now.timestamp().abs_diff(seconds) > TOLERANCE_SECONDS {
            return Err(CallbackError::Stale(incoming));
        }
        Ok(incoming)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verification::attempt::AttemptStatus;
    use chrono::DateTime;

    const TOKEN: &str = "AAEFAAAAQKI_mDsJppSEQRr3kLOz9SatBxq48BgQLSHLRv";
    const BODY: &str = r#"{"request_id":"923583492968596","phone_number":"1999123456726","request_cost":0,"delivery_status":{"status":"revoked","updated_at":1733663990},"verification_status":{"status":"expired","updated_at":1733663989}}"#;
    const SIGNATURE: &str = "3b83ad76ab321a7239ca3f35fb910dad8921169ba0e49abb0b16eb0aaf14cc03";
    const AT: i64 = 1_733_663_990;

    fn telegram(token: &str, previous_token: Option<&str>) -> Telegram {
        let settings = Settings {
            token: token.to_owned(),
            previous_token: previous_token.map(str::to_owned),
            base_url: "http://127.0.0.1:1".to_owned(),
            sender_username: None,
            timeout: Duration::from_secs(1),
            price: Money::new(Micros(10_000), Currency::USD),
            send_callback_url: true,
        };
        Telegram::new(settings, HttpClient::new().unwrap())
    }

    fn read(
        telegram: &Telegram,
        signature: &str,
        body: &str,
        now: i64,
    ) -> Result<Vec<Incoming>, CallbackError> {
        let headers = [
            ("x-request-timestamp".to_owned(), AT.to_string()),
            ("x-request-signature".to_owned(), signature.to_owned()),
        ];
        let now = DateTime::from_timestamp(now, 0).unwrap();
        telegram.read_callback(&RawCallback {
            url: "",
            now,
            attempt: None,
            headers: &headers,
            query: "",
            body: body.as_bytes(),
        })
    }

    #[test]
    fn the_published_sample_is_authentic_and_any_change_to_it_is_not() {
        let ours = telegram(TOKEN, None);
        let reports = read(&ours, SIGNATURE, BODY, AT).unwrap();
        let about = About::Message {
            message_id: "923583492968596".to_owned(),
            digits: "1999123456726".to_owned(),
        };
        assert_eq!(reports[0].about, about);
        assert_eq!(reports[0].report.status, Some(AttemptStatus::Undelivered));
        assert_eq!(
            reports[0].report.cost,
            Some(Money::new(Micros::ZERO, Currency::USD))
        );
        let forged = Err(CallbackError::NotAuthentic);
        assert_eq!(read(&ours, &SIGNATURE.to_uppercase(), BODY, AT), forged);
        assert_eq!(
            read(&ours, SIGNATURE, &BODY.replace("revoked", "read"), AT),
            forged
        );
        assert_eq!(read(&telegram("other", None), SIGNATURE, BODY, AT), forged);
        assert_eq!(
            read(&telegram("new", Some(TOKEN)), SIGNATURE, BODY, AT).map(|r| r.len()),
            Ok(1)
        );
    }

    #[test]
    fn a_report_that_is_well_signed_but_old_is_stale() {
        let ours = telegram(TOKEN, None);
        assert!(read(&ours, SIGNATURE, BODY, AT + 300).is_ok());
        for now in [AT + 301, AT - 301] {
            assert!(
                matches!(read(&ours, SIGNATURE, BODY, now), Err(CallbackError::Stale(reports)) if reports.len() == 1)
            );
        }
    }
}
