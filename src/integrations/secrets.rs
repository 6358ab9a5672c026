//! The secret of an integration: what may be one, and making one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::Kind;

/// What is before the base64 of a key that signs (Standard Webhooks), as Supabase writes it.
const SUPABASE: &str = "v1,whsec_";

/// Why a text cannot be the secret. It never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretFault(&'static str);

/// A new secret; `None`: the other program makes it.
#[must_use]
pub fn new_secret(kind: Kind, random: [u8; 32]) -> Option<String> {
    match kind {
        Kind::Supabase => Some(format!("{SUPABASE}{}", STANDARD.encode(random))),
        Kind::Generic => Some(format!("hook_{}", URL_SAFE_NO_PAD.encode(random))),
        Kind::VonageApplication => Some(URL_SAFE_NO_PAD.encode(random)),
        Kind::Zitadel | Kind::Authgear => None,
    }
}

/// Whether a text may be the secret. Of kinds that sign, it may be several, joined by `|`.
pub fn check_secret(kind: Kind, text: &str) -> Result<(), SecretFault> {
    if text.chars().count() > 1_000 {
        return Err(SecretFault("may have at most 1000 characters"));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(SecretFault(
            "must be printable ASCII characters without spaces",
        ));
    }
    match kind {
        Kind::Supabase if !each(text).all(|one| supabase_key(one).is_some()) => Err(SecretFault(
            "must be `v1,whsec_` and 24 to 64 bytes of base64; several are joined by `|`",
        )),
        Kind::Zitadel | Kind::Authgear if each(text).any(|one| one.len() < 8) => Err(SecretFault(
            "must have at least 8 characters; several are joined by `|`",
        )),
        Kind::Generic | Kind::VonageApplication if text.len() < 16 => {
            Err(SecretFault("must have at least 16 characters"))
        }
        _ => Ok(()),
    }
}

/// Those joined in one text.
pub(super) fn each(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').map(str::trim)
}

/// The signing key in a secret of Supabase's.
pub(super) fn supabase_key(secret: &str) -> Option<Vec<u8>> {
    let encoded = secret
        .strip_prefix(SUPABASE)
        .or_else(|| secret.strip_prefix("whsec_"))?;
    let key = STANDARD.decode(encoded).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_made_may_be_one() {
        for kind in Kind::ALL {
            if let Some(secret) = new_secret(kind, [7; 32]) {
                assert_eq!(check_secret(kind, &secret), Ok(()), "{secret}");
            }
            assert_eq!(new_secret(kind, [7; 32]).is_none(), kind.is_secret_theirs());
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        for (kind, text) in [
            (Kind::Supabase, "v1,whsec_"),
            (Kind::Supabase, "v1,whsec_not-base64"),
            (
                Kind::Supabase,
                "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=|x",
            ),
            (Kind::Zitadel, "short"),
            (Kind::Zitadel, "long-enough|short"),
            (Kind::Authgear, ""),
            (Kind::Generic, "fifteen-letters"),
            (Kind::Generic, "with a space in between"),
            (Kind::Generic, &"x".repeat(1_001)),
        ] {
            assert!(check_secret(kind, text).is_err(), "{text}");
        }
        let two = "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=|v1,whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=";
        assert_eq!(check_secret(Kind::Supabase, two), Ok(()));
    }
}
