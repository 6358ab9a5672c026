//! The table `guard` of a project's rules, as it is written. What is left out has its default; [`Settings::resolve`] says what is wrong.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::rules::{Mode, Ratio, Rule, Rules, Surge, Thresholds, Unverified};
use crate::verification::channel::Channel;
use crate::verification::phone::{Country, LineType};

/// `guard = { mode, challenge_channels, rules }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Of every rule that has no mode of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge_channels: Option<Vec<String>>,
    pub rules: RuleSettings,
}

/// `guard.rules`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSettings {
    pub unverified_country: DestinationSettings,
    pub unverified_prefix: DestinationSettings,
    pub unverified_ip: RequesterSettings,
    pub unverified_network: RequesterSettings,
    pub unverified_asn: RequesterSettings,
    pub countries_per_ip: CountriesPerIpSettings,
    pub velocity: VelocitySettings,
    pub line_type: LineTypeSettings,
    pub listed: ListedSettings,
}

/// A budget of unverified sends to a destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DestinationSettings {
    pub mode: Option<Mode>,
    pub daily_ratio: Option<f64>,
    pub hourly_ratio: Option<f64>,
    pub floor_day: Option<u32>,
    pub floor_hour: Option<u32>,
    /// What differs, by ISO 3166 code.
    pub countries: BTreeMap<String, ThresholdSettings>,
}

/// The same of a requester. It has no `countries`: one address asks for many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequesterSettings {
    pub mode: Option<Mode>,
    pub daily_ratio: Option<f64>,
    pub hourly_ratio: Option<f64>,
    pub floor_day: Option<u32>,
    pub floor_hour: Option<u32>,
}

/// Ratios are shares of what was verified; floors are counts of sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdSettings {
    pub daily_ratio: Option<f64>,
    pub hourly_ratio: Option<f64>,
    pub floor_day: Option<u32>,
    pub floor_hour: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountriesPerIpSettings {
    pub mode: Option<Mode>,
    pub max: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VelocitySettings {
    pub mode: Option<Mode>,
    pub k: Option<u32>,
    pub minimum: Option<u32>,
    pub countries: BTreeMap<String, SurgeSettings>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurgeSettings {
    pub k: Option<u32>,
    pub minimum: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineTypeSettings {
    pub mode: Option<Mode>,
    pub deny: Vec<LineType>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListedSettings {
    pub mode: Option<Mode>,
}

/// One thing that is wrong, as a path below `guard`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Such as `rules.unverified_prefix.countries.KZ.daily_ratio`.
    pub field: String,
    /// As it was written.
    pub value: String,
    /// What to write instead.
    pub mend: String,
}

const RATIOS: RangeInclusive<f64> = 0.0..=10.0;
const FLOORS: RangeInclusive<u32> = 1..=1_000_000;
const MAX_COUNTRIES: RangeInclusive<u32> = 1..=50;
const FACTORS: RangeInclusive<u32> = 2..=1_000;

impl Settings {
    /// Everything that is out of range or contradicts.
    #[must_use]
    pub fn check(&self) -> Vec<Fault> {
        self.resolve().err().unwrap_or_default()
    }

    /// The complete rules.
    pub fn resolve(&self) -> Result<Rules, Vec<Fault>> {
        let mut check = Check::default();
        let mut rules = self.mode.map_or_else(Rules::default, Rules::all);
        let own = &self.rules;
        for rule in Rule::ALL {
            if let Some(mode) = own.mode(rule) {
                *rules.mode_mut(rule) = mode;
            }
        }
        if let Some(names) = &self.challenge_channels {
            rules.challenge_channels = check.channels(names);
        }
        let country = &own.unverified_country;
        check.destination("unverified_country", country, &mut rules.unverified_country);
        let prefix = &own.unverified_prefix;
        check.destination("unverified_prefix", prefix, &mut rules.unverified_prefix);
        for (name, own, resolved) in [
            ("ip", &own.unverified_ip, &mut rules.unverified_ip),
            (
                "network",
                &own.unverified_network,
                &mut rules.unverified_network,
            ),
            ("asn", &own.unverified_asn, &mut rules.unverified_asn),
        ] {
            let at = format!("rules.unverified_{name}");
            resolved.usual = check.thresholds(&at, own.into(), resolved.usual);
        }
        let max = own.countries_per_ip.max;
        let at = "rules.countries_per_ip.max";
        rules.countries_per_ip.max =
            check.whole(at, max, &MAX_COUNTRIES, rules.countries_per_ip.max);
        let velocity = &own.velocity;
        let usual = SurgeSettings {
            k: velocity.k,
            minimum: velocity.minimum,
        };
        rules.velocity.usual = check.surge("rules.velocity", usual, Surge::USUAL);
        for (code, own) in &velocity.countries {
            let at = format!("rules.velocity.countries.{code}");
            let surge = check.surge(&at, *own, rules.velocity.usual);
            if let Some(country) = check.country(&at, code) {
                rules.velocity.countries.insert(country, surge);
            }
        }
        rules.line_type.deny = check.line_types(&own.line_type.deny);
        if check.faults.is_empty() {
            Ok(rules)
        } else {
            Err(check.faults)
        }
    }
}

impl RuleSettings {
    fn mode(&self, rule: Rule) -> Option<Mode> {
        match rule {
            Rule::UnverifiedCountry => self.unverified_country.mode,
            Rule::UnverifiedPrefix => self.unverified_prefix.mode,
            Rule::UnverifiedIp => self.unverified_ip.mode,
            Rule::UnverifiedNetwork => self.unverified_network.mode,
            Rule::UnverifiedAsn => self.unverified_asn.mode,
            Rule::CountriesPerIp => self.countries_per_ip.mode,
            Rule::Velocity => self.velocity.mode,
            Rule::LineType => self.line_type.mode,
            Rule::Listed => self.listed.mode,
        }
    }
}

impl From<&DestinationSettings> for ThresholdSettings {
    fn from(own: &DestinationSettings) -> Self {
        Self {
            daily_ratio: own.daily_ratio,
            hourly_ratio: own.hourly_ratio,
            floor_day: own.floor_day,
            floor_hour: own.floor_hour,
        }
    }
}

impl From<&RequesterSettings> for ThresholdSettings {
    fn from(own: &RequesterSettings) -> Self {
        Self {
            daily_ratio: own.daily_ratio,
            hourly_ratio: own.hourly_ratio,
            floor_day: own.floor_day,
            floor_hour: own.floor_hour,
        }
    }
}

/// Collects what is wrong.
#[derive(Default)]
struct Check {
    faults: Vec<Fault>,
}

impl Check {
    fn fault(&mut self, field: &str, value: &dyn ToString, mend: impl Into<String>) {
        self.faults.push(Fault {
            field: field.to_owned(),
            value: value.to_string(),
            mend: mend.into(),
        });
    }

    fn whole(&mut self, at: &str, own: Option<u32>, in_: &RangeInclusive<u32>, usual: u32) -> u32 {
        let value = own.unwrap_or(usual);
        if !in_.contains(&value) {
            let mend = format!("write {} to {}", in_.start(), in_.end());
            self.fault(at, &value, mend);
        }
        value
    }

    fn ratio(&mut self, at: &str, own: Option<f64>, usual: Ratio) -> Ratio {
        let Some(share) = own else { return usual };
        if !RATIOS.contains(&share) {
            self.fault(at, &share, "write a share from 0 to 10, such as 0.3");
            return usual;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 10000"
        )]
        Ratio((share * 1_000.0).round() as u16)
    }

    fn thresholds(&mut self, at: &str, own: ThresholdSettings, usual: Thresholds) -> Thresholds {
        let floor_day = format!("{at}.floor_day");
        let found = Thresholds {
            daily_ratio: self.ratio(
                &format!("{at}.daily_ratio"),
                own.daily_ratio,
                usual.daily_ratio,
            ),
            hourly_ratio: self.ratio(
                &format!("{at}.hourly_ratio"),
                own.hourly_ratio,
                usual.hourly_ratio,
            ),
            floor_day: self.whole(&floor_day, own.floor_day, &FLOORS, usual.floor_day),
            floor_hour: self.whole(
                &format!("{at}.floor_hour"),
                own.floor_hour,
                &FLOORS,
                usual.floor_hour,
            ),
        };
        if found.floor_hour > found.floor_day {
            let mend = format!(
                "an hour may not have more than its day; write at least floor_hour, {}",
                found.floor_hour
            );
            self.fault(&floor_day, &found.floor_day, mend);
        }
        found
    }

    fn destination(&mut self, rule: &str, own: &DestinationSettings, resolved: &mut Unverified) {
        let at = format!("rules.{rule}");
        resolved.usual = self.thresholds(&at, own.into(), resolved.usual);
        for (code, own) in &own.countries {
            let at = format!("{at}.countries.{code}");
            let found = self.thresholds(&at, *own, resolved.usual);
            if let Some(country) = self.country(&at, code) {
                resolved.countries.insert(country, found);
            }
        }
    }

    fn country(&mut self, at: &str, code: &str) -> Option<Country> {
        match Country::existing(code) {
            Ok(country) => Some(country),
            Err(why) => {
                self.fault(
                    at,
                    &code,
                    format!("{why}; write an ISO 3166 code, such as UZ"),
                );
                None
            }
        }
    }

    fn surge(&mut self, at: &str, own: SurgeSettings, usual: Surge) -> Surge {
        Surge {
            k: self.whole(&format!("{at}.k"), own.k, &FACTORS, usual.k),
            minimum: self.whole(
                &format!("{at}.minimum"),
                own.minimum,
                &FLOORS,
                usual.minimum,
            ),
        }
    }

    fn channels(&mut self, names: &[String]) -> Vec<Channel> {
        let defaults = Rules::default().challenge_channels;
        let mut found: Vec<Channel> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let at = format!("challenge_channels[{place}]");
            let channel = Channel::from_storage(name);
            if channel.pays_termination() {
                let mend = "pays operators for termination, which is what pumping earns; remove it";
                self.fault(&at, &name, mend);
            } else if !Channel::ALL.contains(&channel) && !defaults.contains(&channel) {
                let names: Vec<_> = defaults.iter().map(Channel::stored).collect();
                self.fault(&at, &name, format!("choose from {}", names.join(", ")));
            } else if found.contains(&channel) {
                self.fault(&at, &name, "is there twice; remove one");
            } else {
                found.push(channel);
            }
        }
        found
    }

    fn line_types(&mut self, types: &[LineType]) -> Vec<LineType> {
        let mut found: Vec<LineType> = Vec::new();
        for (place, line) in types.iter().enumerate() {
            let at = format!("rules.line_type.deny[{place}]");
            let name = serde_json::to_value(line).unwrap_or_default();
            let name = name.as_str().unwrap_or_default();
            match line {
                LineType::Mobile => {
                    self.fault(&at, &name, "would block every mobile phone; remove it");
                }
                LineType::FixedOrMobile => self.fault(
                    &at,
                    &name,
                    "mobile phones share these ranges, in the US all of them; remove it",
                ),
                LineType::FixedLine | LineType::Voip | LineType::Other => {
                    if !found.contains(line) {
                        found.push(*line);
                    }
                }
            }
        }
        found
    }
}
