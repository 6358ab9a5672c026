//! The Telegram Gateway (core.telegram.org/gateway/api, read November 2026).
//!
//! Errors come as HTTP 200 with `ok:false`. `checkSendAbility` is billed when it says yes, so it is not used. A send has no
//! idempotency key: one that may have left is never repeated.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::{constant_time, digest, hmac};
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::settings::Settings;
use super::wire::{ByRequest, Envelope, RequestStatus, SendRequest};
use super::words;
use crate::channels::kind::{self, Surroundings};
use crate::channels::provider::{
    About, Account, Arrival, CallbackError, CallbackMethod, CallbackRequest, Draft, Examined,
    Incoming, Message, NoAnswer, Notice, Provider, Read,
};
use crate::channels::transport::{self, HttpClient, utf8};
use crate::money::{Micros, Money};
use crate::reader::{Checked, Reader};
use crate::verification::abilities::{Abilities, Charged, Reports, TellsPrice, Ttl};
use crate::verification::attempt::{Receipt, Report, SendError};
use crate::verification::id::AttemptId;

/// How far a report's timestamp may be off.
const TOLERANCE_SECONDS: u64 = 300;

/// Of an account that can report to us.
pub const ABILITIES: Abilities = Abilities {
    reports: Reports::PerAccount,
    ask: true,
    tells_price: TellsPrice::InAnswer,
    charged: Charged::OnAcceptance,
    revoke: true,
    told_of_success: true,
    // The bounds of `ttl` (Gateway change log, 26 Feb 2025).
    ttl: Ttl::per_message(30..=3_600),
};

impl kind::Settings for Settings {
    fn read(table: &mut Reader<'_>) -> Checked<Self> {
        Self::read(table)
    }

    fn build(&self, account: Account, surroundings: &Surroundings<'_>) -> Arc<dyn Provider> {
        // Telegram itself accepts only https; other servers of its protocol may accept more.
        let own = self.base_url == "https://gatewayapi.telegram.org";
        let reports = surroundings.public_url.starts_with("https://") || !own;
        if !reports {
            tracing::warn!(
                public_url = surroundings.public_url,
                "Telegram reports only to https addresses: statuses are asked for instead"
            );
        }
        let client = surroundings.client.clone();
        Arc::new(Telegram::new(account, self.clone(), reports, client))
    }
}

pub struct Telegram {
    account: Account,
    settings: Settings,
    abilities: Abilities,
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

/// The outcome of a call.
enum Called {
    Result(Vec<u8>),
    /// `ok:false` with this word.
    Error(String),
}

impl Telegram {
    #[must_use]
    pub fn new(account: Account, settings: Settings, reports: bool, client: HttpClient) -> Self {
        let tokens = std::iter::once(&settings.token).chain(&settings.previous_token);
        let keys = tokens
            .map(|token| digest::digest(&digest::SHA256, token.expose().as_bytes()))
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()))
            .collect();
        let abilities = Abilities {
            reports: if reports {
                Reports::PerAccount
            } else {
                Reports::ByAsking
            },
            ..ABILITIES
        };
        Self {
            account,
            settings,
            abilities,
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
            .bearer_auth(self.settings.token.expose())
            .json(parameters);
        let answer = transport::send(request, self.account.timeout).await?;
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
            code: message.code.as_str(),
            ttl: message.ttl.as_secs(),
            payload: message.attempt.to_string(),
            callback_url: self
                .abilities
                .reports
                .arrive()
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
        }
    }

    /// `request_cost` is in dollars, or in the currency of the configured price.
    fn cost(&self, status: &RequestStatus) -> Option<Money> {
        self.money("request_cost", status.request_cost.as_ref()?)
    }

    /// Part of the answer to a request that is charged. A balance of zero is not true: such a request would have failed.
    fn balance(&self, status: &RequestStatus) -> Option<Money> {
        let left = self.money("remaining_balance", status.remaining_balance.as_ref()?)?;
        let charged = self.cost(status)?.amount > Micros::ZERO;
        (charged && left.amount > Micros::ZERO).then_some(left)
    }

    fn money(&self, field: &str, value: &serde_json::Value) -> Option<Money> {
        let amount = words::amount(field, value)?;
        Some(Money::new(amount, self.account.currency))
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
    fn account(&self) -> &Account {
        &self.account
    }

    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn sender(&self) -> Option<&str> {
        self.settings.sender_username.as_deref()
    }

    /// Four to eight digits.
    fn carries(&self, draft: &Draft<'_>) -> bool {
        draft.code.is_digits() && !draft.wording.is_message
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
                tracing::warn!(error, "Telegram returned no status");
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }

    async fn notify(&self, message_id: &str, notice: Notice<'_>) -> Result<(), NoAnswer> {
        let (method, code) = match notice {
            Notice::Success(code) => ("checkVerificationStatus", Some(code.as_str())),
            Notice::Revoke => ("revokeVerificationMessage", None),
        };
        let request = ByRequest {
            request_id: message_id,
            code,
        };
        match self.call(method, &request).await {
            Ok(Called::Result(_)) => Ok(()),
            // Final: repeating it would not help.
            Ok(Called::Error(error)) => {
                tracing::info!(error, method, "Telegram refused a notice");
                Ok(())
            }
            Err(_) => Err(NoAnswer),
        }
    }

    /// Asks for the status of a request that there is not: the token is judged first, and nothing is charged.
    async fn examine(&self) -> (Examined, Option<DateTime<Utc>>) {
        let url = format!("{}/checkVerificationStatus", self.settings.base_url);
        let request = self.client.request(reqwest::Method::POST, &url);
        let request = request
            .bearer_auth(self.settings.token.expose())
            .json(&ByRequest {
                request_id: "0",
                code: None,
            });
        let looked = match transport::look(request, self.account.timeout).await {
            Ok(looked) => looked,
            Err(said) => return (Examined::Away(said), None),
        };
        let examined = match serde_json::from_slice::<Envelope<'_>>(&looked.answer.body) {
            Ok(Envelope {
                ok: false,
                error: Some(word),
                ..
            }) if words::is_about_token(&word) => Examined::Refused(
                "check telegram.token and the list of addresses at gateway.telegram.org".to_owned(),
            ),
            Ok(Envelope { .. }) => Examined::Accepted,
            Err(_) => Examined::Unclear(format!(
                "an unknown answer with status {}",
                looked.answer.status
            )),
        };
        (examined, looked.date)
    }

    fn read_callback(
        &self,
        request: &CallbackRequest<'_>,
        arrival: &Arrival<'_>,
    ) -> Result<Read, CallbackError> {
        if request.method == CallbackMethod::Get {
            return Err(CallbackError::NoGet);
        }
        let timestamp = request
            .header("x-request-timestamp")
            .ok_or(CallbackError::NotAuthentic)?;
        let signature = request
            .header("x-request-signature")
            .ok_or(CallbackError::NotAuthentic)?;
        let signed = self.keys.iter().any(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(timestamp.as_bytes());
            context.update(b"\n");
            context.update(request.body);
            let expected = hex::encode(context.sign());
            constant_time::verify_slices_are_equal(expected.as_bytes(), signature.as_bytes())
                .is_ok()
        });
        if !signed {
            return Err(CallbackError::NotAuthentic);
        }
        let seconds: i64 = timestamp.parse().map_err(|_| CallbackError::NotAuthentic)?;
        let status: RequestStatus =
            serde_json::from_slice(&utf8(request.body)).map_err(|error| {
                let at = format!(
                    "not a RequestStatus, line {} column {}",
                    error.line(),
                    error.column()
                );
                CallbackError::Malformed(at)
            })?;
        let incoming = vec![self.incoming(&status)];
        if arrival.now.timestamp().abs_diff(seconds) > TOLERANCE_SECONDS {
            return Err(CallbackError::Stale(incoming));
        }
        Ok(Read::reports(incoming))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::provider::Reply;
    use crate::money::Currency;
    use crate::reader::Secret;
    use crate::verification::attempt::AttemptStatus;
    use chrono::DateTime;

    const TOKEN: &str = "AAEFAAAAQKI_mDsJppSEQRr3kLOz9SatBxq48BgQLSHLRv";
    const BODY: &str = r#"{"request_id":"923583492968596","phone_number":"1999123456726","request_cost":0,"delivery_status":{"status":"revoked","updated_at":1733663990},"verification_status":{"status":"expired","updated_at":1733663989}}"#;
    const SIGNATURE: &str = "3b83ad76ab321a7239ca3f35fb910dad8921169ba0e49abb0b16eb0aaf14cc03";
    const AT: i64 = 1_733_663_990;

    fn telegram(token: &str, previous_token: Option<&str>) -> Telegram {
        let settings = Settings {
            token: Secret::new(token),
            previous_token: previous_token.map(Secret::new),
            base_url: "http://127.0.0.1:1".to_owned(),
            sender_username: None,
        };
        let account = Settings::account(
            Money::new(Micros(10_000), Currency::USD),
            std::time::Duration::from_secs(1),
            None,
        );
        assert_eq!(account.prices.rest, Some(Micros(10_000)));
        Telegram::new(account, settings, true, HttpClient::new().unwrap())
    }

    fn read(
        telegram: &Telegram,
        signature: &str,
        body: &str,
        now: i64,
    ) -> Result<Vec<Incoming>, CallbackError> {
        read_by(CallbackMethod::Post, telegram, signature, body, now)
    }

    fn read_by(
        method: CallbackMethod,
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
        let request = CallbackRequest {
            provider: "telegram",
            token: None,
            method,
            headers: &headers,
            query: "",
            body: body.as_bytes(),
        };
        let arrival = Arrival {
            now,
            attempt: None,
            url: "",
        };
        let read = telegram.read_callback(&request, &arrival)?;
        assert_eq!(read.reply, Reply::default());
        Ok(read.reports)
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
    fn there_is_no_handshake_by_get() {
        let read = read_by(
            CallbackMethod::Get,
            &telegram(TOKEN, None),
            SIGNATURE,
            BODY,
            AT,
        );
        assert_eq!(read, Err(CallbackError::NoGet));
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
