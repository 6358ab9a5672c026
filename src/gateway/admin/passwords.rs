//! Dashboard passwords: strength requirements and hashing.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, available_parallelism};

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::oneshot;
use zxcvbn::{Score, zxcvbn};

use crate::secret::random;

/// Minimum length in characters. NIST SP 800-63B, section 3.1.1.2: require length, not kinds of characters.
pub const SHORTEST_PASSWORD: usize = 12;
/// Maximum length in characters.
pub const LONGEST_PASSWORD: usize = 256;

/// Why a password is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    Short,
    Long,
    /// A common password, or derived from the e-mail address, keyboard rows or dates.
    Guessable,
}

/// Whether a password withstands guessing by somebody who knows the user's e-mail address.
pub fn check_password(password: &str, email: &str) -> Result<(), Weak> {
    match password.chars().count() {
        length if length < SHORTEST_PASSWORD => return Err(Weak::Short),
        length if length > LONGEST_PASSWORD => return Err(Weak::Long),
        _ => {}
    }
    let local = email.split('@').next().unwrap_or_default();
    let strength = zxcvbn(password, &[email, local, "pinroute"]);
    if strength.score() < Score::Three {
        return Err(Weak::Guessable);
    }
    Ok(())
}

/// The queue is full: it holds one to two seconds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// Hashes passwords on threads of its own, on half the cores, so that verifications keep priority. Each thread
/// reuses one buffer of 19 MiB; allocating it per hash would leave many such blocks with the allocator. The threads
/// start with the first password and end when this is dropped.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Hasher(OnceLock<SyncSender<Job>>);

impl Hasher {
    const WAITING: usize = 20;

    /// Argon2id with the crate's defaults, as OWASP recommends: 19 MiB, two passes. Returns a PHC string.
    pub async fn hash(&self, password: &str) -> Result<String, Busy> {
        let password = password.to_owned();
        let hashed = self.run(move |memory| hash_within(&password, memory));
        hashed.await?.ok_or(Busy)
    }

    /// Whether the password matches the hash. Without a hash it returns `false` after the same time.
    pub async fn is_right(&self, password: &str, hash: Option<String>) -> Result<bool, Busy> {
        /// Matches no password.
        const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let (password, known) = (password.to_owned(), hash.is_some());
        let fits = self.run(move |memory| {
            let fits = verify_within(&password, hash.as_deref().unwrap_or(DUMMY), memory)?;
            Some(fits && known)
        });
        fits.await?.ok_or(Busy)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let job = move |memory: &mut Vec<Block>| {
            // Skip the work when the caller has disconnected.
            if !answer.is_closed() {
                let _ = answer.send(work(memory));
            }
        };
        let queue = self.0.get_or_init(begin);
        queue.try_send(Box::new(job)).map_err(|_| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

fn begin() -> SyncSender<Job> {
    let (queue, jobs) = sync_channel::<Job>(Hasher::WAITING);
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)) {
        let jobs = Arc::clone(&jobs);
        let next = move || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let work = move || {
            let mut memory = Vec::new();
            while let Ok(job) = next() {
                job(&mut memory);
            }
        };
        // If no thread starts, nobody can sign in until a restart.
        if let Err(error) = Builder::new().name("passwords".to_owned()).spawn(work) {
            tracing::error!(%error, alarm = true, "cannot start a thread for password hashing");
        }
    }
    queue
}

fn hash_within(password: &str, memory: &mut Vec<Block>) -> Option<String> {
    let (params, salt) = (Params::default(), random::<16>());
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    fill(password, &salt, params, &mut out, memory)?;
    let (salt, out) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(out));
    Some(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${out}"))
}

/// `None`: not a PHC string with valid parameters.
fn verify_within(password: &str, hash: &str, memory: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok()?;
    let (params, salt, wanted) = (Params::try_from(&hash).ok()?, hash.salt?, hash.hash?);
    let mut out = vec![0; wanted.as_bytes().len()];
    fill(password, &salt, params, &mut out, memory)?;
    Some(verify_slices_are_equal(&out, wanted.as_bytes()).is_ok())
}

fn fill(
    password: &str,
    salt: &[u8],
    params: Params,
    out: &mut [u8],
    memory: &mut Vec<Block>,
) -> Option<()> {
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let memory = &mut memory[..blocks];
    argon
        .hash_password_into_with_memory(password.as_bytes(), salt, out, memory)
        .ok()
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;

    #[test]
    fn hashes_are_those_of_the_library() {
        let mut memory = Vec::new();
        let ours = hash_within("correct horse", &mut memory).unwrap();
        let parsed = PasswordHash::new(&ours).unwrap();
        let library = Argon2::default();
        assert!(library.verify_password(b"correct horse", &parsed).is_ok());
        assert!(library.verify_password(b"wrong horse", &parsed).is_err());
        let theirs = library.hash_password_with_salt(b"correct horse", &[7; 16]);
        let theirs: PasswordHash = theirs.unwrap();
        let theirs = theirs.to_string();
        for (password, fits) in [("correct horse", true), ("wrong horse", false)] {
            for hash in [&ours, &theirs] {
                assert_eq!(verify_within(password, hash, &mut memory), Some(fits));
            }
        }
        assert_eq!(verify_within("correct horse", "no hash", &mut memory), None);
    }

    #[test]
    fn a_password_is_long_and_not_easily_guessed() {
        let check = |password: &str| check_password(password, "ann.long@example.com");
        for password in [
            "correct horse battery",
            "kT9#vQ2m!xLp",
            "четыре больших слова тут",
        ] {
            assert_eq!(check(password), Ok(()), "{password}");
        }
        assert_eq!(check("kT9#vQ2m!xL"), Err(Weak::Short));
        assert_eq!(check(&"kT9#vQ2m!xLp".repeat(22)), Err(Weak::Long));
        for password in [
            "aaaaaaaaaaaaaaaa",
            "Ann.long@example.com",
            "password1234",
            "qwertyuiop12",
            "123456789012",
            "Pinroute2026!",
        ] {
            assert_eq!(check(password), Err(Weak::Guessable), "{password}");
        }
    }
}
