//! The site's requests about a message's text, and the text chosen. Stored with the verification.

use serde::{Deserialize, Serialize};

/// Language, autofill line and text of a verification's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// A language tag (RFC 5646).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The domain in the last line, which binds the code to it for browsers (WebOTP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_domain: Option<String>,
    /// Eleven characters for Android's SMS Retriever, on the last line instead of the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub android_app_hash: Option<String>,
    /// The project's own text, filled in except for the code; `None`: the default text of `locale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What is sent is no code but a whole text, so nothing else is said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_message: bool,
}

impl Wording {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
