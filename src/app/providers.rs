//! The program's providers: the configured ones, or the sandbox's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::channels::sms::http;
use crate::channels::transport::HttpClient;
use crate::channels::{Account, Configured, Provider, Surroundings, telegram};
use crate::config::Settings;
use crate::ledger::price::Prices;
use crate::ledger::rates::Unit;
use crate::money::{Currency, Micros, Money};
use crate::reader::Secret;
use crate::verification::route::Channel;

/// The sandbox's if there is a simulator, else the configured ones; in the order in which they are tried within a channel.
pub fn build(
    settings: &Settings,
    simulator: Option<SocketAddr>,
    public_url: &str,
    client: &HttpClient,
) -> Vec<Arc<dyn Provider>> {
    let surroundings = Surroundings { client, public_url };
    let simulated = simulator.map(simulated);
    let accounts = simulated.as_ref().unwrap_or(&settings.providers);
    accounts
        .iter()
        .map(|account| account.build(&surroundings))
        .collect()
}

/// The configured ones, to examine them.
#[must_use]
pub fn configured(settings: &Settings, client: &HttpClient) -> Vec<Arc<dyn Provider>> {
    build(settings, None, &settings.public_url, client)
}

/// The simulator, reached like any provider: over HTTP, by the same settings.
fn simulated(simulator: SocketAddr) -> Vec<Configured> {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let telegram = telegram::Settings {
        token: Secret::new("sandbox"),
        previous_token: None,
        base_url: format!("http://{simulator}/telegram"),
        sender_username: None,
    };
    let price = Money::new(Micros(10_000), Currency::USD);
    let least = Some(Micros(5_000_000));
    let telegram_account = telegram::Settings::account(price, TIMEOUT, least);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let sms = http::Settings {
        method: http::Method::Post,
        url: format!("http://{simulator}/sms/send"),
        headers: Vec::new(),
        body: http::Body::Json(serde_json::json!({
            "to": "{to}", "text": "{text}", "ref": "{attempt_id}", "dlr": "{callback_url}"
        })),
        id_pointer: Some("/message_id".to_owned()),
        accept: Some(http::Match {
            pointer: "/status".to_owned(),
            values: words(&["ok"]),
        }),
        refuse: Some(http::Match {
            pointer: "/error_code".to_owned(),
            values: words(&["7", "8"]),
        }),
        report: Some(http::ReportMap {
            id_pointer: Some("/message_id".to_owned()),
            status_pointer: "/status".to_owned(),
            delivered: words(&["DELIVRD"]),
            failed: words(&["UNDELIV", "REJECTD", "EXPIRED"]),
        }),
        sends_text_alone: true,
    };
    let prices = [
        ("UZ", 50_000),
        ("RU", 45_000),
        ("KZ", 60_000),
        ("US", 8_300),
    ];
    let sms_account = Account {
        name: "simulator".to_owned(),
        channel: Channel::Sms,
        currency: Currency::USD,
        prices: Prices {
            by_country: prices
                .iter()
                .filter_map(|(code, price)| Some((code.parse().ok()?, Micros(*price))))
                .collect(),
            rest: Some(Micros(80_000)),
        },
        unit: Unit::Segment,
        timeout: TIMEOUT,
        balance_threshold: None,
    };
    vec![
        Configured::new(telegram_account, telegram),
        Configured::new(sms_account, sms),
    ]
}
