//! The kinds of integrations.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Supabase Auth's Send SMS hook.
    Supabase,
    /// ZITADEL's HTTP SMS provider.
    Zitadel,
    /// Authgear's custom SMS gateway.
    Authgear,
    /// Any other program that can POST a number and a code.
    Generic,
    /// An application of Vonage's clients, which is no hook.
    VonageApplication,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Supabase,
        Self::Zitadel,
        Self::Authgear,
        Self::Generic,
        Self::VonageApplication,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supabase => "supabase",
            Self::Zitadel => "zitadel",
            Self::Authgear => "authgear",
            Self::Generic => "generic",
            Self::VonageApplication => "vonage_application",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it calls a hook of its own.
    #[must_use]
    pub fn is_hook(self) -> bool {
        self != Self::VonageApplication
    }

    /// The program's name, as people write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Supabase => "Supabase",
            Self::Zitadel => "ZITADEL",
            Self::Authgear => "Authgear",
            Self::Generic => "Generic",
            Self::VonageApplication => "Vonage application",
        }
    }

    /// Whether the other program makes the secret, once it knows our address.
    #[must_use]
    pub fn is_secret_theirs(self) -> bool {
        matches!(self, Self::Zitadel | Self::Authgear)
    }

    /// How long a secret that was rotated is still good. Ours for webhooks is one that we sign with, and only one can be.
    #[must_use]
    pub fn overlap(self) -> Duration {
        if self.is_hook() {
            Duration::from_hours(24)
        } else {
            Duration::ZERO
        }
    }

    /// Whether it signs its requests; if not, the request holds the secret.
    #[must_use]
    pub fn signs(self) -> bool {
        self != Self::Generic
    }

    /// Whether the signature carries no time, so that a recorded request could be sent again later.
    #[must_use]
    pub fn is_replayable(self) -> bool {
        self == Self::Authgear
    }
}
