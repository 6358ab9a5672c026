//! Reads `[[sms.providers]]`: what all kinds have in common. To add a kind: a file here and a line in [`KINDS`].

mod http;
mod placeholder;
mod twilio;

use std::collections::BTreeSet;
use std::time::Duration;

pub use http::{Body, HttpSms, Match, Method, ReportMap};
pub use twilio::{TwilioSender, TwilioSms};

use super::top;
use crate::ledger::price::Prices;
use crate::money::{Currency, Micros};
use crate::reader::{Checked, Field, Reader, all, nearest, optional, quote};
use crate::verification::phone::Country;

/// A way to send SMS. Its place in the list is its place in the failover order.
#[derive(Clone, Debug)]
pub struct SmsProvider {
    /// Unique; it appears in attempts, ledger, metrics and callback URLs.
    pub name: String,
    pub kind: SmsKind,
    pub prices: Prices,
    pub currency: Currency,
    /// Below it, webhooks are told.
    pub balance_threshold: Option<Micros>,
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub enum SmsKind {
    Http(HttpSms),
    Twilio(TwilioSms),
}

/// Reads the keys of one kind from a provider's table.
type ReadKind = for<'r, 'a> fn(&'r mut Reader<'a>) -> Checked<SmsKind>;

const KINDS: [(&str, ReadKind); 2] = [("http", http::read), ("twilio", twilio::read)];

const TIMEOUT: Duration = Duration::from_secs(10);
const NAME_LENGTH: usize = 32;
/// The name that the Telegram channel has as a provider.
const TAKEN: &str = "telegram";

pub(super) fn read(
    root: &mut Reader<'_>,
    reporting_currency: Checked<Currency>,
) -> Checked<Vec<SmsProvider>> {
    let mut sms = root.table("sms")?;
    let items = optional(sms.find("providers"), Field::items);
    sms.finish();
    let mut names = BTreeSet::new();
    let items = items?.unwrap_or_default();
    all(items
        .into_iter()
        .map(|item| provider(item, &mut names, reporting_currency)))
}

fn provider(
    field: Field<'_>,
    names: &mut BTreeSet<String>,
    reporting_currency: Checked<Currency>,
) -> Checked<SmsProvider> {
    let mut table = field.table()?;
    let name = table
        .get("name")
        .and_then(|field| field.parsed(|text| name(text, names)));
    let prices = optional(table.find("prices"), prices);
    let currency = optional(table.find("currency"), Field::currency);
    let balance_threshold = optional(table.find("balance_threshold"), Field::amount);
    let timeout = optional(table.find("timeout"), top::timeout);
    let kind = table.get("kind").and_then(|field| field.parsed(kind));
    // Without the kind it is not known which other keys belong here.
    let kind = kind?(&mut table);
    let path = table.own_path();
    let prices = prices.map(Option::unwrap_or_default);
    let currency = match (currency, &prices) {
        (Ok(None), Ok(prices)) if *prices != Prices::default() => Err(table.fault(
            "currency",
            "is missing; say which one the prices are in, such as \"USD\"",
        )),
        (Ok(None), _) => reporting_currency,
        (Ok(Some(given)), _) => Ok(given),
        (Err(reported), _) => Err(reported),
    };
    if let (Ok(name), Ok(prices)) = (&name, &prices)
        && *prices == Prices::default()
    {
        table.report.warn(format!(
            "{path}.prices: provider `{name}` has no prices, so every send is skipped with reason no_price; \
             add prices = {{ \"*\" = \"0.05\" }}"
        ));
    }
    table.finish();
    Ok(SmsProvider {
        name: name?,
        kind: kind?,
        prices: prices?,
        currency: currency?,
        balance_threshold: balance_threshold?,
        timeout: timeout?.unwrap_or(TIMEOUT),
    })
}

fn kind(text: &str) -> Result<ReadKind, String> {
    let found = KINDS.iter().find(|(name, _)| *name == text);
    found.map(|(_, read)| *read).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        let near = nearest(text, names.iter().copied());
        let near = near
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        format!(
            "{} is not a kind of provider; known: {}{near}",
            quote(text),
            names.join(", ")
        )
    })
}

fn name(text: &str, taken: &mut BTreeSet<String>) -> Result<String, String> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if text.is_empty() || text.len() > NAME_LENGTH || !text.bytes().all(letter) {
        return Err(format!(
            "{} is not a name: 1 to {NAME_LENGTH} of a-z, 0-9, _ and -",
            quote(text)
        ));
    }
    if text == TAKEN {
        return Err(format!(
            "`{TAKEN}` is the name of the Telegram channel; choose another"
        ));
    }
    if !taken.insert(text.to_owned()) {
        return Err(format!(
            "`{text}` is the name of an earlier provider; names are unique"
        ));
    }
    Ok(text.to_owned())
}

fn prices(field: Field<'_>) -> Checked<Prices> {
    let mut prices = Prices::default();
    let entries = field.entries()?;
    let rows = all(entries.into_iter().map(|(code, field)| {
        let country = match code.as_str() {
            "*" => Ok(None),
            code => match Country::existing(code) {
                Ok(country) => Ok(Some(country)),
                Err(problem) => field.fault(format!("{problem}; \"*\" is the rest of the world")),
            },
        };
        let price = field.amount();
        Ok((country?, price?))
    }))?;
    for (country, price) in rows {
        match country {
            Some(country) => {
                prices.by_country.insert(country, price);
            }
            None => prices.rest = Some(price),
        }
    }
    Ok(prices)
}
