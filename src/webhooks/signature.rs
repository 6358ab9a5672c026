//! Signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, with a secret written as `whsec_` and base64.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::random;

/// A new secret of 32 bytes; the specification requires 24 to 64.
#[must_use]
pub fn new_secret() -> String {
    format!("whsec_{}", STANDARD.encode(random::<32>()))
}

/// The value of `webhook-signature`: one signature per secret, so that a receiver can verify with the old or the new
/// one.
///
/// Malformed secrets are skipped.
#[must_use]
pub fn sign(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signature = |secret: &String| {
        let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        Some(format!("v1,{}", STANDARD.encode(context.sign())))
    };
    let signatures: Vec<String> = secrets.iter().filter_map(signature).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example from the specification (standardwebhooks.com).
    #[test]
    fn the_signature_is_the_specifications() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let signed = sign(
            &[secret.clone(), "whsec_%".to_owned(), secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed, format!("{one} {one}"));
    }

    #[test]
    fn a_new_secret_has_the_length_that_receivers_accept() {
        let secret = new_secret();
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        assert_eq!(key.len(), 32);
        assert_ne!(secret, new_secret());
    }
}
