//! Keys, the operations that use them, and the only source of randomness.
//!
//! Each purpose has its own key, derived from `secret_key` by HKDF-SHA256 (RFC 5869), so that a value made for one
//! purpose is useless for another. To add a purpose: a field of `Keys`, a label, and a method.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use aws_lc_rs::{digest, hkdf, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 32 secret bytes, read from the configuration or created at first start.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(pub [u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

/// All keys: the current set, and previous sets that are still accepted for reading.
pub struct Vault {
    current: Keys,
    previous: Vec<Keys>,
}

struct Keys {
    /// The first byte of a sealed value; identifies the key set that sealed it.
    tag: u8,
    seal: RandomizedNonceKey,
    code: hmac::Key,
    lookup: hmac::Key,
    callback: hmac::Key,
    canary: hmac::Key,
    request: hmac::Key,
    sandbox: hmac::Key,
    proof: Ed25519KeyPair,
    /// The `kid` of the public key of `proof` in tokens and key sets.
    proof_id: String,
}

/// The value was not sealed with any of our keys, or was sealed with another `aad`, or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed with a key that is not configured, or damaged")]
pub struct CannotOpen;

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(***)")
    }
}

const TAG_AND_NONCE: usize = 1 + 12;

impl Vault {
    #[must_use]
    pub fn new(secret: &SecretKey, previous: &[SecretKey]) -> Self {
        Self {
            current: Keys::derive(secret),
            previous: previous.iter().map(Keys::derive).collect(),
        }
    }

    /// The keyed hash of a code, bound to its verification.
    #[must_use]
    pub fn code_hash(&self, verification: &[u8; 16], code: &str) -> [u8; 32] {
        mac(&self.current.code, &[verification, code.as_bytes()])
    }

    /// A keyed hash by which a value, such as a phone number, is looked up without storing it in the clear.
    #[must_use]
    pub fn lookup(&self, parts: &[&[u8]]) -> [u8; 16] {
        truncated(&self.current.lookup, parts)
    }

    /// [`Vault::lookup`] under every accepted key, the current one first.
    #[must_use]
    pub fn lookups(&self, parts: &[&[u8]]) -> Vec<[u8; 16]> {
        self.all()
            .map(|keys| truncated(&keys.lookup, parts))
            .collect()
    }

    /// Hashes an idempotency key or the body of its request. The hash is keyed because these may contain, or be, a
    /// phone number or a code, which could be found by trying.
    #[must_use]
    pub fn request_hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.current.request, parts)
    }

    /// The MAC that authenticates a provider's reports about one attempt.
    #[must_use]
    pub fn callback_mac(&self, provider: &str, attempt: &[u8; 16]) -> String {
        URL_SAFE_NO_PAD.encode(truncated(
            &self.current.callback,
            &[provider.as_bytes(), attempt],
        ))
    }

    /// Whether `given` is the [`Vault::callback_mac`] under any accepted key. Compares in constant time.
    #[must_use]
    pub fn callback_mac_fits(&self, provider: &str, attempt: &[u8; 16], given: &str) -> bool {
        self.all().any(|keys| {
            let expected = truncated(&keys.callback, &[provider.as_bytes(), attempt]);
            let expected = URL_SAFE_NO_PAD.encode(expected);
            aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes())
                .is_ok()
        })
    }

    /// A value stored in the database, so that a wrong `secret_key` is detected at start and not at the first
    /// decryption.
    #[must_use]
    pub fn canary(&self) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.current.canary, &[b"canary"]))
    }

    /// Whether a stored canary was made with any accepted key.
    #[must_use]
    pub fn knows_canary(&self, stored: &str) -> bool {
        self.key_of_canary(stored).is_some()
    }

    /// The fingerprint (see [`Vault::signing_key_id`]) of the key that made a stored canary, if it is accepted.
    #[must_use]
    pub fn key_of_canary(&self, stored: &str) -> Option<&str> {
        self.all()
            .find(|keys| URL_SAFE_NO_PAD.encode(mac(&keys.canary, &[b"canary"])) == stored)
            .map(|keys| keys.proof_id.as_str())
    }

    /// Distinguishes this installation from others that share its Redis.
    #[must_use]
    pub fn installation(&self) -> String {
        URL_SAFE_NO_PAD.encode(&mac(&self.current.canary, &[b"installation"])[..9])
    }

    /// The API key that a sandbox prints. It is the same at each start, so that examples stay valid.
    #[must_use]
    pub fn sandbox_api_key(&self) -> String {
        self.sandbox_key(b"sandbox api key")
    }

    /// The API key of the sandbox's page, visible to anyone who can open the page.
    #[must_use]
    pub fn sandbox_page_key(&self) -> String {
        self.sandbox_key(b"sandbox page key")
    }

    fn sandbox_key(&self, name: &[u8]) -> String {
        let text = URL_SAFE_NO_PAD.encode(mac(&self.current.sandbox, &[name]));
        format!("pin_sandbox_{text}")
    }

    /// Encrypts `plain` and binds it to `aad`, such as a row's id, so that it cannot be decrypted in another place.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut body = plain.to_vec();
        let nonce = self
            .current
            .seal
            .seal_in_place_append_tag(Aad::from(aad), &mut body)
            .expect("AES-GCM-SIV seals any plaintext shorter than 2^36 bytes");
        let mut sealed = Vec::with_capacity(TAG_AND_NONCE + body.len());
        sealed.push(self.current.tag);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        sealed
    }

    /// Decrypts a value made by [`Vault::seal`]. The flag says whether the current key sealed it.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<(Vec<u8>, bool), CannotOpen> {
        let (head, body) = sealed.split_at_checked(TAG_AND_NONCE).ok_or(CannotOpen)?;
        for (place, keys) in self
            .all()
            .enumerate()
            .filter(|(_, keys)| keys.tag == head[0])
        {
            let nonce = Nonce::try_assume_unique_for_key(&head[1..]).map_err(|_| CannotOpen)?;
            let mut body = body.to_vec();
            if let Ok(plain) = keys.seal.open_in_place(nonce, Aad::from(aad), &mut body) {
                return Ok((plain.to_vec(), place == 0));
            }
        }
        Err(CannotOpen)
    }

    /// Signs with Ed25519 (RFC 8032); the same text always has the same signature.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.current.proof.sign(text).as_ref().to_vec()
    }

    /// The id (`kid`) of the key that [`Vault::sign`] uses.
    #[must_use]
    pub fn signing_key_id(&self) -> &str {
        &self.current.proof_id
    }

    /// The public keys that proofs may be signed with, the current one first: (key id, 32 bytes).
    #[must_use]
    pub fn public_keys(&self) -> Vec<(String, Vec<u8>)> {
        self.all()
            .map(|keys| {
                (
                    keys.proof_id.clone(),
                    keys.proof.public_key().as_ref().to_vec(),
                )
            })
            .collect()
    }

    fn all(&self) -> impl Iterator<Item = &Keys> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl Keys {
    fn derive(secret: &SecretKey) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"pinroute 1");
        let root = salt.extract(&secret.0);
        let derive = |purpose: &str| -> [u8; 32] {
            let mut key = [0; 32];
            root.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut key))
                .expect("HKDF-SHA256 yields 32 bytes for any label");
            key
        };
        let proof = Ed25519KeyPair::from_seed_unchecked(&derive("proof"))
            .expect("Ed25519 takes a seed of 32 bytes");
        let mac_key = |purpose| hmac::Key::new(hmac::HMAC_SHA256, &derive(purpose));
        Self {
            tag: derive("tag")[0],
            seal: RandomizedNonceKey::new(&AES_256_GCM_SIV, &derive("seal"))
                .expect("AES-256 takes a key of 32 bytes"),
            code: mac_key("code"),
            lookup: mac_key("lookup"),
            callback: mac_key("callback"),
            canary: mac_key("canary"),
            request: mac_key("request"),
            sandbox: mac_key("sandbox"),
            proof_id: URL_SAFE_NO_PAD.encode(&fingerprint(proof.public_key().as_ref())[..12]),
            proof,
        }
    }
}

/// Makes keyed hashes that outlive their plain text. Its key is random and stored sealed, not derived from `secret_key`: when
/// that is rotated, the hashes stay comparable.
#[derive(Clone)]
pub struct TraceKey(hmac::Key);

impl fmt::Debug for TraceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceKey(***)")
    }
}

impl TraceKey {
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// `kind` separates values of different meaning that read the same.
    #[must_use]
    pub fn hash(&self, kind: &str, value: &str) -> [u8; 8] {
        let mut out = [0; 8];
        out.copy_from_slice(&mac(&self.0, &[kind.as_bytes(), value.as_bytes()])[..8]);
        out
    }
}

/// HMAC over the parts, each preceded by its length, so that no two lists of parts give the same input.
fn mac(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

fn truncated(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&mac(key, parts)[..16]);
    out
}

/// SHA-256, for unguessable values (API keys, tokens) and public content. Values that could be found by trying, such as
/// phone numbers, codes, addresses and requests that contain them, need a keyed hash: see [`Vault`].
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Random bytes from the operating system's generator.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the only place that asks the system for randomness"
)]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system provides random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_in_its_place_and_with_a_key_that_is_still_read() {
        let (old, new) = (SecretKey([1; 32]), SecretKey([2; 32]));
        let sealed = Vault::new(&old, &[]).seal(b"here", b"+998901234567");
        let rotated = Vault::new(&new, std::slice::from_ref(&old));
        assert_eq!(
            rotated.open(b"here", &sealed),
            Ok((b"+998901234567".to_vec(), false))
        );
        assert_eq!(rotated.open(b"there", &sealed), Err(CannotOpen));
        assert_eq!(
            Vault::new(&new, &[]).open(b"here", &sealed),
            Err(CannotOpen)
        );
        assert_eq!(rotated.open(b"here", &[]), Err(CannotOpen));
        assert!(rotated.knows_canary(&Vault::new(&old, &[]).canary()));
    }

    #[test]
    fn parts_of_a_lookup_cannot_be_shifted_into_one_another() {
        let vault = Vault::new(&SecretKey([1; 32]), &[]);
        assert_ne!(vault.lookup(&[b"ab", b"c"]), vault.lookup(&[b"a", b"bc"]));
    }
}
