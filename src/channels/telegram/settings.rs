//! `[telegram]`: an account of the Telegram Gateway.

use std::time::Duration;

use crate::channels::provider::Account;
use crate::channels::settings::timeout;
use crate::ledger::price::Prices;
use crate::ledger::rates::Unit;
use crate::money::{Micros, Money};
use crate::reader::{Checked, Field, Reader, Secret, optional, quote, url};
use crate::verification::route::Channel;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub token: Secret,
    /// Still accepted in the signatures of reports while the token is rotated.
    pub previous_token: Option<Secret>,
    /// Without a trailing slash.
    pub base_url: String,
    pub sender_username: Option<String>,
}

impl Settings {
    /// Requires the token.
    pub fn read(table: &mut Reader<'_>) -> Checked<Self> {
        let settings = keys(table)?;
        settings
            .ok_or_else(|| table.fault("token", "is missing; copy it from gateway.telegram.org"))
    }

    /// The account, which is named by its channel and has one price for all countries.
    #[must_use]
    pub fn account(price: Money, timeout: Duration, balance_threshold: Option<Micros>) -> Account {
        Account {
            name: Channel::Telegram.as_str().to_owned(),
            channel: Channel::Telegram,
            currency: price.currency,
            prices: Prices::flat(price.amount),
            unit: Unit::Message,
            timeout,
            balance_threshold,
        }
    }

    /// Reads `[telegram]`; `None` without a token. All of it is checked, even then.
    pub fn read_account(root: &mut Reader<'_>) -> Checked<Option<(Account, Self)>> {
        let mut table = root.table(Channel::Telegram.as_str())?;
        let settings = keys(&mut table);
        let timeout = table.get("timeout").and_then(timeout);
        let price = table.get("price").and_then(Field::money);
        let balance_threshold = optional(table.find("balance_threshold"), Field::amount);
        table.finish();
        let account = Self::account(price?, timeout?, balance_threshold?);
        Ok(settings?.map(|settings| (account, settings)))
    }
}

/// The keys of its own; `None` without a token.
fn keys(table: &mut Reader<'_>) -> Checked<Option<Settings>> {
    let token = token(table, "token");
    let previous_token = self::token(table, "previous_token");
    let base_url = table.get("base_url").and_then(url::read_base);
    let sender_username = optional(table.find("sender_username"), |field| {
        field.parsed(username)
    });
    let (token, previous_token, base_url) = (token?, previous_token?, base_url?);
    let sender_username = sender_username?;
    Ok(token.map(|token| Settings {
        token,
        previous_token,
        base_url,
        sender_username,
    }))
}

/// A token goes into a header, so it is one visible word.
fn token(table: &mut Reader<'_>, name: &str) -> Checked<Option<Secret>> {
    let token = table.secret(name)?;
    if token
        .as_ref()
        .is_some_and(|token| !token.expose().chars().all(|c| c.is_ascii_graphic()))
    {
        return Err(table.fault(
            name,
            "holds a space, a line break or a character outside ASCII; copy it again",
        ));
    }
    Ok(token)
}

fn username(text: &str) -> Result<String, String> {
    let letters = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if letters && (4..=32).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is not a channel's username: 4 to 32 letters, digits or _, without @",
        quote(text)
    ))
}
