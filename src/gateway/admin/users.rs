//! Dashboard users: create, list, invite by one-time link, disable, enable. The command line may change users while a
//! server runs, because the server reads them from the database at each request.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::passwords::Busy;
use super::room::Admin;
use crate::access::Role;
use crate::audit::By;
use crate::gateway::error::Error;
use crate::secret::{fingerprint, random};
use crate::storage::{Act, Changed, Db, Link, LinkKind, SignedIn, StorageError, User};
use crate::verification::id::time_ordered;
use crate::verification::span;

/// The sandbox's owner, who signs in by link only and is removed when the database goes live.
pub const SANDBOX_OWNER: &str = "sandbox@localhost";

/// A one-time link. It is shown once; the database keeps only a hash of its token.
#[derive(Clone)]
pub struct NewLink {
    /// Relative to `public_url`.
    pub path: String,
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for NewLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewLink(***, until {})", self.expires_at)
    }
}

/// A user and a link for setting the password.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub user: User,
    pub link: NewLink,
}

/// Why a user was not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserFault {
    #[error("a user with this address already exists")]
    EmailTaken,
    #[error("no such user")]
    NotFound,
    #[error("this is the last owner; create another owner first")]
    LastOwner,
    #[error("is disabled, so a link would not work; run `pinroute users enable` first")]
    Disabled,
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for UserFault {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Exists => Self::EmailTaken,
            other => Self::Storage(other),
        }
    }
}

/// Why a link cannot be used.
#[derive(Debug)]
pub enum LinkFault {
    /// Unknown, used or expired, or its user is disabled.
    Void,
    /// Too many passwords are being hashed. The link stays valid.
    Busy,
    Failed(Error),
}

impl<T: Into<Error>> From<T> for LinkFault {
    fn from(trouble: T) -> Self {
        Self::Failed(trouble.into())
    }
}

/// Normalizes an e-mail address to the stored form (trimmed, lower case), or says why it is invalid.
pub fn read_email(text: &str) -> Result<String, &'static str> {
    let email = text.trim().to_lowercase();
    // Quoted local parts (RFC 5321) are unused in practice; these characters mean a typing error or an attack.
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"<>(),:;\\[]`".contains(c);
    let plain = email.len() <= 254 && !email.contains(odd);
    match email.split_once('@') {
        Some((local, domain))
            if plain && !local.is_empty() && !domain.is_empty() && !domain.contains('@') =>
        {
            Ok(email)
        }
        _ => Err("must be an e-mail address such as ann@example.com"),
    }
}

fn user_result(changed: Changed) -> Result<(), UserFault> {
    match changed {
        Changed::Done => Ok(()),
        Changed::NotFound => Err(UserFault::NotFound),
        Changed::LastOwner => Err(UserFault::LastOwner),
    }
}

/// User operations that need only the database.
#[derive(Clone, Debug)]
pub struct Users {
    db: Db,
}

impl Users {
    const SIGN_IN_FOR: Duration = Duration::from_hours(1);
    const SETUP_FOR: Duration = Duration::from_hours(24);
    const PASSWORD_FOR: Duration = Duration::from_hours(72);

    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Oldest first.
    pub async fn list(&self) -> Result<Vec<User>, StorageError> {
        self.db.list_users().await
    }

    pub async fn find_by_email(&self, email: &str) -> Result<User, UserFault> {
        let found = self.db.find_user_by_email(email).await?;
        found.ok_or(UserFault::NotFound)
    }

    /// Creates a user; `email` must come from [`read_email`].
    pub async fn create(
        &self,
        email: &str,
        role: Role,
        act: &Act,
    ) -> Result<Invitation, UserFault> {
        let id = self.db.create_user(email, role, act).await?;
        let user = self.find(id).await?;
        // The log tells of the user, who comes with the link.
        let act = Act::of_program(act.at());
        let link = self.link(LinkKind::Password, Some(&user), &act).await?;
        Ok(Invitation { user, link })
    }

    /// Creates a link for setting a password and voids the user's earlier links. The old password works until the link
    /// is used.
    pub async fn invite(&self, id: Uuid, act: &Act) -> Result<Invitation, UserFault> {
        let user = self.find(id).await?;
        if user.disabled_at.is_some() {
            return Err(UserFault::Disabled);
        }
        let link = self.link(LinkKind::Password, Some(&user), act).await?;
        Ok(Invitation { user, link })
    }

    async fn find(&self, id: Uuid) -> Result<User, UserFault> {
        let found = self.db.find_user(id).await?;
        found.ok_or(UserFault::NotFound)
    }

    /// Also ends the user's sessions if the role changes.
    pub async fn set_role(&self, id: Uuid, role: Role, act: &Act) -> Result<(), UserFault> {
        user_result(self.db.set_role(id, role, act).await?)
    }

    /// Also ends the user's sessions. The command line may disable the last owner too, since it can create another.
    pub async fn disable(
        &self,
        id: Uuid,
        spare_last_owner: bool,
        act: &Act,
    ) -> Result<(), UserFault> {
        let user = self.find(id).await?;
        user_result(self.db.disable_user(&user, spare_last_owner, act).await?)
    }

    pub async fn enable(&self, id: Uuid, act: &Act) -> Result<(), UserFault> {
        let user = self.find(id).await?;
        self.db.enable_user(&user, act).await?;
        Ok(())
    }

    /// The link that a sandbox prints; it signs in the sandbox's owner.
    pub async fn sandbox_link(&self, now: DateTime<Utc>) -> Result<NewLink, StorageError> {
        let act = Act::of_program(now);
        if self.db.find_user_by_email(SANDBOX_OWNER).await?.is_none() {
            let made = self.db.create_user(SANDBOX_OWNER, Role::Owner, &act);
            made.await?;
        }
        let owner = self.db.find_user_by_email(SANDBOX_OWNER).await?;
        self.link(LinkKind::SignIn, owner.as_ref(), &act).await
    }

    /// The link that a live server prints while there are no users; it creates the first owner.
    pub async fn setup_link(&self, now: DateTime<Utc>) -> Result<Option<NewLink>, StorageError> {
        // The sandbox's owner must not see real phone numbers, not even with a password.
        self.db.drop_user(SANDBOX_OWNER).await?;
        if !self.db.list_users().await?.is_empty() {
            return Ok(None);
        }
        let act = Act::of_program(now);
        self.link(LinkKind::Setup, None, &act).await.map(Some)
    }

    async fn link(
        &self,
        kind: LinkKind,
        user: Option<&User>,
        act: &Act,
    ) -> Result<NewLink, StorageError> {
        let (lasts, place) = match kind {
            LinkKind::SignIn => (Self::SIGN_IN_FOR, "link"),
            LinkKind::Password => (Self::PASSWORD_FOR, "password"),
            LinkKind::Setup => (Self::SETUP_FOR, "setup"),
        };
        let token = URL_SAFE_NO_PAD.encode(random::<32>());
        let link = Link {
            kind,
            user: user.map(|user| user.id),
            expires_at: span::after(act.at(), lasts),
        };
        self.db
            .create_link(fingerprint(token.as_bytes()), &link, user, act)
            .await?;
        Ok(NewLink {
            path: format!("/dashboard/{place}/{token}"),
            expires_at: link.expires_at,
        })
    }
}

impl Admin {
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(self.core().db.clone())
    }

    /// The user of a link, without using the link up: mail scanners open links before people do. `None`: a setup link
    /// for the first owner.
    pub async fn look_at_link(
        &self,
        kind: LinkKind,
        token: &str,
    ) -> Result<Option<User>, LinkFault> {
        let found = self
            .core()
            .db
            .find_link(fingerprint(token.as_bytes()))
            .await?;
        self.holder(found, kind).await
    }

    /// Signs in the link's user.
    pub async fn use_sign_in_link(&self, token: &str, client: IpAddr) -> Result<String, LinkFault> {
        // Validate the link before consuming it. The methods below do the same, so an invalid link never triggers
        // password hashing.
        self.look_at_link(LinkKind::SignIn, token).await?;
        let user = self
            .core()
            .db
            .enter_by_link(fingerprint(token.as_bytes()))
            .await?;
        self.let_in(LinkKind::SignIn, user, client).await
    }

    /// Sets the password of the link's user, and signs in. `password` must have passed
    /// [`check_password`](super::check_password).
    pub async fn use_password_link(
        &self,
        token: &str,
        password: &str,
        client: IpAddr,
    ) -> Result<String, LinkFault> {
        let found = self.look_at_link(LinkKind::Password, token).await?;
        let holder = found.ok_or(LinkFault::Void)?;
        let (link, hash) = (
            fingerprint(token.as_bytes()),
            self.passwords().hash(password).await,
        );
        let hash = hash.map_err(|Busy| LinkFault::Busy)?;
        let act = self.act_of(holder.id, &holder.email, client);
        let set = self.core().db.set_password_by_link(link, &hash, &act);
        self.let_in(LinkKind::Password, set.await?, client).await
    }

    /// Creates the first owner, and signs in. `password` must have passed [`check_password`](super::check_password).
    pub async fn use_setup_link(
        &self,
        token: &str,
        email: &str,
        password: &str,
        client: IpAddr,
    ) -> Result<String, LinkFault> {
        self.look_at_link(LinkKind::Setup, token).await?;
        let (link, hash) = (
            fingerprint(token.as_bytes()),
            self.passwords().hash(password).await,
        );
        let hash = hash.map_err(|Busy| LinkFault::Busy)?;
        let id = time_ordered(self.core().now(), random());
        let act = self.act_of(id, email, client);
        let db = &self.core().db;
        let made = db.create_first_user(link, (id, email), &hash, &act);
        self.let_in(LinkKind::Setup, made.await?, client).await
    }

    /// What a user does from this address.
    pub(super) fn act_of(&self, id: Uuid, email: &str, client: IpAddr) -> Act {
        self.core().act(&By::user(id, email).from(Some(client)))
    }

    async fn let_in(
        &self,
        kind: LinkKind,
        user: Option<Uuid>,
        client: IpAddr,
    ) -> Result<String, LinkFault> {
        let id = user.ok_or(LinkFault::Void)?;
        let begun = self.begin_session_of(id, SignedIn::Link(kind), client);
        let begun = begun.await?.ok_or(LinkFault::Void)?;
        tracing::info!(user = %id, link = kind.as_str(), "one-time link used");
        Ok(begun)
    }

    async fn holder(&self, link: Option<Link>, kind: LinkKind) -> Result<Option<User>, LinkFault> {
        let link = link
            .filter(|link| link.kind == kind && self.core().now() < link.expires_at)
            .ok_or(LinkFault::Void)?;
        let Some(id) = link.user else {
            let nobody = self.core().db.list_users().await?.is_empty();
            return if nobody {
                Ok(None)
            } else {
                Err(LinkFault::Void)
            };
        };
        let user = self.core().db.find_user(id).await?;
        let user = user.filter(|user| user.disabled_at.is_none());
        user.map(Some).ok_or(LinkFault::Void)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_in_one_form() {
        assert_eq!(
            read_email(" Ann@Example.COM "),
            Ok("ann@example.com".to_owned())
        );
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "a b@example.com",
            "<b>@example.com",
            "a@b@c",
        ] {
            assert!(read_email(text).is_err(), "{text:?} was taken");
        }
    }
}
