//! Passwords of those who sign in: how good one must be, and its hash.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::{Builder, available_parallelism};

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use tokio::sync::oneshot;
use zxcvbn::{Score, zxcvbn};

use crate::secret::random;

/// Characters of a password at least (NIST SP 800-63B, section 3.1.1.2: length counts, not kinds of characters).
pub const SHORTEST_PASSWORD: usize = 12;
/// And at most.
pub const LONGEST_PASSWORD: usize = 256;

/// What is wrong with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    Short,
    Long,
    /// It is one that many people have, or is made of the address, of rows of keys, of dates.
    Guessable,
}

/// Whether a password withstands guessing by somebody who knows the address that it is for.
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

/// More passwords wait than are looked at within a second or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Argon2id with the crate's parameters, which are OWASP's: 19 MiB, two passes.
pub(super) async fn hash(password: &str) -> Result<String, Busy> {
    let password = password.to_owned();
    let hashed = heavy(move || {
        let salt = random::<16>();
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        hash.ok().map(|hash: PasswordHash| hash.to_string())
    });
    hashed.await?.ok_or(Busy)
}

/// Whether the password is the one that was hashed. Without a hash the answer is no, after as long a time.
pub(super) async fn is_right(password: &str, hash: Option<String>) -> Result<bool, Busy> {
    /// Of a password that nobody has.
    const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (password, known) = (password.to_owned(), hash.is_some());
    let fits = heavy(move || {
        let hash = PasswordHash::new(hash.as_deref().unwrap_or(DUMMY)).ok()?;
        let verified = Argon2::default().verify_password(password.as_bytes(), &hash);
        Some(verified.is_ok() && known)
    });
    fits.await?.ok_or(Busy)
}

type Job = Box<dyn FnOnce() + Send>;

/// Off the threads that answer requests: codes go first. On threads of their own, half as many as there are cores, since an allocator
/// keeps the 19 MiB of a hash for each thread that ever made one.
async fn heavy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
    const WAITING: usize = 20;
    static QUEUE: LazyLock<SyncSender<Job>> = LazyLock::new(|| {
        let (queue, jobs) = sync_channel::<Job>(WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)) {
            let jobs = Arc::clone(&jobs);
            let next = move || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let work = move || {
                while let Ok(job) = next() {
                    job();
                }
            };
            // Without a thread the queue fills, and nobody signs in until the next start.
            if let Err(error) = Builder::new().name("passwords".to_owned()).spawn(work) {
                tracing::error!(%error, alarm = true, "no thread for passwords");
            }
        }
        queue
    });
    let (tell, told) = oneshot::channel();
    let job = move || {
        // Whoever went away meanwhile costs nothing.
        if !tell.is_closed() {
            let _ = tell.send(work());
        }
    };
    QUEUE.try_send(Box::new(job)).map_err(|_| Busy)?;
    told.await.map_err(|_| Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

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
