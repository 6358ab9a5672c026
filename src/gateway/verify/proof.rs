//! The proof of an approved verification: a JWT (RFC 7519) signed with Ed25519 (RFC 8037), which sites verify offline.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::room::Verify;
use crate::secret::Vault;
use crate::verification::Verification;
use crate::verification::phone::PhoneNumber;
use crate::verification::route::Channel;

const LIFE_SECONDS: i64 = 600;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: String,
    sub: &'a str,
    vid: String,
    channel: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

/// A public key of the set at `/.well-known/jwks.json`.
#[derive(Clone, Debug, Serialize)]
pub struct PublicKey {
    pub kid: String,
    /// The 32 bytes in base64url.
    pub x: String,
}

/// Depends only on stored values, so a repeated request gets the same token.
pub(super) fn sign(
    vault: &Vault,
    issuer: &str,
    (v, phone): (&Verification, &PhoneNumber),
    channel: Channel,
    at: DateTime<Utc>,
) -> String {
    let kid = vault.signing_key_id();
    let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#);
    let claims = Claims {
        iss: issuer,
        aud: v.project.0.to_string(),
        sub: phone.as_str(),
        vid: v.id.to_string(),
        channel: channel.as_str(),
        iat: at.timestamp(),
        exp: at.timestamp() + LIFE_SECONDS,
        jti: URL_SAFE_NO_PAD.encode(vault.lookup(&[b"proof", v.id.uuid().as_bytes()])),
    };
    let claims = serde_json::to_vec(&claims).expect("strings and integers always serialize");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = URL_SAFE_NO_PAD.encode(vault.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

impl Verify {
    /// The keys for verifying proofs, including previous ones.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        let keys = self.core().vault.public_keys().into_iter();
        keys.map(|(kid, public)| PublicKey {
            kid,
            x: URL_SAFE_NO_PAD.encode(public),
        })
        .collect()
    }
}
