//! Reads what all accounts have: name, prices, currency, threshold and timeout; and lists of accounts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::kind::{Configured, Kind};
use super::provider::Account;
use crate::ledger::price::Prices;
use crate::ledger::rates::Unit;
use crate::money::Currency;
use crate::reader::{Checked, Field, Reader, all, nearest, optional, quote};
use crate::verification::phone::Country;
use crate::verification::route::Channel;

const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_mins(5);
const NAME_LENGTH: usize = 32;

/// Names of accounts, each of which may be given once.
#[derive(Debug, Default)]
pub struct Names {
    /// Of accounts that are named by their channel.
    reserved: BTreeSet<String>,
    taken: BTreeSet<String>,
}

impl Names {
    /// Reserves the name of a channel for its only account.
    pub fn reserve(&mut self, channel: Channel) {
        self.reserved.insert(channel.as_str().to_owned());
    }

    fn take(&mut self, text: &str) -> Result<String, String> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > NAME_LENGTH || !text.bytes().all(letter) {
            return Err(format!(
                "{} is not a name: 1 to {NAME_LENGTH} of a-z, 0-9, _ and -",
                quote(text)
            ));
        }
        if self.reserved.contains(text) {
            let label = Channel::from_storage(text).label();
            return Err(format!(
                "`{text}` is the name of the {label} channel; choose another"
            ));
        }
        if !self.taken.insert(text.to_owned()) {
            return Err(format!(
                "`{text}` is the name of an earlier provider; names are unique"
            ));
        }
        Ok(text.to_owned())
    }
}

/// Reads `[[TABLE.providers]]`, each of one of `kinds`. The place in the list is the place in the failover order.
pub fn list(
    root: &mut Reader<'_>,
    (channel, unit): (Channel, Unit),
    kinds: &[Kind],
    names: &mut Names,
    reporting_currency: Checked<Currency>,
) -> Checked<Vec<Configured>> {
    let mut table = root.table(channel.as_str())?;
    let items = optional(table.find("providers"), Field::items);
    table.finish();
    let items = items?.unwrap_or_default();
    all(items
        .into_iter()
        .map(|item| provider(item, (channel, unit), kinds, names, reporting_currency)))
}

fn provider(
    field: Field<'_>,
    (channel, unit): (Channel, Unit),
    kinds: &[Kind],
    names: &mut Names,
    reporting_currency: Checked<Currency>,
) -> Checked<Configured> {
    let mut table = field.table()?;
    let name = table
        .get("name")
        .and_then(|field| field.parsed(|text| names.take(text)));
    let prices = optional(table.find("prices"), prices);
    let currency = optional(table.find("currency"), Field::currency);
    let balance_threshold = optional(table.find("balance_threshold"), Field::amount);
    let timeout = optional(table.find("timeout"), timeout);
    let kind = table
        .get("kind")
        .and_then(|field| field.parsed(|text| kind(text, channel, kinds)));
    // Without the kind it is not known which other keys belong here.
    let settings = kind?.read(&mut table);
    let path = table.own_path();
    if let Ok(None) = prices {
        table.fault(
            "prices",
            "is missing, so nothing can be sent; write prices = { \"*\" = \"0.05\" }, or prices = {} \
            when all of them are on the rate card (PUT /v1/rates)",
        );
    }
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
        table.report.warn(
            format!("{path}.prices"),
            format!(
                "provider `{name}` sends only where the rate card has a price (PUT /v1/rates); elsewhere its steps are \
                skipped with reason no_price"
            ),
        );
    }
    table.finish();
    let account = Account {
        name: name?,
        channel,
        currency: currency?,
        prices: prices?,
        unit,
        timeout: timeout?.unwrap_or(TIMEOUT),
        balance_threshold: balance_threshold?,
    };
    Ok(settings?.of(account))
}

fn kind<'k>(text: &str, channel: Channel, kinds: &'k [Kind]) -> Result<&'k Kind, String> {
    let known = || kinds.iter().filter(|kind| kind.channel == channel);
    known().find(|kind| kind.name == text).ok_or_else(|| {
        let names: Vec<&str> = known().map(|kind| kind.name).collect();
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

/// How long a provider may take to answer.
pub fn timeout(field: Field<'_>) -> Checked<Duration> {
    field.span(TIMEOUTS)
}

fn prices(field: Field<'_>) -> Checked<Prices> {
    let mut prices = Prices::default();
    let (path, report) = (field.path.clone(), field.report);
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
                let twice = prices.by_country.insert(country, price).is_some();
                if twice {
                    return Err(
                        report.fault(path, format!("names {country} twice, also as ZZ; keep one"))
                    );
                }
            }
            None => prices.rest = Some(price),
        }
    }
    Ok(prices)
}
