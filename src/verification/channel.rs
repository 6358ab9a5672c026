//! Channels: names, and nothing that could be done on them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What carries a code: a name. What can be done on it is up to the provider ([`Abilities`](super::abilities::Abilities)).
///
/// To add one: a variant here and in [`Channel::ALL`]; the compiler then names the places that must say something about
/// it, and tests name the texts that must mention it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    Telegram,
    Sms,
    /// Stored by a version that knows more channels. It is shown as `other`, written back as it was, and never offered.
    Other(StoredName),
}

/// The name of a channel that this version does not know, in ASCII, padded with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredName([u8; 16]);

impl Channel {
    /// The channels that can be configured.
    pub const ALL: [Self; 2] = [Self::Telegram, Self::Sms];

    /// A network operator is paid for each message, which is what pumping earns.
    #[must_use]
    pub const fn pays_termination(self) -> bool {
        match self {
            Self::Sms => true,
            Self::Telegram | Self::Other(_) => false,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Sms => "sms",
            Self::Other(_) => "other",
        }
    }

    /// As people call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Telegram => "Telegram",
            Self::Sms => "SMS",
            Self::Other(_) => "Other",
        }
    }

    /// A name that was stored, perhaps by another version.
    #[must_use]
    pub fn from_storage(name: &str) -> Self {
        let mut kept = [0; 16];
        let known = Self::ALL.into_iter().find(|known| known.as_str() == name);
        known.unwrap_or_else(|| {
            let letters = name.bytes().filter(u8::is_ascii_graphic);
            for (place, letter) in kept.iter_mut().zip(letters) {
                *place = letter;
            }
            Self::Other(StoredName(kept))
        })
    }

    /// The name under which it is stored.
    #[must_use]
    pub fn stored(&self) -> &str {
        match self {
            Self::Other(StoredName(name)) => {
                let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
                std::str::from_utf8(&name[..end]).unwrap_or_default()
            }
            known => known.as_str(),
        }
    }

    /// `telegram and sms`, for faults.
    #[must_use]
    pub fn list() -> String {
        let names = Self::ALL.map(Self::as_str);
        let (last, others) = names.split_last().unwrap_or((&"", &[]));
        format!("{} and {last}", others.join(", "))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// As people write it: only a channel that can be configured.
impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a channel; there are {}", Self::list()))
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.stored())
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Ok(Self::from_storage(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_version_is_shown_as_other_and_kept() {
        for known in Channel::ALL {
            assert_eq!(Channel::from_storage(known.as_str()), known);
            assert_eq!(known.stored(), known.as_str());
        }
        let pigeon = Channel::from_storage("carrier_pigeon");
        assert_eq!(
            (pigeon.as_str(), pigeon.stored()),
            ("other", "carrier_pigeon")
        );
        assert_ne!(pigeon, Channel::from_storage("whatsapp"));
        let written = serde_json::to_string(&pigeon).unwrap();
        assert_eq!(written, "\"carrier_pigeon\"");
        assert_eq!(serde_json::from_str::<Channel>(&written).unwrap(), pigeon);
        assert!(
            "carrier_pigeon".parse::<Channel>().is_err() && "other".parse::<Channel>().is_err()
        );
    }

    #[test]
    fn the_channels_are_listed_as_a_sentence_needs_them() {
        assert_eq!(Channel::list(), "telegram and sms");
    }
}
