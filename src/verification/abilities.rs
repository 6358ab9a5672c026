//! What one provider's account can do. It is the account's, not the channel's: the rules ask these and never a channel.
//!
//! They come with an offer and are kept with the attempt where they are not the usual ones of its channel, so that an attempt
//! follows the abilities that it was planned with. To add one: a field with a serde default that preserves the meaning of stored attempts.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::channel::Channel;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// How delivery reports arrive.
    pub reports: Reports,
    /// Whether the status of a message can be asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask: bool,
    pub tells_price: TellsPrice,
    pub charged: Charged,
    /// Whether a message can be revoked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoke: bool,
    /// Whether the provider wants to know that the code was entered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_of_success: bool,
    pub ttl: Ttl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reports {
    /// To an address for each attempt, whose token authenticates the caller.
    PerAttempt,
    /// To one address for the account; the provider signs them.
    PerAccount,
    /// None arrive; the status is asked for.
    ByAsking,
    /// Over the connection that sends.
    OnSession,
    None,
}

impl Reports {
    /// Whether they arrive by themselves, so that asking is only the safety net.
    #[must_use]
    pub fn arrive(self) -> bool {
        match self {
            Self::PerAttempt | Self::PerAccount | Self::OnSession => true,
            Self::ByAsking | Self::None => false,
        }
    }
}

/// When the provider says what a message cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TellsPrice {
    InAnswer,
    InReport,
    /// Only when it is asked some time later.
    ByAsking,
    Never,
}

/// What makes a message cost money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charged {
    OnAcceptance,
    OnDelivery,
}

/// How long a message may wait to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ttl {
    /// Each message says so, in seconds within these bounds.
    PerMessage { least: u32, most: u32 },
    /// Fixed by the template.
    Template,
    /// The provider has no such setting.
    None,
}

impl Ttl {
    #[must_use]
    pub const fn per_message(seconds: RangeInclusive<u32>) -> Self {
        Self::PerMessage {
            least: *seconds.start(),
            most: *seconds.end(),
        }
    }

    /// The time that a message carries which may wait `wanted`.
    #[must_use]
    pub fn within(self, wanted: Duration) -> Duration {
        match self {
            Self::PerMessage { least, most } => {
                let seconds = wanted.as_secs().clamp(least.into(), most.into());
                Duration::from_secs(seconds)
            }
            Self::Template | Self::None => wanted,
        }
    }
}

impl Abilities {
    /// For an account that only sends.
    pub const SENDS_ONLY: Self = Self {
        reports: Reports::None,
        ask: false,
        tells_price: TellsPrice::Never,
        charged: Charged::OnAcceptance,
        revoke: false,
        told_of_success: false,
        ttl: Ttl::None,
    };

    /// What an attempt of this channel can do whose record says nothing else: the common case is not stored, which keeps records
    /// short. Stored attempts rely on it, so it never changes. It is the one place that goes by a channel's name.
    pub(super) fn usual_for(channel: Channel) -> Self {
        match channel.as_str() {
            "telegram" => Self {
                reports: Reports::PerAccount,
                ask: true,
                tells_price: TellsPrice::InAnswer,
                charged: Charged::OnAcceptance,
                revoke: true,
                told_of_success: true,
                ttl: Ttl::per_message(30..=3_600),
            },
            "sms" => Self {
                reports: Reports::PerAttempt,
                ..Self::SENDS_ONLY
            },
            // Later channels have always stored theirs.
            _ => Self::SENDS_ONLY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abilities_are_read_back_as_written() {
        let all = Abilities::usual_for(Channel::Telegram);
        for abilities in [all, Abilities::SENDS_ONLY] {
            let written = serde_json::to_string(&abilities).unwrap();
            assert_eq!(
                serde_json::from_str::<Abilities>(&written).unwrap(),
                abilities
            );
        }
    }
}
