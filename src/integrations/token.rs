//! JSON Web Tokens (RFC 7519) of Vonage: an application's requests carry one, and so do the requests that tell it what became of them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::application::PublicKey;

/// How far clocks may differ, in seconds.
const TOLERANCE: i64 = 60;
/// How long a token may be good, in seconds.
const LONGEST: i64 = 24 * 60 * 60;

/// A token whose signature has yet to be checked.
#[derive(Debug)]
pub struct Token<'a> {
    pub application: Uuid,
    issued_at: i64,
    expires_at: i64,
    not_before: Option<i64>,
    /// Header and claims, as they were signed.
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    application_id: Uuid,
    iat: f64,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

impl<'a> Token<'a> {
    /// `None`: it is no token of an application, or signed in another way than RS256.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let header: Header = serde_json::from_slice(&part(header)?).ok()?;
        if header.alg != "RS256" || header.crit.is_some() {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&part(claims)?).ok()?;
        Some(Self {
            application: claims.application_id,
            issued_at: seconds(claims.iat)?,
            expires_at: seconds(claims.exp)?,
            not_before: match claims.nbf {
                Some(at) => Some(seconds(at)?),
                None => None,
            },
            signed,
            signature: part(signature)?,
        })
    }

    /// Whether the owner of the key signed it, and it is in force.
    #[must_use]
    pub fn is_good(&self, key: &PublicKey, now: DateTime<Utc>) -> bool {
        let now = now.timestamp();
        now < self.expires_at + TOLERANCE
            && self.issued_at <= now + TOLERANCE
            && self.not_before.is_none_or(|at| at <= now + TOLERANCE)
            && self.expires_at - self.issued_at <= LONGEST + TOLERANCE
            && key.has_signed(self.signed.as_bytes(), &self.signature)
    }
}

/// A `NumericDate`, which may have a fraction.
fn seconds(at: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
    (0.0..1e12).contains(&at).then(|| at.floor() as i64)
}

/// These claims, signed with HS256.
#[must_use]
pub fn signed(secret: &[u8], claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        signed.as_bytes(),
    );
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn pem(pair: &KeyPair) -> String {
        let encoded = STANDARD.encode(pair.public_key().as_ref());
        format!("-----BEGIN RSA PUBLIC KEY-----\n{encoded}\n-----END RSA PUBLIC KEY-----\n")
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "RSA asks for a source of randomness, though this way of signing needs none"
    )]
    fn token(pair: &KeyPair, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
        signed.unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_token_is_good_while_it_is_in_force_and_for_a_day_at_most() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let key = PublicKey::try_from(pem(&pair)).unwrap();
        let other = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let other = PublicKey::try_from(pem(&other)).unwrap();
        let id = Uuid::from_u128(7);
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let rs256 = json!({ "alg": "RS256", "typ": "JWT" });
        let claims = |iat: i64, exp: i64| json!({ "application_id": id, "iat": iat, "exp": exp, "jti": "x", "acl": {} });
        for (iat, exp, good) in [
            (NOW, NOW + 900, true),
            (NOW + 60, NOW + 900, true),
            (NOW + 61, NOW + 900, false),
            (NOW - 900, NOW - 59, true),
            (NOW - 900, NOW - 60, false),
            (NOW, NOW + 86_460, true),
            (NOW, NOW + 86_461, false),
            (0, i64::from(u32::MAX), false),
        ] {
            let text = token(&pair, &rs256, &claims(iat, exp));
            let read = Token::read(&text).unwrap();
            assert_eq!(read.application, id);
            assert_eq!(read.is_good(&key, now), good, "{iat} {exp}");
            assert!(!read.is_good(&other, now));
        }
        let mut later = claims(NOW, NOW + 900);
        later["nbf"] = json!(NOW + 100);
        assert!(
            !Token::read(&token(&pair, &rs256, &later))
                .unwrap()
                .is_good(&key, now)
        );
        for (header, claims) in [
            (json!({ "alg": "none" }), claims(NOW, NOW + 900)),
            (json!({ "alg": "HS256" }), claims(NOW, NOW + 900)),
            (
                json!({ "alg": "RS256", "crit": ["exp"] }),
                claims(NOW, NOW + 900),
            ),
            (
                rs256.clone(),
                json!({ "application_id": id, "exp": NOW + 900 }),
            ),
            (rs256.clone(), json!({ "iat": NOW, "exp": NOW + 900 })),
            (
                rs256.clone(),
                json!({ "application_id": id, "iat": NOW, "exp": 1e300 }),
            ),
            (
                rs256,
                json!({ "application_id": "x", "iat": NOW, "exp": NOW + 900 }),
            ),
        ] {
            assert!(
                Token::read(&token(&pair, &header, &claims)).is_none(),
                "{claims}"
            );
        }
        for junk in ["", ".", "..", "a.b.c", "ä.ö.ü"] {
            assert!(Token::read(junk).is_none(), "{junk}");
        }
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let good = pem(&pair);
        let stored = PublicKey::try_from(good.clone()).unwrap();
        assert_eq!(
            serde_json::from_value::<PublicKey>(json!(good)).unwrap(),
            stored
        );
        // 1024 bits; and a key of another kind.
        let small = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDEEBVcmBYpvVuebQLqKoTNKQRLrMSUgXJKP2+FbfCQ7R5LFGYyLVcTdnFWUDKmrYPBtD3PlZ5SMyUGpzGxcgo3ZDVIYQUCuBaUEyPQkxCv1zHkKQPpEEp6vFSZ8bWLmHZpYpzxvBxQfRtvxYyrBrsNe1VHhRrMNq2LBuvGBIEbRQIDAQAB\n-----END PUBLIC KEY-----";
        let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----";
        for wrong in [
            "",
            "-----BEGIN PUBLIC KEY-----",
            small,
            ed25519,
            &good[40..],
            &"x".repeat(5_000),
        ] {
            assert!(PublicKey::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn claims_are_signed_with_the_secret() {
        // RFC 7515, appendix A.1, has another header; the tag is that of any HMAC-SHA256.
        let text = signed(b"secret", &json!({ "iat": 1 }));
        let (signed, tag) = text.rsplit_once('.').unwrap();
        let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        assert!(hmac::verify(&key, signed.as_bytes(), &tag).is_ok());
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1);
        assert_eq!(claims.unwrap(), br#"{"iat":1}"#);
    }
}
