//! How a message reads: what the site asked for, and the text that was chosen for it. Kept with the verification.

use serde::{Deserialize, Serialize};

/// How a message reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// A language tag (RFC 5646).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Bound to this domain by a last line that browsers read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_domain: Option<String>,
    /// Eleven characters that Android's SMS Retriever reads; takes the place of the domain's line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub android_app_hash: Option<String>,
    /// The project's own text, chosen and filled in except for the code; without one, the default text of the language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

impl Wording {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
