//! Any SMS provider that speaks HTTP, by configuration alone: a request with placeholders, pointers into its answer, and a
//! map of its report's words.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::settings::{Body, Match, Method, Settings};
use crate::channels::kind::{self, Surroundings};
use crate::channels::provider::{
    About, Account, Arrival, CallbackError, CallbackRequest, Draft, Examined, Incoming, Message,
    Provider, Read,
};
use crate::channels::sms::form;
use crate::channels::transport::{self, Answer, HttpClient, utf8};
use crate::json;
use crate::reader::{Checked, Reader};
use crate::verification::abilities::{Abilities, Reports};
use crate::verification::attempt::{AttemptStatus, Reason, Receipt, Report, SendError};

/// RFC 3986: everything but the unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// With reports configured.
pub const ABILITIES: Abilities = Abilities {
    reports: Reports::PerAttempt,
    ..Abilities::SENDS_ONLY
};

#[derive(Debug)]
pub struct HttpSms {
    account: Account,
    settings: Settings,
    client: HttpClient,
}

impl kind::Settings for Settings {
    fn read(table: &mut Reader<'_>) -> Checked<Self> {
        Self::read(table)
    }

    fn build(&self, account: Account, surroundings: &Surroundings<'_>) -> Arc<dyn Provider> {
        let client = surroundings.client.clone();
        Arc::new(HttpSms::new(account, self.clone(), client))
    }
}

impl HttpSms {
    #[must_use]
    pub fn new(account: Account, settings: Settings, client: HttpClient) -> Self {
        Self {
            account,
            settings,
            client,
        }
    }

    fn request(&self, message: &Message<'_>) -> reqwest::RequestBuilder {
        let attempt = message.attempt.to_string();
        let values = [
            ("{to}", message.phone.as_str()),
            ("{to_digits}", message.phone.digits()),
            ("{code}", message.code.as_str()),
            ("{text}", message.text),
            ("{attempt_id}", attempt.as_str()),
            ("{callback_url}", message.callback_url),
        ];
        let s = &self.settings;
        let method = match s.method {
            Method::Post => reqwest::Method::POST,
            Method::Get => reqwest::Method::GET,
        };
        let url = fill(&s.url, &values, percent_encode);
        let mut request = self.client.request(method, &url);
        for (name, value) in &s.headers {
            request = request.header(name, fill(value.expose(), &values, one_line));
        }
        let pairs = |pairs: &[(String, String)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(key, value)| (key.clone(), fill(value, &values, str::to_owned)))
                .collect()
        };
        match &s.body {
            Body::Json(template) => request.json(&fill_json(template, &values)),
            Body::Form(fields) => request.form(&pairs(fields)),
            Body::Query(fields) => request.query(&pairs(fields)),
        }
    }

    /// A 4xx sent nothing, 429 throttles, and an answer that neither accepts nor refuses clearly is unknown.
    fn read_answer(&self, answer: &Answer) -> Result<Receipt, SendError> {
        let s = &self.settings;
        let json = answer.json();
        let at = |pointer: &str| {
            json.as_ref()
                .and_then(|json| json.pointer(pointer))
                .and_then(plain)
        };
        let fits = |m: &Match| at(&m.pointer).is_some_and(|value| m.values.contains(&value));
        match answer.status {
            429 => return Err(SendError::Throttled(None)),
            400..500 => {
                return Err(if s.refuse.as_ref().is_some_and(fits) {
                    SendError::Refused
                } else {
                    SendError::Rejected
                });
            }
            200..300 => {}
            _ => return Err(SendError::Unknown),
        }
        if s.refuse.as_ref().is_some_and(fits) {
            return Err(SendError::Refused);
        }
        let message_id = s.id_pointer.as_deref().and_then(at);
        let accepted = match &s.accept {
            Some(accept) => fits(accept),
            None => s.id_pointer.is_none() || message_id.is_some(),
        };
        if !accepted {
            return Err(SendError::Unknown);
        }
        Ok(Receipt {
            message_id,
            balance: None,
            cost: None,
        })
    }
}

#[async_trait]
impl Provider for HttpSms {
    fn account(&self) -> &Account {
        &self.account
    }

    fn abilities(&self) -> Abilities {
        match self.settings.report {
            Some(_) => ABILITIES,
            None => Abilities::SENDS_ONLY,
        }
    }

    fn carries(&self, draft: &Draft<'_>) -> bool {
        self.settings.sends_text_alone || !draft.wording.is_message
    }

    async fn send(&self, message: &Message<'_>) -> Result<Receipt, SendError> {
        let answer = transport::send(self.request(message), self.account.timeout).await?;
        let read = self.read_answer(&answer);
        if let Err(error) = &read
            && *error != SendError::Refused
        {
            transport::note_refusal(self.name(), &answer, *error);
        }
        read
    }

    /// The path's token names the attempt and authenticates the caller; without a token nothing can be trusted.
    /// Its API is not known: any answer shows that it is reached, over TLS if the URL says so. It is shown no key.
    async fn examine(&self) -> (Examined, Option<DateTime<Utc>>) {
        let mut parts = self.settings.url.splitn(4, '/');
        let (scheme, host) = (
            parts.next().unwrap_or_default(),
            parts.nth(1).unwrap_or_default(),
        );
        let host = host.split(['?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        if host.contains('{') {
            return (
                Examined::Unclear("its host depends on the message".to_owned()),
                None,
            );
        }
        let request = self
            .client
            .request(reqwest::Method::HEAD, &format!("{scheme}//{host}/"));
        match transport::look(request, self.account.timeout).await {
            Ok(looked) => (Examined::Reached, looked.date),
            Err(said) => (Examined::Away(said), None),
        }
    }

    fn read_callback(
        &self,
        request: &CallbackRequest<'_>,
        arrival: &Arrival<'_>,
    ) -> Result<Read, CallbackError> {
        let attempt = arrival.attempt.ok_or(request.without_token())?;
        let malformed = |what: &str| CallbackError::Malformed(what.to_owned());
        let map = self
            .settings
            .report
            .as_ref()
            .ok_or_else(|| malformed("no `report` is configured for this provider"))?;
        let json: Value = if request.body.is_empty() {
            flat_object(request.query.as_bytes())?
        } else if request
            .header("content-type")
            .is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"))
        {
            flat_object(request.body)?
        } else {
            json::strict(&utf8(request.body))
                .map_err(|error| CallbackError::Malformed(error.to_string()))?
        };
        let word = json
            .pointer(&map.status_pointer)
            .and_then(plain)
            .ok_or_else(|| {
                CallbackError::Malformed(format!("nothing at {}", map.status_pointer))
            })?;
        let (status, reason) = if map.delivered.contains(&word) {
            (Some(AttemptStatus::Delivered), None)
        } else if map.failed.contains(&word) {
            (Some(AttemptStatus::Undelivered), Some(Reason::NotDelivered))
        } else {
            // Neither word: still pending.
            (None, None)
        };
        let message_id = map
            .id_pointer
            .as_deref()
            .and_then(|p| json.pointer(p))
            .and_then(plain);
        let report = Report {
            message_id,
            status,
            reason,
            cost: None,
            refunded: false,
        };
        Ok(Read::reports(vec![Incoming {
            about: About::Attempt(attempt),
            report,
        }]))
    }
}

/// Replaces each placeholder once; the inserted text is not searched again.
fn fill(template: &str, values: &[(&str, &str)], encode: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some((name, value)) = values.iter().find(|(name, _)| rest.starts_with(name)) {
            out.push_str(&encode(value));
            rest = &rest[name.len()..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

fn fill_json(template: &Value, values: &[(&str, &str)]) -> Value {
    match template {
        Value::String(text) => Value::String(fill(text, values, str::to_owned)),
        Value::Array(items) => items.iter().map(|item| fill_json(item, values)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), fill_json(value, values)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// A string, number or boolean as the text that configuration compares it with.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn flat_object(form: &[u8]) -> Result<Value, CallbackError> {
    let pairs = form::pairs(form);
    form::refuse_doubled(&pairs)?;
    let members = pairs
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)));
    Ok(members.collect::<serde_json::Map<_, _>>().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ledger::price::Prices;
    use crate::ledger::rates::Unit;
    use crate::money::{Currency, Micros};
    use crate::verification::route::Channel;

    fn provider(change: impl FnOnce(&mut Settings)) -> HttpSms {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut settings = Settings {
            method: Method::Post,
            url: "http://127.0.0.1:1/send?to={to}".to_owned(),
            headers: Vec::new(),
            body: Body::Json(json!({})),
            id_pointer: Some("/message_id".to_owned()),
            accept: Some(Match {
                pointer: "/status".to_owned(),
                values: texts(&["0", "ok"]),
            }),
            refuse: Some(Match {
                pointer: "/error_code".to_owned(),
                values: texts(&["7"]),
            }),
            report: None,
            sends_text_alone: true,
        };
        change(&mut settings);
        let account = Account {
            name: "main".to_owned(),
            channel: Channel::Sms,
            currency: Currency::USD,
            prices: Prices {
                rest: Some(Micros(50_000)),
                ..Prices::default()
            },
            unit: Unit::Segment,
            timeout: std::time::Duration::from_secs(1),
            balance_threshold: None,
        };
        HttpSms::new(account, settings, HttpClient::new().unwrap())
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn an_answer_is_taken_refused_or_unknown_as_the_contract_says() {
        let main = provider(|_| {});
        for (status, body, expected) in [
            (200, r#"{"message_id":7,"status":0}"#, Ok(Some("7"))),
            (202, r#"{"message_id":"x","status":"ok"}"#, Ok(Some("x"))),
            (200, r#"{"status":"ok"}"#, Ok(None)),
            (
                200,
                r#"{"message_id":"x","status":"queued?"}"#,
                Err(SendError::Unknown),
            ),
            (200, r#"{"error_code":"7"}"#, Err(SendError::Refused)),
            (400, r#"{"error_code":7}"#, Err(SendError::Refused)),
            (400, "no", Err(SendError::Rejected)),
            (429, "", Err(SendError::Throttled(None))),
            (
                500,
                r#"{"message_id":"x","status":"ok"}"#,
                Err(SendError::Unknown),
            ),
            (302, "", Err(SendError::Unknown)),
            (200, "<html>", Err(SendError::Unknown)),
        ] {
            let read = main
                .read_answer(&answer(status, body))
                .map(|receipt| receipt.message_id);
            assert_eq!(
                read,
                expected.map(|id| id.map(str::to_owned)),
                "{status} {body}"
            );
        }
        let by_id = provider(|settings| settings.accept = None);
        assert_eq!(
            by_id.read_answer(&answer(200, "{}")),
            Err(SendError::Unknown)
        );
    }

    #[test]
    fn placeholders_are_filled_once_and_encoded_for_their_place() {
        let values = [("{to}", "+998 {text}"), ("{text}", "a&b\r\nc")];
        assert_eq!(
            fill("{to}|{text}|{other}|{", &values, str::to_owned),
            "+998 {text}|a&b\r\nc|{other}|{"
        );
        assert_eq!(
            fill("x={to}", &values, percent_encode),
            "x=%2B998%20%7Btext%7D"
        );
        assert_eq!(fill("{text}", &values, one_line), "a&b  c");
        let filled = fill_json(&json!({ "a": ["{text}", 1, { "{to}": "{to}" }] }), &values);
        assert_eq!(
            filled,
            json!({ "a": ["a&b\r\nc", 1, { "{to}": "+998 {text}" }] })
        );
    }

    #[test]
    fn form_and_query_reports_are_read_as_one_flat_object() {
        let object = flat_object(b"status=DELIVRD&text=a+b%2Bc%zz&empty&=x").unwrap();
        assert_eq!(
            object,
            json!({ "status": "DELIVRD", "text": "a b+c%zz", "empty": "", "": "x" })
        );
    }
}
