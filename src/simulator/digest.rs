//! Hashes, signatures and randomness.

use std::fmt;

use aws_lc_rs::{digest, hmac, rand};

/// SHA-256 of a token: signs the token's reports and identifies the account inside the simulator.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash")
    }
}

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }

    /// A wrong key, for signatures that must not verify.
    pub(super) fn forged(mut self) -> Self {
        self.0[0] ^= 0xff;
        self
    }

    /// `hex(HMAC-SHA256(key = SHA256(token), timestamp LF body))` in lower case.
    /// Source: core.telegram.org/gateway/api, "Report delivery".
    pub(super) fn sign(&self, timestamp: &str, body: &str) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(timestamp.as_bytes());
        context.update(b"\n");
        context.update(body.as_bytes());
        hex::encode(context.sign())
    }
}

/// Returns zeros if the source of randomness fails, which is good enough for a simulator.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulator acts for third parties and has its own randomness"
)]
pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if rand::fill(&mut bytes).is_err() {
        tracing::warn!("no random bytes available; the simulator uses zeros");
    }
    bytes
}

pub(super) fn random_digits(length: usize) -> String {
    random_bytes::<8>()
        .iter()
        .take(length)
        .map(|byte| char::from(b'0' + byte % 10))
        .collect()
}
