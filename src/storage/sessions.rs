//! Sessions and one-time links of dashboard users. Only the hashes of their secrets are stored.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::engine::connection::{Connection, in_transaction, on};
use super::engine::{Engine, read, row, touch};
use super::users::{Row, User, deed, locked, put_password, void_links};
use super::{Act, StorageError, Store};
use crate::access::Role;
use crate::audit::Action;

/// The purpose of a one-time link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    SignIn,
    /// Sets a password.
    Password,
    /// Creates the first owner.
    Setup,
}

impl LinkKind {
    const ALL: [Self; 3] = [Self::SignIn, Self::Password, Self::Setup];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Password => "password",
            Self::Setup => "setup",
        }
    }
}

/// A one-time link that has not been used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub kind: LinkKind,
    /// `None`: the link creates the user.
    pub user: Option<Uuid>,
    pub expires_at: DateTime<Utc>,
}

/// When a session was last used, and when it ends even if it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    pub seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

row! {
    struct SessionRow {
        ..user: Row,
        seen_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    }
}

row! {
    struct LinkRow {
        kind: String,
        user_id: Option<Uuid>,
        expires_at: DateTime<Utc>,
    }
}

impl TryFrom<LinkRow> for Link {
    type Error = StorageError;

    fn try_from(row: LinkRow) -> Result<Self, StorageError> {
        let kind = LinkKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == row.kind);
        let fault = || StorageError::Inconsistent {
            table: "user_links",
            column: "kind",
            id: row.kind.clone(),
        };
        Ok(Self {
            kind: kind.ok_or_else(fault)?,
            user: row.user_id,
            expires_at: row.expires_at,
        })
    }
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedIn {
    Password,
    Link(LinkKind),
    /// In place of the user's own session, which was ended.
    Anew,
}

impl SignedIn {
    /// `None`: that was no sign-in.
    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Password => Some("password"),
            Self::Link(LinkKind::SignIn) => Some("sign_in_link"),
            Self::Link(LinkKind::Password) => Some("password_link"),
            Self::Link(LinkKind::Setup) => Some("setup_link"),
            Self::Anew => None,
        }
    }
}

/// Consumes a link and returns its user; the outer `None`: there is no such link.
async fn take(connection: &mut Connection, hash: [u8; 32]) -> sqlx::Result<Option<Option<Uuid>>> {
    const TAKE: &str = "DELETE FROM user_links WHERE hash = $1 RETURNING user_id";
    let taken: Option<(Option<Uuid>,)> = on!(connection, |to| sqlx::query_as(TAKE)
        .bind(hash.to_vec())
        .fetch_optional(to)
        .await?);
    Ok(taken.map(|(user,)| user))
}

impl Store {
    /// Starts a session in the user's current epoch.
    pub async fn create_session(
        &self,
        hash: [u8; 32],
        (user, how): (&User, SignedIn),
        times: SessionTimes,
        act: &Act,
    ) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO user_sessions (hash, user_id, epoch, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
        const NOTE: &str = "UPDATE users SET last_sign_in_at = $1 WHERE id = $2";
        let deed = how.as_str().map(|with| {
            let deed = user.deed(Action::UserSignedIn);
            deed.is(json!({ "with": with }))
        });
        in_transaction(&self.engine, async |connection| {
            on!(connection, |to| sqlx::query(INSERT)
                .bind(hash.to_vec())
                .bind(user.id)
                .bind(user.epoch)
                .bind(times.seen_at)
                .bind(times.expires_at)
                .execute(to)
                .await
                .map(|_| ()))?;
            on!(connection, |to| sqlx::query(NOTE)
                .bind(times.seen_at)
                .bind(user.id)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, deed).await
        })
        .await
    }

    /// A valid session: its user is enabled and in the epoch that the session began in.
    pub async fn find_session(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(User, SessionTimes)>, StorageError> {
        const FIND: &str = "SELECT u.id, u.email, u.role, u.password, u.epoch, u.created_at, u.last_sign_in_at, u.disabled_at, \
            s.seen_at, s.expires_at FROM user_sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch \
            WHERE s.hash = $1 AND u.disabled_at IS NULL";
        let row: Option<SessionRow> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(hash.to_vec())
            .fetch_optional(pool)
            .await)?;
        self.read_one(row.map(|row| {
            let times = SessionTimes {
                seen_at: row.seen_at,
                expires_at: row.expires_at,
            };
            Ok((User::try_from(row.user)?, times))
        }))
    }

    pub async fn touch_session(
        &self,
        hash: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const TOUCH: &str = "UPDATE user_sessions SET seen_at = $1 WHERE hash = $2";
        touch!(self, TOUCH, now, hash.to_vec())?;
        Ok(())
    }

    pub async fn drop_session(&self, hash: [u8; 32]) -> Result<(), StorageError> {
        const DROP: &str = "DELETE FROM user_sessions WHERE hash = $1";
        touch!(self, DROP, hash.to_vec())?;
        Ok(())
    }

    /// Ends all sessions of a user.
    pub async fn end_sessions(&self, user: &User, act: &Act) -> Result<(), StorageError> {
        const END: &str = "UPDATE users SET epoch = epoch + 1 WHERE id = $1";
        in_transaction(&self.engine, async |connection| {
            on!(connection, |to| sqlx::query(END)
                .bind(user.id)
                .execute(to)
                .await
                .map(|_| ()))?;
            let deed = user.deed(Action::UserSessionsEnded);
            act.conclude(connection, [deed]).await
        })
        .await
    }

    /// Creates a link; the user's earlier links become invalid. `invited`: its user, who is invited by it alone.
    pub async fn create_link(
        &self,
        hash: [u8; 32],
        link: &Link,
        invited: Option<&User>,
        act: &Act,
    ) -> Result<(), StorageError> {
        const INSERT: &str =
            "INSERT INTO user_links (hash, kind, user_id, expires_at) VALUES ($1, $2, $3, $4)";
        let deed = invited.map(|user| user.deed(Action::UserInvited));
        in_transaction(&self.engine, async |connection| {
            if let Some(user) = link.user {
                void_links(connection, user).await?;
            }
            on!(connection, |to| sqlx::query(INSERT)
                .bind(hash.to_vec())
                .bind(link.kind.as_str())
                .bind(link.user)
                .bind(link.expires_at)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, deed).await
        })
        .await
    }

    pub async fn find_link(&self, hash: [u8; 32]) -> Result<Option<Link>, StorageError> {
        const FIND: &str = "SELECT kind, user_id, expires_at FROM user_links WHERE hash = $1";
        let row: Option<LinkRow> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(hash.to_vec())
            .fetch_optional(pool)
            .await)?;
        self.read_one(row.map(Link::try_from))
    }

    /// Consumes a sign-in link and returns its user. Of several concurrent requests, one succeeds.
    pub async fn enter_by_link(&self, hash: [u8; 32]) -> Result<Option<Uuid>, StorageError> {
        in_transaction(&self.engine, async |connection| {
            Ok(take(connection, hash).await?.flatten())
        })
        .await
    }

    /// Consumes a link to set its user's password, and returns the user. `None`: there is no such link, or its user is
    /// disabled.
    pub async fn set_password_by_link(
        &self,
        hash: [u8; 32],
        password: &str,
        act: &Act,
    ) -> Result<Option<Uuid>, StorageError> {
        in_transaction(&self.engine, async |connection| {
            let Some(user) = take(connection, hash).await?.flatten() else {
                return Ok(None);
            };
            let set = put_password(connection, user, password).await?;
            let known = locked(connection, &self.engine, user).await?;
            if let Some((email, _)) = known.filter(|_| set) {
                let deed = deed(Action::UserPasswordChanged, user, &email);
                act.conclude(connection, [deed]).await?;
            }
            Ok(set.then_some(user))
        })
        .await
    }

    /// Consumes a link to create the first owner, with a password. `None`: there is no such link, or a user exists.
    pub async fn create_first_user(
        &self,
        hash: [u8; 32],
        (id, email): (Uuid, &str),
        password: &str,
        act: &Act,
    ) -> Result<Option<Uuid>, StorageError> {
        // Two starts make two links, so the link's row does not exclude the other: the table's lock does.
        const ALONE: &str = "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE";
        const INSERT: &str = "INSERT INTO users (id, email, role, password, epoch, created_at) \
            SELECT $1, $2, 'owner', $3, 0, $4 WHERE NOT EXISTS (SELECT 1 FROM users)";
        let deed = deed(Action::UserCreated, id, email);
        let deed = deed.is(json!({ "email": email, "role": Role::Owner.as_str() }));
        in_transaction(&self.engine, async |connection| {
            if let Engine::Postgres(_) = self.engine {
                connection.run(ALONE).await?;
            }
            if take(connection, hash).await?.is_none() {
                return Ok(None);
            }
            let made = on!(connection, |to| sqlx::query(INSERT)
                .bind(id)
                .bind(email)
                .bind(password)
                .bind(act.at)
                .execute(to)
                .await?
                .rows_affected());
            if made > 0 {
                act.conclude(connection, [deed]).await?;
            }
            Ok((made > 0).then_some(id))
        })
        .await
    }

    /// Removes expired sessions and links.
    pub async fn drop_lapsed_sessions(&self, now: DateTime<Utc>) -> Result<(), StorageError> {
        const SESSIONS: &str = "DELETE FROM user_sessions WHERE expires_at <= $1";
        const LINKS: &str = "DELETE FROM user_links WHERE expires_at <= $1";
        touch!(self, SESSIONS, now)?;
        touch!(self, LINKS, now)?;
        Ok(())
    }
}
