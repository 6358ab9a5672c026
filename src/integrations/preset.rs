//! Where each program that is connected by the generic hook puts the number, the code and the rest.
//!
//! A preset is a row of [`Preset::names`]. Sources: the programs' own documentation and source code.

use serde::{Deserialize, Serialize};

/// A program whose fields are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    Logto,
    Kratos,
    Authentik,
    Keycloak,
    Casdoor,
    Fusionauth,
    Novu,
    Auth0,
}

/// JSON pointers (RFC 6901) to look at, the first that is there counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names {
    pub phone: &'static [&'static str],
    pub code: &'static [&'static str],
    pub text: &'static [&'static str],
    pub id: &'static [&'static str],
    pub locale: &'static [&'static str],
    pub ip: &'static [&'static str],
    /// An address, which holds no code and goes out as a text.
    pub link: &'static [&'static str],
    /// In seconds.
    pub ttl: &'static [&'static str],
}

impl Preset {
    pub const ALL: [Self; 8] = [
        Self::Logto,
        Self::Kratos,
        Self::Authentik,
        Self::Keycloak,
        Self::Casdoor,
        Self::Fusionauth,
        Self::Novu,
        Self::Auth0,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logto => "logto",
            Self::Kratos => "kratos",
            Self::Authentik => "authentik",
            Self::Keycloak => "keycloak",
            Self::Casdoor => "casdoor",
            Self::Fusionauth => "fusionauth",
            Self::Novu => "novu",
            Self::Auth0 => "auth0",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == text)
    }

    /// The program's name, as people write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Logto => "Logto",
            Self::Kratos => "Ory Kratos",
            Self::Authentik => "authentik",
            Self::Keycloak => "Keycloak",
            Self::Casdoor => "Casdoor",
            Self::Fusionauth => "FusionAuth",
            Self::Novu => "Novu",
            Self::Auth0 => "Auth0",
        }
    }

    /// Of a program, or of one that is not known.
    pub(super) fn names(preset: Option<Self>) -> Names {
        let usual = Names {
            phone: &["/phone_number", "/phone", "/to"],
            code: &["/code", "/otp"],
            text: &["/text", "/message", "/body"],
            id: &["/id"],
            locale: &["/locale"],
            ip: &["/ip"],
            ttl: &["/ttl"],
            link: &[],
        };
        match preset {
            None => usual,
            Some(Self::Logto) => Names {
                phone: &["/to"],
                code: &["/payload/code"],
                locale: &["/payload/locale"],
                link: &["/payload/link"],
                ip: &["/ip"],
                ..Names::default()
            },
            Some(Self::Kratos) => Names {
                phone: &["/to"],
                code: &["/code"],
                text: &["/text"],
                ttl: &["/ttl"],
                ..Names::default()
            },
            Some(Self::Authentik) => Names {
                phone: &["/To"],
                code: &["/Body"],
                text: &["/Message"],
                ..Names::default()
            },
            Some(Self::Keycloak) => Names {
                phone: &["/receiver"],
                text: &["/message"],
                id: &["/uuid"],
                ..Names::default()
            },
            Some(Self::Casdoor) => Names {
                phone: &["/phoneNumber"],
                text: &["/title", "/content"],
                ..Names::default()
            },
            Some(Self::Fusionauth) => Names {
                phone: &["/phoneNumber"],
                code: &["/code"],
                text: &["/textMessage", "/message"],
                ..Names::default()
            },
            Some(Self::Novu) => Names {
                phone: &["/to"],
                text: &["/content"],
                id: &["/id"],
                ..Names::default()
            },
            // The second ones are those of its older gateway.
            Some(Self::Auth0) => Names {
                phone: &["/to", "/recipient"],
                code: &["/code"],
                text: &["/text", "/body"],
                locale: &["/locale"],
                ip: &["/ip"],
                ..Names::default()
            },
        }
    }

    /// Whether it writes international numbers as digits alone.
    pub(super) fn drops_plus(self) -> bool {
        self == Self::Logto
    }

    /// Whether it sends a request again for as long as the answer is not 2xx, whatever the reason.
    #[must_use]
    pub fn only_retries(self) -> bool {
        self == Self::Kratos
    }
}
