//! Secrets: values that are shown only on explicit request.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::secret::SecretKey;

/// A token, password or URL with one inside. It is neither printed nor serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads base64, standard or URL-safe, padded or not. The fault never quotes the text.
pub fn parse_key(text: &str) -> Result<SecretKey, String> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = [&alphabet::STANDARD, &alphabet::URL_SAFE]
        .into_iter()
        .find_map(|letters| GeneralPurpose::new(letters, config).decode(text).ok())
        .ok_or("is not base64; make one with `openssl rand -base64 32`")?;
    let length = bytes.len();
    <[u8; 32]>::try_from(bytes)
        .map(SecretKey)
        .map_err(|_| format!("has {length} bytes, not 32; make one with `openssl rand -base64 32`"))
}
