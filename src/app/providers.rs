//! What the settings say about providers becomes the adapters of `delivery`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Settings, SmsKind};
use crate::delivery::Provider;
use crate::delivery::http::HttpClient;
use crate::delivery::sms::http as sms;
use crate::delivery::sms::twilio::{self, Twilio};
use crate::delivery::telegram::{self, Telegram};
use crate::ledger::price::Prices;
use crate::money::{Currency, Micros, Money};

pub fn configured(
    settings: &Settings,
    public_url: &str,
    client: &HttpClient,
) -> Vec<Arc<dyn Provider>> {
    let telegram = settings.telegram.iter().map(|telegram| {
        // Telegram refuses a callback address that is not https.
        let own = telegram.base_url.trim_end_matches('/') == "https://gatewayapi.telegram.org";
        let send_callback_url = public_url.starts_with("https://") || !own;
        if !send_callback_url {
            tracing::warn!(
                public_url,
                "Telegram reports only to https addresses: statuses are asked for instead"
            );
        }
        let settings = telegram::Settings {
            token: telegram.token.expose().to_owned(),
            previous_token: telegram
                .previous_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
            base_url: telegram.base_url.clone(),
            sender_username: telegram.sender_username.clone(),
            timeout: telegram.timeout,
            price: telegram.price,
            send_callback_url,
        };
        Arc::new(Telegram::new(settings, client.clone())) as Arc<dyn Provider>
    });
    let sms = settings.sms_providers.iter().map(|provider| {
        let client = client.clone();
        match &provider.kind {
            SmsKind::Http(kind) => {
                Arc::new(sms::HttpSms::new(http_sms(provider, kind), client)) as Arc<dyn Provider>
            }
            SmsKind::Twilio(kind) => Arc::new(Twilio::new(twilio_sms(provider, kind), client)),
        }
    });
    telegram.chain(sms).collect()
}

fn http_sms(provider: &config::SmsProvider, kind: &config::HttpSms) -> sms::Settings {
    let texts = |pairs: &[(String, config::Secret)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect()
    };
    let fits = |m: &config::Match| sms::Match {
        pointer: m.pointer.clone(),
        values: m.values.clone(),
    };
    sms::Settings {
        name: provider.name.clone(),
        post: kind.method == config::Method::Post,
        url: kind.url.clone(),
        headers: texts(&kind.headers),
        body: match &kind.body {
            config::Body::Json(value) => sms::Body::Json(value.clone()),
            config::Body::Form(pairs) => sms::Body::Form(pairs.clone()),
            config::Body::Query(pairs) => sms::Body::Query(pairs.clone()),
        },
        id_pointer: kind.id_pointer.clone(),
        accept: kind.accept.as_ref().map(fits),
        refuse: kind.refuse.as_ref().map(fits),
        report: kind.report.as_ref().map(|map| sms::ReportMap {
            id_pointer: map.id_pointer.clone(),
            status_pointer: map.status_pointer.clone(),
            delivered: map.delivered.clone(),
            failed: map.failed.clone(),
        }),
        prices: provider.prices.clone(),
        currency: provider.currency,
        timeout: provider.timeout,
    }
}

fn twilio_sms(provider: &config::SmsProvider, kind: &config::TwilioSms) -> twilio::Settings {
    twilio::Settings {
        name: provider.name.clone(),
        account_sid: kind.account_sid.clone(),
        auth_token: kind.auth_token.expose().to_owned(),
        sender: match kind.sender.clone() {
            config::TwilioSender::From(from) => twilio::Sender::From(from),
            config::TwilioSender::MessagingService(sid) => twilio::Sender::MessagingService(sid),
        },
        base_url: kind.base_url.clone(),
        prices: provider.prices.clone(),
        currency: provider.currency,
        timeout: provider.timeout,
    }
}

/// What must be left with each provider that says so.
pub fn thresholds(settings: &Settings) -> HashMap<String, Micros> {
    let telegram = settings.telegram.iter();
    let telegram = telegram.map(|telegram| ("telegram", telegram.balance_threshold));
    let sms = settings.sms_providers.iter();
    let sms = sms.map(|provider| (provider.name.as_str(), provider.balance_threshold));
    let named = telegram.chain(sms);
    named
        .filter_map(|(name, threshold)| Some((name.to_owned(), threshold?)))
        .collect()
}

/// The same of the sandbox's.
pub fn simulated_thresholds() -> HashMap<String, Micros> {
    HashMap::from([("telegram".to_owned(), Micros(5_000_000))])
}

/// The simulator spoken to as any provider is: over HTTP, through the same adapters.
pub fn simulated(simulator: SocketAddr, client: &HttpClient) -> Vec<Arc<dyn Provider>> {
    let telegram = telegram::Settings {
        token: "sandbox".to_owned(),
        previous_token: None,
        base_url: format!("http://{simulator}/telegram"),
        sender_username: None,
        timeout: Duration::from_secs(5),
        price: Money::new(Micros(10_000), Currency::USD),
        send_callback_url: true,
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let prices = [
        ("UZ", 50_000),
        ("RU", 45_000),
        ("KZ", 60_000),
        ("US", 8_300),
    ];
    let sms = sms::Settings {
        name: "simulator".to_owned(),
        post: true,
        url: format!("http://{simulator}/sms/send"),
        headers: Vec::new(),
        body: sms::Body::Json(serde_json::json!({
            "to": "{to}", "text": "{text}", "ref": "{attempt_id}", "dlr": "{callback_url}"
        })),
        id_pointer: Some("/message_id".to_owned()),
        accept: Some(sms::Match {
            pointer: "/status".to_owned(),
            values: words(&["ok"]),
        }),
        refuse: Some(sms::Match {
            pointer: "/error_code".to_owned(),
            values: words(&["7", "8"]),
        }),
        report: Some(sms::ReportMap {
            id_pointer: Some("/message_id".to_owned()),
            status_pointer: "/status".to_owned(),
            delivered: words(&["DELIVRD"]),
            failed: words(&["UNDELIV", "REJECTD", "EXPIRED"]),
        }),
        prices: Prices {
            by_country: prices
                .iter()
                .filter_map(|(code, price)| Some((code.parse().ok()?, Micros(*price))))
                .collect(),
            rest: Some(Micros(80_000)),
        },
        currency: Currency::USD,
        timeout: Duration::from_secs(5),
    };
    vec![
        Arc::new(Telegram::new(telegram, client.clone())),
        Arc::new(sms::HttpSms::new(sms, client.clone())),
    ]
}
