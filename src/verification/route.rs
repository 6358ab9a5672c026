//! The ordered steps of a verification, and the providers currently available for each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::abilities::Abilities;
use super::span;
use crate::money::{Currency, Money};

pub use super::channel::Channel;

/// One step of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub channel: Channel,
    /// How long to wait for evidence of delivery before the next step.
    #[serde(with = "span::text")]
    pub wait: Duration,
    /// After delivery, move on if the code is not entered within this time.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_span"
    )]
    pub approve_within: Option<Duration>,
}

/// A provider that could carry a step's channel to this number, or why it cannot now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub channel: Channel,
    pub provider: String,
    /// What its account is billed in.
    pub currency: Currency,
    pub abilities: Abilities,
    /// The estimated cost of one message.
    pub estimate: Result<Money, Skip>,
}

/// Why a provider is skipped. A free, failed attempt records the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    Paused,
    NoPrice,
    /// A budget has no room left.
    Budget,
    /// The channel cannot carry this code.
    CodeNotCarried,
}

pub(super) mod optional_span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::span;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(span) => serializer.serialize_str(&span::format(*span)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| span::parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}
