//! Sessions of the dashboard: begun with a password or a link, looked up at each request, ended. The secret of a session is in
//! the browser's cookie alone.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::users::{is_right, read_email};
use super::{Gateway, Trouble};
use crate::abuse::limits::{self, Exhausted};
use crate::secret::{fingerprint, random};
use crate::storage::{SessionTimes, User};
use crate::verification::span;

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    pub user: User,
}

/// Why nobody was signed in.
#[derive(Debug)]
pub enum SignInError {
    /// No such user, no such password, or out of force: which, is not told.
    Wrong,
    /// Too many wrong passwords for this account or from this address.
    Limited(Exhausted),
    Trouble(Trouble),
}

impl Gateway {
    /// A session that is not used for so long is over.
    pub const SESSION_IDLE: Duration = Duration::from_hours(12);
    /// However much it is used.
    pub const SESSION_LONGEST: Duration = Duration::from_hours(7 * 24);
    /// How much later than its last use a session may be held to have been used: saves a write per request.
    const SEEN_WITHIN: Duration = Duration::from_secs(5 * 60);

    /// Answers the secret of a new session. `client` is the address that it is asked from.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        client: &str,
    ) -> Result<String, SignInError> {
        let trouble = SignInError::Trouble;
        // What is no address is nobody's, but counts and takes its time like any other.
        let email = read_email(email).unwrap_or_default();
        let draws = limits::for_sign_in(
            &self.shadow("account", &email),
            &self.shadow("client", client),
        );
        let taken = self.0.shared.limits.take(draws).await;
        let taken = taken.map_err(SignInError::Limited)?;
        let found = self.0.db.find_user_by_email(&email).await;
        let user = found
            .map_err(|error| trouble(error.into()))?
            .filter(|user| user.disabled_at.is_none());
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let right = is_right(password, hash).await.map_err(trouble)?;
        let Some(user) = user.filter(|_| right) else {
            return Err(SignInError::Wrong);
        };
        self.0.shared.limits.give_back(taken).await;
        self.begin_session(&user).await.map_err(trouble)
    }

    /// Who has this secret, if the session is still in force.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, Trouble> {
        let (hash, now) = (fingerprint(secret.as_bytes()), self.now());
        let Some((user, times)) = self.0.db.find_session(hash).await? else {
            return Ok(None);
        };
        if now >= times.expires_at || now >= span::after(times.seen_at, Self::SESSION_IDLE) {
            self.0.db.drop_session(hash).await?;
            return Ok(None);
        }
        if now >= span::after(times.seen_at, Self::SEEN_WITHIN) {
            self.0.db.touch_session(hash, now).await?;
        }
        Ok(Some(Session { user }))
    }

    pub async fn sign_out(&self, secret: &str) -> Result<(), Trouble> {
        let hash = fingerprint(secret.as_bytes());
        Ok(self.0.db.drop_session(hash).await?)
    }

    pub(super) async fn begin_session(&self, user: &User) -> Result<String, Trouble> {
        let (secret, now) = (URL_SAFE_NO_PAD.encode(random::<32>()), self.now());
        let times = SessionTimes {
            seen_at: now,
            expires_at: span::after(now, Self::SESSION_LONGEST),
        };
        let db = &self.0.db;
        db.create_session(fingerprint(secret.as_bytes()), user, times)
            .await?;
        db.note_sign_in(user.id, now).await?;
        Ok(secret)
    }

    /// Names an account or an address in counters without showing it.
    fn shadow(&self, kind: &str, whose: &str) -> String {
        let key = self
            .0
            .vault
            .lookup(&[b"sign-in", kind.as_bytes(), whose.as_bytes()]);
        let mut text = String::with_capacity(32);
        for byte in key {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
