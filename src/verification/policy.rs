//! A project's policy for its verifications. `config` supplies the defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::countries::Countries;
use super::guard::Rules;
use super::numbers::Numbers;
use super::route::{Step, optional_span};
use super::span;
use crate::message::text::Templates;

/// The policy of a new verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Length of generated codes, 4 to 8 digits.
    pub code_length: u8,
    /// Lifetime of a verification, 30 s to 24 h.
    #[serde(with = "span::text")]
    pub ttl: Duration,
    /// Number of checks before the verification locks.
    pub max_checks: u32,
    /// Number of sends, counting the create and resends but not automatic fallbacks.
    pub max_sends: u32,
    #[serde(with = "span::text")]
    pub resend_after: Duration,
    pub route: Vec<Step>,
    pub numbers: Numbers,
    pub countries: Countries,
    pub limits: Limits,
    /// Texts by language tag; a missing language uses the default text.
    pub templates: Templates,
    /// Maximum segments of a text, 1 to 10.
    pub max_segments: u32,
    /// What stands for the sender in a text; empty: the project's name.
    pub brand: String,
    /// Spending limits, all of which apply.
    pub budgets: Vec<Budget>,
    pub twilio: TwilioRules,
    pub vonage: VonageRules,
    /// Against pumping.
    pub guard: Rules,
    pub retention: Ages,
}

/// How long data is kept, where that is shorter than in the whole installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// The number of a verification, and what hangs on it.
    #[serde(with = "optional_span")]
    pub numbers: Option<Duration>,
    /// Who asked for it.
    #[serde(with = "optional_span")]
    pub client: Option<Duration>,
    /// Of the guard.
    #[serde(with = "optional_span")]
    pub decisions: Option<Duration>,
}

/// How clients of Twilio Verify are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwilioRules {
    pub sms: SmsMeans,
    /// Whether requests may bring codes of their own.
    pub custom_codes: bool,
    /// The SIDs that the site used before; empty: only our own are known.
    pub account_sid: String,
    pub service_sid: String,
}

/// How clients of Vonage Verify are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VonageRules {
    pub sms: SmsMeans,
}

impl Default for VonageRules {
    fn default() -> Self {
        Self {
            sms: SmsMeans::Route,
        }
    }
}

/// What the channel `sms` means in a request of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsMeans {
    /// The project's route, so that Telegram goes first where it does in the route.
    Route,
    /// SMS alone.
    Literal,
}

impl Default for TwilioRules {
    fn default() -> Self {
        Self {
            sms: SmsMeans::Route,
            custom_codes: true,
            account_sid: String::new(),
            service_sid: String::new(),
        }
    }
}

/// All rates of a list apply; an empty list is "off".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub per_number: Vec<Quota>,
    pub per_ip: Vec<Quota>,
    pub creates: Vec<Quota>,
    pub wrong_codes_per_number: Vec<Quota>,
    /// Limits of the site's own, by name: sends per value that a request brings for it.
    pub keys: BTreeMap<String, Vec<Quota>>,
}

/// Whether a limit of the site's own may have this name.
#[must_use]
pub fn is_limit_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    (1..=64).contains(&name.len())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// At most `count` in any `window`: `5/10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quota {
    pub count: u32,
    pub window: Duration,
}

impl Quota {
    /// Bounded because every draw in the window is stored.
    pub const MAX_COUNT: u32 = 10_000;

    /// So many times as often.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            count: self.count.saturating_mul(times),
            ..self
        }
    }
}

impl std::str::FromStr for Quota {
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

impl TryFrom<String> for Quota {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Quota> for String {
    fn from(rate: Quota) -> Self {
        format!("{}/{}", rate.count, span::format(rate.window))
    }
}
