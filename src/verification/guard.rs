//! The rules of a project against pumping, with their modes and thresholds; `abuse::guard` judges by them. To add one: a variant of
//! [`Rule`], and a field of [`Rules`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::phone::{Country, LineType};

/// What becomes of a rule that fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not decided at all.
    Off,
    /// Decided and recorded, not enforced.
    Shadow,
    On,
}

impl Mode {
    pub const ALL: [Self; 3] = [Self::Off, Self::Shadow, Self::On];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::On => "on",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    UnverifiedCountry,
    UnverifiedPrefix,
    UnverifiedIp,
    UnverifiedNetwork,
    UnverifiedAsn,
    CountriesPerIp,
    Velocity,
    LineType,
    Listed,
    /// `countries.monitor` has it: it passes, and is recorded.
    Monitored,
}

impl Rule {
    /// Whether it asks for a challenge, of which a denial is made where no channel is left.
    #[must_use]
    pub fn challenges(self) -> bool {
        !matches!(self, Self::LineType | Self::Listed | Self::Monitored)
    }

    pub const ALL: [Self; 10] = [
        Self::UnverifiedCountry,
        Self::UnverifiedPrefix,
        Self::UnverifiedIp,
        Self::UnverifiedNetwork,
        Self::UnverifiedAsn,
        Self::CountriesPerIp,
        Self::Velocity,
        Self::LineType,
        Self::Listed,
        Self::Monitored,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnverifiedCountry => "unverified_country",
            Self::UnverifiedPrefix => "unverified_prefix",
            Self::UnverifiedIp => "unverified_ip",
            Self::UnverifiedNetwork => "unverified_network",
            Self::UnverifiedAsn => "unverified_asn",
            Self::CountriesPerIp => "countries_per_ip",
            Self::Velocity => "velocity",
            Self::LineType => "line_type",
            Self::Listed => "listed",
            Self::Monitored => "monitored",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text)
    }

    /// An operator's own lists and line types are enforced from the start; what is measured is first watched, as every vendor
    /// of such a guard advises.
    #[must_use]
    pub fn default_mode(self) -> Mode {
        match self {
            Self::LineType | Self::Listed | Self::Monitored => Mode::On,
            _ => Mode::Shadow,
        }
    }

    /// It counts by what is called, not by who asks.
    #[must_use]
    pub fn is_of_destination(self) -> bool {
        matches!(
            self,
            Self::UnverifiedCountry | Self::UnverifiedPrefix | Self::Velocity
        )
    }
}

/// A share, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub u16);

impl Ratio {
    /// This share of a count, divided by `parts` and rounded down. A count is above the exact figure if it is above this one.
    #[must_use]
    pub fn of(self, count: u32, parts: u32) -> u32 {
        let share = u64::from(self.0) * u64::from(count) / (1_000 * u64::from(parts.max(1)));
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

/// A budget of sends without a verification, of one day and of one hour: never less than the floors, and in proportion to what
/// was verified. The ratios and their formulas are Authgear's (its published budget of unverified one-time passwords).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    pub daily_ratio: Ratio,
    pub hourly_ratio: Ratio,
    /// Sends in 24 h.
    pub floor_day: u32,
    /// Sends in 1 h.
    pub floor_hour: u32,
}

impl Thresholds {
    /// Authgear's, 20 a day and 3 an hour.
    pub const OF_COUNTRY: Self = Self::with_floors(20, 3);
    /// Lower, since a range of 10,000 numbers has few honest receivers a day. Authgear's rule by country would miss one range inside
    /// a large country.
    pub const OF_PREFIX: Self = Self::with_floors(5, 3);
    /// Authgear's for an address, 10 a day and 5 an hour.
    pub const OF_ADDRESS: Self = Self::with_floors(10, 5);
    /// Higher, since many visitors share a network, and the addresses of a mobile operator still more. With those of an address, honest
    /// traffic was challenged seven times as often as it may be; with 20 a day, the largest networks of operators still were
    /// (`benches/merit`).
    pub const OF_NETWORK: Self = Self::with_floors(25, 12);
    pub const OF_ASN: Self = Self::with_floors(30, 15);

    const fn with_floors(floor_day: u32, floor_hour: u32) -> Self {
        Self {
            daily_ratio: Ratio(300),
            hourly_ratio: Ratio(200),
            floor_day,
            floor_hour,
        }
    }
}

/// A rule that counts sends without a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unverified {
    pub mode: Mode,
    pub usual: Thresholds,
    /// Of destinations that differ; of requesters none do, since one address serves many countries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub countries: BTreeMap<Country, Thresholds>,
}

impl Unverified {
    #[must_use]
    pub fn thresholds(&self, country: Country) -> &Thresholds {
        self.countries.get(&country).unwrap_or(&self.usual)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountriesPerIp {
    pub mode: Mode,
    /// Countries with sends and no verification from one address in 24 h. Authgear's 3.
    pub max: u32,
}

/// How far an hour may exceed the largest hour before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surge {
    /// Times the largest hour of the 14 days before.
    pub k: u32,
    /// Sends in an hour that never fire.
    pub minimum: u32,
}

impl Surge {
    pub const USUAL: Self = Self { k: 10, minimum: 50 };
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Velocity {
    pub mode: Mode,
    pub usual: Surge,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub countries: BTreeMap<Country, Surge>,
}

impl Velocity {
    #[must_use]
    pub fn surge(&self, country: Country) -> Surge {
        self.countries.get(&country).copied().unwrap_or(self.usual)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTypes {
    pub mode: Mode,
    /// Nothing is sent to these; empty by default.
    pub deny: Vec<LineType>,
}

/// All rules of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Of every rule that has no mode of its own, as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What is left to a verification that is challenged: channels that pay nobody for termination, so that there is nothing to earn.
    pub challenge_channels: Vec<Channel>,
    pub unverified_country: Unverified,
    pub unverified_prefix: Unverified,
    pub unverified_ip: Unverified,
    pub unverified_network: Unverified,
    pub unverified_asn: Unverified,
    pub countries_per_ip: CountriesPerIp,
    pub velocity: Velocity,
    pub line_type: LineTypes,
    /// Of [`Rule::Listed`].
    pub listed: Mode,
    /// Of [`Rule::Monitored`].
    pub monitored: Mode,
}

impl Default for Rules {
    fn default() -> Self {
        let unverified = |rule: Rule, usual| Unverified {
            mode: rule.default_mode(),
            usual,
            countries: BTreeMap::new(),
        };
        Self {
            mode: None,
            challenge_channels: ["telegram", "whatsapp"].map(Channel::from_storage).to_vec(),
            unverified_country: unverified(Rule::UnverifiedCountry, Thresholds::OF_COUNTRY),
            unverified_prefix: unverified(Rule::UnverifiedPrefix, Thresholds::OF_PREFIX),
            unverified_ip: unverified(Rule::UnverifiedIp, Thresholds::OF_ADDRESS),
            unverified_network: unverified(Rule::UnverifiedNetwork, Thresholds::OF_NETWORK),
            unverified_asn: unverified(Rule::UnverifiedAsn, Thresholds::OF_ASN),
            countries_per_ip: CountriesPerIp {
                mode: Rule::CountriesPerIp.default_mode(),
                max: 3,
            },
            velocity: Velocity {
                mode: Rule::Velocity.default_mode(),
                usual: Surge::USUAL,
                countries: BTreeMap::new(),
            },
            line_type: LineTypes {
                mode: Rule::LineType.default_mode(),
                deny: Vec::new(),
            },
            listed: Rule::Listed.default_mode(),
            monitored: Rule::Monitored.default_mode(),
        }
    }
}

impl Rules {
    #[must_use]
    pub fn mode(&self, rule: Rule) -> Mode {
        match rule {
            Rule::UnverifiedCountry => self.unverified_country.mode,
            Rule::UnverifiedPrefix => self.unverified_prefix.mode,
            Rule::UnverifiedIp => self.unverified_ip.mode,
            Rule::UnverifiedNetwork => self.unverified_network.mode,
            Rule::UnverifiedAsn => self.unverified_asn.mode,
            Rule::CountriesPerIp => self.countries_per_ip.mode,
            Rule::Velocity => self.velocity.mode,
            Rule::LineType => self.line_type.mode,
            Rule::Listed => self.listed,
            Rule::Monitored => self.monitored,
        }
    }

    /// Whether a challenge leaves anything of a route.
    #[must_use]
    pub fn has_challenge_channel(&self, route: impl IntoIterator<Item = Channel>) -> bool {
        let mut route = route.into_iter();
        route.any(|channel| self.challenge_channels.contains(&channel))
    }

    /// Every rule in one mode.
    #[must_use]
    pub fn all(mode: Mode) -> Self {
        let mut rules = Self {
            mode: Some(mode),
            ..Self::default()
        };
        for rule in Rule::ALL {
            *rules.mode_mut(rule) = mode;
        }
        rules
    }

    pub fn mode_mut(&mut self, rule: Rule) -> &mut Mode {
        match rule {
            Rule::UnverifiedCountry => &mut self.unverified_country.mode,
            Rule::UnverifiedPrefix => &mut self.unverified_prefix.mode,
            Rule::UnverifiedIp => &mut self.unverified_ip.mode,
            Rule::UnverifiedNetwork => &mut self.unverified_network.mode,
            Rule::UnverifiedAsn => &mut self.unverified_asn.mode,
            Rule::CountriesPerIp => &mut self.countries_per_ip.mode,
            Rule::Velocity => &mut self.velocity.mode,
            Rule::LineType => &mut self.line_type.mode,
            Rule::Listed => &mut self.listed,
            Rule::Monitored => &mut self.monitored,
        }
    }
}
