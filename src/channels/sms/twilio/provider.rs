//! Twilio Messaging: the form that sends a message, the words of its answers and reports, its signature, and the price, which
//! is only known later (Twilio, Programmable Messaging, API version 2010-04-01).

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::settings::{Sender, Settings};
use crate::channels::kind::{self, Surroundings};
use crate::channels::provider::{
    About, Account, Arrival, CallbackError, CallbackRequest, Examined, Incoming, Message, NoAnswer,
    Provider, Read,
};
use crate::channels::sms::form;
use crate::channels::transport::{self, Answer, HttpClient};
use crate::money::{Currency, Micros, Money};
use crate::reader::{Checked, Reader};
use crate::verification::abilities::{Abilities, Reports, TellsPrice, Ttl};
use crate::verification::attempt::{AttemptStatus, Reason, Receipt, Report, SendError};

/// Reports arrive for each message, signed. The price is part of the message's resource some time after; the status is not
/// polled.
const ABILITIES: Abilities = Abilities {
    reports: Reports::PerAttempt,
    tells_price: TellsPrice::ByAsking,
    // Of the 1 s to 10 h that Twilio takes as `ValidityPeriod`.
    ttl: Ttl::per_message(30..=3_600),
    ..Abilities::SENDS_ONLY
};

pub struct Twilio {
    account: Account,
    settings: Settings,
    client: HttpClient,
    key: hmac::Key,
}

/// Without the token.
impl std::fmt::Debug for Twilio {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Twilio")
            .field("name", &self.account.name)
            .field("base_url", &self.settings.base_url)
            .finish_non_exhaustive()
    }
}

/// What to do after an error of the API (Twilio, error and warning dictionary). An unlisted one raises an alarm, and
/// the next step is taken.
#[rustfmt::skip]
const ERRORS: &[(u32, SendError)] = &[
    // Not this number.
    (21211, SendError::Refused),       // invalid `To`
    (21217, SendError::Refused),       // not a valid number
    (21408, SendError::Refused),       // no permission for the region
    (21610, SendError::Refused),       // the recipient has opted out
    (21612, SendError::Refused),       // no route from this sender to that number
    (21614, SendError::Refused),       // not a mobile number
    (30003, SendError::Refused),       // unreachable handset
    (30005, SendError::Refused),       // unknown handset
    (30006, SendError::Refused),       // a landline
    // Too fast.
    (14107, SendError::Throttled(None)),
    (20429, SendError::Throttled(None)),
    (21611, SendError::Throttled(None)), // the sender's queue is full
    (30001, SendError::Throttled(None)), // queue overflow
    (30022, SendError::Throttled(None)), // rate limit of the campaign
    // Us, until someone acts.
    (20003, SendError::Misconfigured), // authentication
    (20005, SendError::Misconfigured), // the account is not active
    (20404, SendError::Misconfigured), // no such account or service
    (21212, SendError::Misconfigured), // invalid `From`
    (21603, SendError::Misconfigured), // `From` is missing
    (21606, SendError::Misconfigured), // `From` is not a number of the account
    (21608, SendError::Misconfigured), // a trial account, and a number that it does not know
    (21659, SendError::Misconfigured), // `From` is not a number or sender of the account
    (21703, SendError::Misconfigured), // the messaging service has no sender
    (21705, SendError::Misconfigured), // invalid messaging service
    (30002, SendError::Misconfigured), // the account is suspended
    (30034, SendError::Misconfigured), // the sender is not registered (A2P 10DLC)
    // This request.
    (21602, SendError::Rejected),      // no body
    (21617, SendError::Rejected),      // the body is too long
    (30007, SendError::Rejected),      // filtered
    (30450, SendError::Rejected),      // held for pumping
];

impl kind::Settings for Settings {
    fn read(table: &mut Reader<'_>) -> Checked<Self> {
        Self::read(table)
    }

    fn build(&self, account: Account, surroundings: &Surroundings<'_>) -> Arc<dyn Provider> {
        let client = surroundings.client.clone();
        Arc::new(Twilio::new(account, self.clone(), client))
    }
}

impl Twilio {
    #[must_use]
    pub fn new(account: Account, settings: Settings, client: HttpClient) -> Self {
        let key = hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            settings.auth_token.expose().as_bytes(),
        );
        Self {
            account,
            settings,
            client,
            key,
        }
    }

    fn request(&self, method: reqwest::Method, message: &str) -> reqwest::RequestBuilder {
        let s = &self.settings;
        let url = format!(
            "{}/2010-04-01/Accounts/{}/Messages{message}.json",
            s.base_url, s.account_sid
        );
        self.client
            .request(method, &url)
            .basic_auth(&s.account_sid, Some(s.auth_token.expose()))
    }

    /// Whether the parameters are signed for this address, as it was given, or with the default port added or left out.
    fn is_signed(&self, url: &str, pairs: &[(String, String)], signature: &str) -> bool {
        let Ok(given) = STANDARD.decode(signature) else {
            return false;
        };
        let mut sorted = pairs.to_vec();
        sorted.sort();
        sorted.dedup();
        let parameters: String = sorted
            .into_iter()
            .map(|(key, value)| key + &value)
            .collect();
        let fits = |url: &str| {
            let signed = format!("{url}{parameters}");
            hmac::verify(&self.key, signed.as_bytes(), &given).is_ok()
        };
        fits(url) || with_port_otherwise(url).is_some_and(|other| fits(&other))
    }
}

/// The address with the scheme's default port added if it has no port, and without its port otherwise.
fn with_port_otherwise(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    match authority.rsplit_once(':') {
        Some((host, said)) if !host.is_empty() && said.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("{scheme}://{host}{path}"))
        }
        _ => Some(format!("{scheme}://{authority}:{port}{path}")),
    }
}

/// What an answer to a send means.
fn read_answer(answer: &Answer) -> Result<Receipt, SendError> {
    let json = answer.json().unwrap_or(Value::Null);
    match answer.status {
        200..300 => {
            let message_id = json["sid"].as_str().map(str::to_owned);
            if message_id.is_none() {
                return Err(SendError::Unknown);
            }
            Ok(Receipt {
                message_id,
                // Null in practice; a figure that comes at once is believed.
                balance: None,
                cost: price(&json),
            })
        }
        500.. => Err(SendError::Unknown),
        status => {
            let code = json["code"]
                .as_u64()
                .and_then(|code| u32::try_from(code).ok());
            let known = code.and_then(|code| ERRORS.iter().find(|(known, _)| *known == code));
            Err(match (known, status) {
                (Some((_, error)), _) => *error,
                (None, 429) => SendError::Throttled(None),
                (None, 401 | 403) => SendError::Misconfigured,
                (None, 400..500) => SendError::Unrecognised,
                _ => SendError::Unknown,
            })
        }
    }
}

/// `price` is negative, and null until it is known; zero is a figure too.
fn price(json: &Value) -> Option<Money> {
    let currency: Currency = json["price_unit"]
        .as_str()?
        .to_ascii_uppercase()
        .parse()
        .ok()?;
    let amount: Micros = json["price"]
        .as_str()?
        .trim_start_matches('-')
        .parse()
        .ok()?;
    Some(Money::new(amount, currency))
}

/// An unknown status means still pending.
fn status(word: &str) -> Option<AttemptStatus> {
    match word {
        "sent" => Some(AttemptStatus::Sent),
        "delivered" => Some(AttemptStatus::Delivered),
        "read" => Some(AttemptStatus::Read),
        "undelivered" | "canceled" => Some(AttemptStatus::Undelivered),
        "failed" => Some(AttemptStatus::Failed),
        _ => None,
    }
}

fn report(word: &str, error: Option<u32>) -> Report {
    let unreachable = [30003, 30004, 30005, 30006, 21610, 21614];
    Report {
        status: status(word),
        reason: match error {
            Some(code) if unreachable.contains(&code) => Some(Reason::Unreachable),
            _ => Some(Reason::NotDelivered),
        },
        ..Report::default()
    }
}

#[async_trait]
impl Provider for Twilio {
    fn account(&self) -> &Account {
        &self.account
    }

    fn abilities(&self) -> Abilities {
        ABILITIES
    }

    async fn send(&self, message: &Message<'_>) -> Result<Receipt, SendError> {
        let validity = message.ttl.as_secs().to_string();
        let sender = match &self.settings.sender {
            Sender::From(from) => ("From", from.as_str()),
            Sender::MessagingService(sid) => ("MessagingServiceSid", sid.as_str()),
        };
        let form = [
            ("To", message.phone.as_str()),
            sender,
            ("Body", message.text),
            ("StatusCallback", message.callback_url),
            ("ValidityPeriod", &validity),
        ];
        let request = self.request(reqwest::Method::POST, "").form(&form);
        let answer = transport::send(request, self.account.timeout).await?;
        let read = read_answer(&answer);
        if let Err(error) = &read
            && *error != SendError::Refused
        {
            let code = answer.json().and_then(|json| json["code"].as_u64());
            tracing::warn!(provider = self.name(), status = answer.status, code, %error, "an SMS was not accepted");
        }
        read
    }

    async fn ask(&self, message_id: &str) -> Result<Report, NoAnswer> {
        // It goes into a path.
        if !message_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(NoAnswer);
        }
        let request = self.request(reqwest::Method::GET, &format!("/{message_id}"));
        let answer = transport::send(request, self.account.timeout)
            .await
            .map_err(|_| NoAnswer)?;
        let json = answer
            .json()
            .filter(|_| answer.status == 200)
            .ok_or(NoAnswer)?;
        let error = json["error_code"]
            .as_u64()
            .and_then(|code| u32::try_from(code).ok());
        Ok(Report {
            cost: price(&json),
            ..report(json["status"].as_str().unwrap_or_default(), error)
        })
    }

    /// The path's token names the attempt; the signature authenticates Twilio.
    /// Fetches the account, which is free.
    async fn examine(&self) -> (Examined, Option<DateTime<Utc>>) {
        let s = &self.settings;
        let url = format!("{}/2010-04-01/Accounts/{}.json", s.base_url, s.account_sid);
        let request = self.client.request(reqwest::Method::GET, &url);
        let request = request.basic_auth(&s.account_sid, Some(s.auth_token.expose()));
        let looked = match transport::look(request, self.account.timeout).await {
            Ok(looked) => looked,
            Err(said) => return (Examined::Away(said), None),
        };
        let status = looked.answer.json();
        let status = status
            .as_ref()
            .and_then(|account| account["status"].as_str());
        let examined = match (looked.answer.status, status) {
            (200, None | Some("active")) => Examined::Accepted,
            (200, Some(_)) => {
                Examined::Refused("reactivate the account in Twilio's console".to_owned())
            }
            (401 | 403 | 404, _) => {
                Examined::Refused("check account_sid and auth_token in Twilio's console".to_owned())
            }
            (other, _) => Examined::Unclear(format!("answered {other}")),
        };
        (examined, looked.date)
    }

    fn read_callback(
        &self,
        request: &CallbackRequest<'_>,
        arrival: &Arrival<'_>,
    ) -> Result<Read, CallbackError> {
        let attempt = arrival.attempt.ok_or(request.without_token())?;
        let signature = request
            .header("x-twilio-signature")
            .ok_or(CallbackError::NotAuthentic)?;
        let pairs = form::pairs(request.body);
        if !self.is_signed(arrival.url, &pairs, signature) {
            return Err(CallbackError::NotAuthentic);
        }
        form::refuse_doubled(&pairs)?;
        let value = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let word = value("MessageStatus")
            .or_else(|| value("SmsStatus"))
            .ok_or_else(|| CallbackError::Malformed("MessageStatus is missing".to_owned()))?;
        let error = value("ErrorCode").and_then(|code| code.parse().ok());
        Ok(Read::reports(vec![Incoming {
            about: About::Attempt(attempt),
            report: Report {
                message_id: value("MessageSid").map(str::to_owned),
                ..report(word, error)
            },
        }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::price::Prices;
    use crate::ledger::rates::Unit;
    use crate::reader::Secret;
    use crate::verification::route::Channel;

    fn twilio(token: &str) -> Twilio {
        let settings = Settings {
            account_sid: format!("AC{}", "0".repeat(32)),
            auth_token: Secret::new(token),
            sender: Sender::From("+15550001111".to_owned()),
            base_url: "https://api.twilio.com".to_owned(),
        };
        let account = Account {
            name: "twilio".to_owned(),
            channel: Channel::Sms,
            currency: Currency::USD,
            prices: Prices::default(),
            unit: Unit::Segment,
            timeout: std::time::Duration::from_secs(1),
            balance_threshold: None,
        };
        Twilio::new(account, settings, HttpClient::new().unwrap())
    }

    /// From the test suite of Twilio's own library (twilio-python, MIT).
    #[test]
    fn a_signature_fits_with_and_without_the_port_and_for_nothing_else() {
        let ours = twilio("12345");
        let mut pairs: Vec<(String, String)> = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let plain = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let ported = "https://mycompany.com:443/myapp.php?foo=1&bar=2";
        for signature in [
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
            "kvajT1Ptam85bY51eRf/AJRuM3w=",
        ] {
            assert!(ours.is_signed(plain, &pairs, signature), "{signature}");
            assert!(ours.is_signed(ported, &pairs, signature), "{signature}");
        }
        let good = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert!(!ours.is_signed("https://mycompany.com/other", &pairs, good));
        assert!(!ours.is_signed(plain, &pairs, "not base64"));
        assert!(!twilio("other").is_signed(plain, &pairs, good));
        pairs.push(("Digits".to_owned(), "1234".to_owned()));
        assert!(
            ours.is_signed(plain, &pairs, good),
            "a repeated pair counts once"
        );
        pairs.push(("Digits".to_owned(), "9".to_owned()));
        assert!(!ours.is_signed(plain, &pairs, good));
    }

    #[test]
    fn an_answer_says_what_to_do_next() {
        let read = |status: u16, body: Value| {
            read_answer(&Answer {
                status,
                body: body.to_string().into_bytes(),
            })
        };
        let taken = read(201, serde_json::json!({ "sid": "SM1", "status": "queued", "price": null, "price_unit": "USD" })).unwrap();
        assert_eq!(
            (taken.message_id.as_deref(), taken.cost),
            (Some("SM1"), None)
        );
        let error = |status, code: u32| {
            read(
                status,
                serde_json::json!({ "code": code, "status": status }),
            )
            .unwrap_err()
        };
        assert_eq!(error(400, 21614), SendError::Refused);
        assert_eq!(error(429, 20429), SendError::Throttled(None));
        assert_eq!(error(401, 20003), SendError::Misconfigured);
        assert_eq!(error(400, 12_345), SendError::Unrecognised);
        assert_eq!(error(503, 20_500), SendError::Unknown);
        assert_eq!(read(200, Value::Null).unwrap_err(), SendError::Unknown);
        assert_eq!(read(302, Value::Null).unwrap_err(), SendError::Unknown);
    }

    #[test]
    fn a_price_is_read_once_it_is_there_and_zero_is_one() {
        let read =
            |price_: Value| price(&serde_json::json!({ "price": price_, "price_unit": "usd" }));
        assert_eq!(read(Value::Null), None);
        assert_eq!(
            read("-0.00750".into()),
            Some(Money::new(Micros(7_500), Currency::USD))
        );
        assert_eq!(
            read("0".into()),
            Some(Money::new(Micros::ZERO, Currency::USD))
        );
        assert_eq!(read("cheap".into()), None);
        assert_eq!(
            price(&serde_json::json!({ "price": "-1", "price_unit": null })),
            None
        );
    }
}
