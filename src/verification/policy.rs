//! What a project lets its verifications do. Where the defaults come from is `config`'s matter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::phone::Country;
use super::route::Step;
use super::span;
use crate::message::text::Templates;

/// The rules that a new verification starts under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Digits of a code that we make, 4 to 8.
    pub code_length: u8,
    /// How long a verification stays open, 30 s to 24 h.
    #[serde(with = "span::text")]
    pub ttl: Duration,
    /// Codes that are compared before the verification locks.
    pub max_checks: u32,
    /// Creates and resends; automatic fallbacks do not count.
    pub max_sends: u32,
    #[serde(with = "span::text")]
    pub resend_after: Duration,
    pub route: Vec<Step>,
    pub countries: Countries,
    pub limits: Limits,
    /// Texts by language tag; where there is none, the default text stands.
    pub templates: Templates,
    /// What a text may take, 1 to 10.
    pub max_segments: u32,
    /// The money brake: every one of them holds.
    pub budgets: Vec<Budget>,
}

/// ISO 3166 codes; an empty `allow` admits none, `None` admits every one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Countries {
    pub allow: Option<Vec<Country>>,
    pub deny: Vec<Country>,
}

impl Countries {
    #[must_use]
    pub fn admits(&self, country: Country) -> bool {
        !self.deny.contains(&country)
            && self
                .allow
                .as_ref()
                .is_none_or(|allowed| allowed.contains(&country))
    }
}

/// Every list may hold several rates, all of which apply; an empty one is "off".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub per_number: Vec<Rate>,
    pub per_ip: Vec<Rate>,
    pub creates: Vec<Rate>,
    pub wrong_codes_per_number: Vec<Rate>,
}

/// At most `count` in any `window`: `5/10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    pub count: u32,
    pub window: Duration,
}

impl Rate {
    /// A window is kept exactly, so its count is bounded.
    pub const MAX_COUNT: u32 = 10_000;
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (count, window) = text
            .split_once('/')
            .ok_or_else(|| format!("`{text}` is not a rate such as 5/10m"))?;
        let count: u32 = count
            .parse()
            .map_err(|_| format!("`{text}` is not a rate such as 5/10m"))?;
        if count == 0 || count > Self::MAX_COUNT {
            return Err(format!(
                "`{text}` must count from 1 to {}; \"off\" ends a limit",
                Self::MAX_COUNT
            ));
        }
        let window = span::parse(window)?;
        if window.is_zero() {
            return Err(format!("`{text}` has an empty window"));
        }
        Ok(Self { count, window })
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        format!("{}/{}", rate.count, span::format(rate.window))
    }
}
