//! Passwords of those who sign in: how good one must be, and its hash.

use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zxcvbn::{Score, zxcvbn};

use super::Trouble;
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

/// Argon2id with the crate's parameters, which are OWASP's: 19 MiB, two passes.
pub(super) async fn hash(password: &str) -> Result<String, Trouble> {
    let password = password.to_owned();
    let hashed = heavy(move || {
        let salt = random::<16>();
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        hash.ok().map(|hash: PasswordHash| hash.to_string())
    });
    hashed.await.flatten().ok_or(Trouble::Unavailable)
}

/// Whether the password is the one that was hashed. Without a hash the answer is no, after as long a time.
pub(super) async fn is_right(password: &str, hash: Option<String>) -> Result<bool, Trouble> {
    /// Of a password that nobody has.
    const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (password, known) = (password.to_owned(), hash.is_some());
    let fits = heavy(move || {
        let hash = PasswordHash::new(hash.as_deref().unwrap_or(DUMMY)).ok()?;
        let verified = Argon2::default().verify_password(password.as_bytes(), &hash);
        Some(verified.is_ok() && known)
    });
    fits.await.flatten().ok_or(Trouble::Unavailable)
}

/// Off the threads that answer requests, and on half the cores at most; `None`: too many are waiting.
async fn heavy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    const PATIENCE: Duration = Duration::from_secs(5);
    /// A hash takes 19 MiB and a core for tens of milliseconds; codes go first.
    static HASHING: LazyLock<Semaphore> = LazyLock::new(|| {
        Semaphore::new(available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)))
    });
    let permit = timeout(PATIENCE, HASHING.acquire()).await.ok()?.ok()?;
    // The permit goes along: who leaves does not end the work.
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    done.await.ok()
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
