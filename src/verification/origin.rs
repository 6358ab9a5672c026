//! Who asked for a verification and where it goes, as far as rules against pumping need it: keyed hashes, never an address.
//!
//! It is part of the verification's own record, so that past traffic can be judged again. Personal by its link to a person:
//! the requester's part has a shorter age than the rest.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::phone::{Country, LineType};

/// A keyed hash that outlives its plain text: equal for equal texts, for as long as the installation lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceHash(pub [u8; 8]);

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceHash({})", String::from(*self))
    }
}

impl From<TraceHash> for String {
    fn from(hash: TraceHash) -> Self {
        URL_SAFE_NO_PAD.encode(hash.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash of 8 bytes in base64url")]
pub struct NoHash;

impl TryFrom<String> for TraceHash {
    type Error = NoHash;

    fn try_from(text: String) -> Result<Self, NoHash> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoHash)?;
        Ok(Self(bytes.try_into().map_err(|_| NoHash)?))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The number without its last four digits: numbers of one range, which is what pumping uses up.
    pub prefix: TraceHash,
    pub line: LineType,
    #[serde(default, skip_serializing_if = "Requester::is_unknown")]
    pub requester: Requester,
}

/// The visitor, as the site described it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<TraceHash>,
    /// IPv4: the /24. IPv6: the /64 and the /48, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<TraceHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<TraceHash>,
    /// The autonomous system of its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// The country of its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// The lists allowed its address at the start, where nothing more specific decides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_allowed: bool,
    /// The language that the site asked for, as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

impl Requester {
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_back_as_it_was_written() {
        let hash = |byte| TraceHash([byte; 8]);
        let known = Requester {
            ip: Some(hash(1)),
            networks: vec![hash(2), hash(3)],
            user_agent: Some(hash(4)),
            locale: Some("ru".to_owned()),
            asn: Some(64_496),
            country: Some("UZ".parse().unwrap()),
            is_allowed: true,
        };
        for requester in [known, Requester::default()] {
            let origin = Origin {
                prefix: hash(9),
                line: LineType::Mobile,
                requester,
            };
            let text = serde_json::to_string(&origin).unwrap();
            assert_eq!(serde_json::from_str::<Origin>(&text).unwrap(), origin);
        }
        let shortest = r#"{"prefix":"CQkJCQkJCQk","line":"mobile"}"#;
        let read: Origin = serde_json::from_str(shortest).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), shortest);
        assert!(serde_json::from_str::<Origin>(r#"{"prefix":"CQk","line":"mobile"}"#).is_err());
    }
}
