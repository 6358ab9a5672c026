//! A Vonage application: it signs its requests with its own key, and receives signed webhooks about them.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Characters; a key of 8192 bits has 1,450.
const LONGEST: usize = 4_000;

/// Bytes: the modulus of a key of 2048 bits alone.
const SHORTEST: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    pub public_key: PublicKey,
    /// The address for webhooks about its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_url: Option<String>,
}

/// An RSA key of 2048 to 8192 bits, as PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

impl PublicKey {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key's owner signed this (RS256, RFC 7518 section 3.3).
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let parsed = der(&self.0).and_then(|der| parsed(&der));
        parsed.is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

impl TryFrom<String> for PublicKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str =
            "must be an RSA public key of 2048 to 8192 bits as PEM: -----BEGIN PUBLIC KEY-----";
        let text = text.trim();
        let fits = text.len() <= LONGEST && der(text).is_some_and(|der| parsed(&der).is_some());
        fits.then(|| Self(text.to_owned())).ok_or(EXPECTED)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

/// What is between the lines of a PEM (RFC 7468).
fn der(pem: &str) -> Option<Vec<u8>> {
    let inside = ["PUBLIC KEY", "RSA PUBLIC KEY"].iter().find_map(|label| {
        let rest = pem.strip_prefix(&format!("-----BEGIN {label}-----"))?;
        rest.strip_suffix(&format!("-----END {label}-----"))
    })?;
    let encoded: String = inside
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    STANDARD
        .decode(encoded)
        .ok()
        .filter(|der| der.len() > SHORTEST)
}

fn parsed(der: &[u8]) -> Option<ParsedPublicKey> {
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok()
}
