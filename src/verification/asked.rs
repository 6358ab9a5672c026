//! Through which face a verification was requested, and what that face must remember of the request.
//!
//! Each face has verifications of its own: none finds, checks or sends again another's. To add what a face must remember: an
//! optional field of [`Asked`], at the end in the stored form too.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::origin::TraceHash;

/// The API or the dialect that a request spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// Our own API.
    #[default]
    Native,
    /// The Telegram Gateway API's methods.
    Telegram,
    /// Twilio Verify, version 2.
    Twilio,
    /// Vonage Verify, version 2.
    Vonage,
    /// The hook of an identity server.
    Integration { id: Uuid },
}

impl Face {
    /// The verification's `origin` in the API: a word, or the id of an integration.
    #[must_use]
    pub fn origin(self) -> Cow<'static, str> {
        match self {
            Self::Native => "native".into(),
            Self::Telegram => "telegram".into(),
            Self::Twilio => "twilio".into(),
            Self::Vonage => "vonage".into(),
            Self::Integration { id } => id.to_string().into(),
        }
    }
}

/// A request in a dialect, as far as it is needed later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub face: Face,
    /// The API key that made the request; its reports are signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Uuid>,
    /// Where the face reports to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_to: Option<String>,
    /// The channel that was asked for, in the face's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The site's own labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What is the same in each try of one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<TraceHash>,
}

/// A value of the site's own, such as a user's id, by which sends are limited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitKey {
    /// Of the limit.
    pub name: String,
    pub value: TraceHash,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub name: String,
    pub value: String,
}
