//! Dashboard sessions: started with a password or a one-time link, looked up at each request, ended. The database holds
//! only a hash of a session's secret, which is in the browser's cookie.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::constant_time;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::passwords::Busy;
use super::room::Admin;
use super::users::read_email;
use crate::abuse::limits::{self, Draw, Exhausted};
use crate::abuse::network::clients;
use crate::audit::{Action, Deed};
use crate::gateway::error::Error;
use crate::secret::{fingerprint, random};
use crate::storage::{SessionTimes, SignedIn, User};
use crate::verification::span;

/// A signed-in user.
#[derive(Clone, Debug)]
pub struct Session {
    pub user: User,
}

/// Why a sign-in failed.
#[derive(Debug)]
pub enum SignInError {
    /// Unknown user, wrong password or disabled account, deliberately indistinguishable to the caller. Holds the user
    /// for the log if the address belongs to an enabled one.
    Wrong(Option<Box<User>>),
    /// Too many wrong passwords for this account or from this address.
    Limited(Exhausted),
    /// Too many sign-ins at this moment.
    Busy,
    Failed(Error),
}

impl Admin {
    /// A session ends when it was not used for this long.
    pub const SESSION_IDLE: Duration = Duration::from_hours(12);
    /// The longest life of a session, however often it is used.
    pub const SESSION_LONGEST: Duration = Duration::from_hours(7 * 24);
    /// The last use is stored at most this often, to avoid a write per request.
    const SEEN_WITHIN: Duration = Duration::from_secs(5 * 60);

    /// Returns the secret of a new session. `client` is the address of the request, `known` the mark of a browser that
    /// signed in before.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        client: IpAddr,
        known: Option<&str>,
    ) -> Result<String, SignInError> {
        let user = self.prove(email, password, client, known).await;
        let (result, known) = match &user {
            Ok(user) => ("right", Some(user.id)),
            Err(SignInError::Wrong(known)) => ("wrong", known.as_ref().map(|user| user.id)),
            Err(SignInError::Limited(_)) => ("limited", None),
            Err(SignInError::Busy) => ("busy", None),
            Err(SignInError::Failed(_)) => ("unavailable", None),
        };
        metrics::counter!("pinroute_sign_ins_total", "result" => result).increment(1);
        let known = known.map_or_else(|| "none".to_owned(), |id| id.to_string());
        tracing::info!(user = known, %client, result, "password sign-in attempt");
        if let Err(SignInError::Wrong(Some(known))) = &user {
            self.note_failure(known, client);
        }
        let user = user?;
        self.begin_session(&user, SignedIn::Password, client)
            .await
            .map_err(SignInError::Failed)
    }

    /// In the audit log, which the limit of an account keeps from being flooded. Who tries an address that is no user's is not told:
    /// it may be a password in the wrong field. Nor does the answer's time tell them apart, which does not wait for the entry.
    fn note_failure(&self, user: &User, client: IpAddr) {
        let act = self.act_of(user.id, &user.email, client);
        let deed = Deed::new(Action::UserSignInFailed, None).to(&user.id, Some(&user.email));
        let db = self.core().db.clone();
        self.core().spawn(async move {
            if let Err(error) = db.note_deed(&act, deed).await {
                tracing::warn!(%error, "a failed sign-in is not in the audit log");
            }
        });
    }

    /// Changes a user's password after checking the current one, ends all of the user's sessions, and returns the
    /// secret of a new one. `new` must have passed [`check_password`](super::check_password).
    pub async fn change_password(
        &self,
        user: &User,
        password: &str,
        new: &str,
        client: IpAddr,
    ) -> Result<String, SignInError> {
        let trouble = SignInError::Failed;
        let draws = limits::for_own_password(&self.shadow("account", &user.email));
        let user = &self.prove_within(draws, &user.email, password).await?;
        let hash = self
            .passwords()
            .hash(new)
            .await
            .map_err(|Busy| SignInError::Busy)?;
        let act = self.act_of(user.id, &user.email, client);
        let set = self.core().db.set_password(user, &hash, &act).await;
        set.map_err(|error| trouble(error.into()))?;
        tracing::info!(user = %user.id, "password changed");
        let begun = self.begin_session_of(user.id, SignedIn::Anew, client);
        let begun = begun.await.map_err(trouble)?;
        begun.ok_or(trouble(Error::NotFound))
    }

    /// Ends all sessions of a user and returns the secret of a new one.
    pub async fn end_sessions(&self, user: &User, client: IpAddr) -> Result<String, Error> {
        let act = self.act_of(user.id, &user.email, client);
        self.core().db.end_sessions(user, &act).await?;
        let begun = self.begin_session_of(user.id, SignedIn::Anew, client);
        let begun = begun.await?;
        begun.ok_or(Error::NotFound)
    }

    /// `None`: the user does not exist or is disabled.
    pub(in crate::gateway) async fn begin_session_of(
        &self,
        id: Uuid,
        how: SignedIn,
        client: IpAddr,
    ) -> Result<Option<String>, Error> {
        let user = self.core().db.find_user(id).await?;
        match user.filter(|user| user.disabled_at.is_none()) {
            Some(user) => self.begin_session(&user, how, client).await.map(Some),
            None => Ok(None),
        }
    }

    /// Finds the user with this address and password, within the limits per account and client.
    async fn prove(
        &self,
        email: &str,
        password: &str,
        client: IpAddr,
        known: Option<&str>,
    ) -> Result<User, SignInError> {
        // An invalid address matches no user, but is limited and takes as long as any other.
        let email = read_email(email).unwrap_or_default();
        let browser = known.filter(|mark| self.knows_browser(mark, &email));
        let browser = browser.map(|mark| self.shadow("browser", mark));
        let clients: Vec<(String, u32)> = clients(client)
            .into_iter()
            .map(|(client, times)| (self.shadow("client", &client), times))
            .collect();
        let account = self.shadow("account", &email);
        let draws = limits::for_sign_in(&account, browser.as_deref(), &clients);
        self.prove_within(draws, &email, password).await
    }

    /// Like [`Self::prove_unlimited`], within these limits; only wrong passwords count against them.
    async fn prove_within(
        &self,
        draws: Vec<Draw>,
        email: &str,
        password: &str,
    ) -> Result<User, SignInError> {
        let taken = self.core().shared.limits.take(draws).await;
        let taken = taken.map_err(SignInError::Limited)?;
        let proved = self.prove_unlimited(email, password).await;
        if !matches!(proved, Err(SignInError::Wrong(_))) {
            self.core().shared.limits.give_back(taken).await;
        }
        proved
    }

    async fn prove_unlimited(&self, email: &str, password: &str) -> Result<User, SignInError> {
        let found = self.core().db.find_user_by_email(email).await;
        let user = found
            .map_err(|error| SignInError::Failed(error.into()))?
            .filter(|user| user.disabled_at.is_none());
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let right = self.passwords().is_right(password, hash).await;
        match (right.map_err(|Busy| SignInError::Busy)?, user) {
            (true, Some(user)) => Ok(user),
            (_, known) => Err(SignInError::Wrong(known.map(Box::new))),
        }
    }

    /// A mark for the browser of a user who has signed in: it gives this browser tries of its own, so that strangers cannot
    /// lock the account for it. It opens nothing without the password.
    #[must_use]
    pub fn mark_browser(&self, email: &str) -> String {
        let own = URL_SAFE_NO_PAD.encode(random::<12>());
        let seal = self.browser_seal(&own, &read_email(email).unwrap_or_default());
        format!("{own}{seal}")
    }

    fn knows_browser(&self, mark: &str, email: &str) -> bool {
        let own = mark.get(..16).unwrap_or_default();
        let seal = self.browser_seal(own, email);
        let given = mark.get(16..).unwrap_or_default();
        constant_time::verify_slices_are_equal(seal.as_bytes(), given.as_bytes()).is_ok()
    }

    fn browser_seal(&self, own: &str, email: &str) -> String {
        let vault = &self.core().vault;
        let seal = vault.lookup(&[b"browser", own.as_bytes(), email.as_bytes()]);
        URL_SAFE_NO_PAD.encode(seal)
    }

    /// The session with this secret, unless it has expired.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, Error> {
        let (hash, now) = (fingerprint(secret.as_bytes()), self.core().now());
        let Some((user, times)) = self.core().db.find_session(hash).await? else {
            return Ok(None);
        };
        if now >= times.expires_at || now >= span::after(times.seen_at, Self::SESSION_IDLE) {
            self.core().db.drop_session(hash).await?;
            return Ok(None);
        }
        if now >= span::after(times.seen_at, Self::SEEN_WITHIN) {
            self.core().db.touch_session(hash, now).await?;
        }
        Ok(Some(Session { user }))
    }

    pub async fn sign_out(&self, secret: &str) -> Result<(), Error> {
        let hash = fingerprint(secret.as_bytes());
        Ok(self.core().db.drop_session(hash).await?)
    }

    async fn begin_session(
        &self,
        user: &User,
        how: SignedIn,
        client: IpAddr,
    ) -> Result<String, Error> {
        let (secret, now) = (URL_SAFE_NO_PAD.encode(random::<32>()), self.core().now());
        let times = SessionTimes {
            seen_at: now,
            expires_at: span::after(now, Self::SESSION_LONGEST),
        };
        let act = self.act_of(user.id, &user.email, client);
        let hash = fingerprint(secret.as_bytes());
        let begun = self
            .core()
            .db
            .create_session(hash, (user, how), times, &act);
        begun.await?;
        Ok(secret)
    }

    /// A keyed hash that identifies an account or address in counters without revealing it.
    fn shadow(&self, kind: &str, whose: &str) -> String {
        let key = self
            .core()
            .vault
            .lookup(&[b"sign-in", kind.as_bytes(), whose.as_bytes()]);
        hex::encode(key)
    }
}
