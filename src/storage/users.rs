//! Those who sign in to the dashboard, their sessions, and the one-time links that let them in. Secrets are kept as hashes.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::engine::{read, write};
use super::{Db, StorageError};
use crate::secret::random;
use crate::verification::id::time_ordered;

/// What a person may see and do; the table of it is `dashboard::access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Owner,
    Finance,
    Support,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Owner, Self::Finance, Self::Support];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Finance => "finance",
            Self::Support => "support",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    /// In small letters.
    pub email: String,
    pub role: Role,
    /// A PHC string; `None`: none was set yet.
    pub password: Option<String>,
    /// A session that began under another one is over.
    pub epoch: i64,
    pub created_at: DateTime<Utc>,
    pub last_sign_in_at: Option<DateTime<Utc>>,
    pub disabled_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::write!(f, "User({}, {})", self.id, self.role.as_str())
    }
}

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    SignIn,
    /// Sets a password.
    Password,
    /// Makes the first owner.
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

/// A link that can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub kind: LinkKind,
    /// `None`: there is no user yet.
    pub user: Option<Uuid>,
    pub expires_at: DateTime<Utc>,
}

/// When a session was last used, and when it ends however much it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    pub seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    email: String,
    role: String,
    password: Option<String>,
    epoch: i64,
    created_at: DateTime<Utc>,
    last_sign_in_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct SessionRow {
    #[sqlx(flatten)]
    user: Row,
    seen_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct LinkRow {
    kind: String,
    user_id: Option<Uuid>,
    expires_at: DateTime<Utc>,
}

impl TryFrom<Row> for User {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let fault = || StorageError::Inconsistent {
            table: "users",
            column: "role",
            id: row.id.to_string(),
        };
        Ok(Self {
            id: row.id,
            role: Role::parse(&row.role).ok_or_else(fault)?,
            email: row.email,
            password: row.password,
            epoch: row.epoch,
            created_at: row.created_at,
            last_sign_in_at: row.last_sign_in_at,
            disabled_at: row.disabled_at,
        })
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

/// Runs one statement that changes something, and answers how many rows it touched.
macro_rules! touch {
    ($db:expr, $sql:expr, $($value:expr),+) => {
        write!(&$db.engine, |pool| sqlx::query($sql)
            $(.bind($value))+
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))
    };
}

impl Db {
    /// Oldest first.
    pub async fn list_users(&self) -> Result<Vec<User>, StorageError> {
        const LIST: &str = "SELECT id, email, role, password, epoch, created_at, last_sign_in_at, disabled_at \
            FROM users ORDER BY id";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(User::try_from).collect()
    }

    pub async fn find_user(&self, id: Uuid) -> Result<Option<User>, StorageError> {
        const FIND: &str = "SELECT id, email, role, password, epoch, created_at, last_sign_in_at, disabled_at \
            FROM users WHERE id = $1";
        let row: Option<Row> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        row.map(User::try_from).transpose()
    }

    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<User>, StorageError> {
        const FIND: &str = "SELECT id, email, role, password, epoch, created_at, last_sign_in_at, disabled_at \
            FROM users WHERE email = $1";
        let row: Option<Row> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(email.to_owned())
            .fetch_optional(pool)
            .await)?;
        row.map(User::try_from).transpose()
    }

    /// Fails with [`StorageError::Exists`] when the address is taken.
    pub async fn create_user(
        &self,
        email: &str,
        role: Role,
        now: DateTime<Utc>,
    ) -> Result<Uuid, StorageError> {
        const INSERT: &str =
            "INSERT INTO users (id, email, role, epoch, created_at) VALUES ($1, $2, $3, 0, $4)";
        let id = time_ordered(now, random());
        touch!(
            self,
            INSERT,
            id,
            email.to_owned(),
            role.as_str().to_owned(),
            now
        )?;
        Ok(id)
    }

    /// The first owner, with a password; `None`: there is a user already.
    pub async fn create_first_user(
        &self,
        email: &str,
        password: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Uuid>, StorageError> {
        const INSERT: &str = "INSERT INTO users (id, email, role, password, epoch, created_at) \
            SELECT $1, $2, 'owner', $3, 0, $4 WHERE NOT EXISTS (SELECT 1 FROM users)";
        let id = time_ordered(now, random());
        let made = touch!(self, INSERT, id, email.to_owned(), password.to_owned(), now)?;
        Ok((made > 0).then_some(id))
    }

    /// Removes a user that has no password, with all that hangs on it.
    pub async fn drop_user_without_password(&self, email: &str) -> Result<(), StorageError> {
        const DROP: &str = "DELETE FROM users WHERE email = $1 AND password IS NULL";
        touch!(self, DROP, email.to_owned())?;
        Ok(())
    }

    /// Ends the user's sessions, as do the two that follow.
    pub async fn set_password(&self, id: Uuid, password: &str) -> Result<bool, StorageError> {
        const SET: &str = "UPDATE users SET password = $1, epoch = epoch + 1 WHERE id = $2";
        Ok(touch!(self, SET, password.to_owned(), id)? > 0)
    }

    /// `false`: there is no such user, or it is the last owner in force, who stays one.
    pub async fn set_role(&self, id: Uuid, role: Role) -> Result<bool, StorageError> {
        const SET: &str = "UPDATE users SET role = $1, epoch = epoch + 1 WHERE id = $2 AND ($1 = 'owner' \
            OR role <> 'owner' OR EXISTS (SELECT 1 FROM users o WHERE o.id <> $2 AND o.role = 'owner' \
            AND o.disabled_at IS NULL))";
        Ok(touch!(self, SET, role.as_str().to_owned(), id)? > 0)
    }

    /// Puts a user out of force; with `spare_last_owner`, `false` also for the last owner in force.
    pub async fn disable_user(
        &self,
        id: Uuid,
        now: DateTime<Utc>,
        spare_last_owner: bool,
    ) -> Result<bool, StorageError> {
        const ANY: &str = "UPDATE users SET disabled_at = $1, epoch = epoch + 1 WHERE id = $2";
        const SPARING: &str = "UPDATE users SET disabled_at = $1, epoch = epoch + 1 WHERE id = $2 AND (role <> 'owner' \
            OR EXISTS (SELECT 1 FROM users o WHERE o.id <> $2 AND o.role = 'owner' AND o.disabled_at IS NULL))";
        let sql = if spare_last_owner { SPARING } else { ANY };
        Ok(touch!(self, sql, now, id)? > 0)
    }

    pub async fn enable_user(&self, id: Uuid) -> Result<bool, StorageError> {
        const ENABLE: &str = "UPDATE users SET disabled_at = NULL WHERE id = $1";
        Ok(touch!(self, ENABLE, id)? > 0)
    }

    pub async fn note_sign_in(&self, id: Uuid, now: DateTime<Utc>) -> Result<(), StorageError> {
        const NOTE: &str = "UPDATE users SET last_sign_in_at = $1 WHERE id = $2";
        touch!(self, NOTE, now, id)?;
        Ok(())
    }

    /// Begins a session of the user as it is in `user`.
    pub async fn create_session(
        &self,
        hash: [u8; 32],
        user: &User,
        times: SessionTimes,
    ) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO user_sessions (hash, user_id, epoch, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
        touch!(
            self,
            INSERT,
            hash.to_vec(),
            user.id,
            user.epoch,
            times.seen_at,
            times.expires_at
        )?;
        Ok(())
    }

    /// A session whose user is in force and as it was when the session began.
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
        row.map(|row| {
            let times = SessionTimes {
                seen_at: row.seen_at,
                expires_at: row.expires_at,
            };
            Ok((User::try_from(row.user)?, times))
        })
        .transpose()
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

    /// A new link; those of the same user that were made before are void.
    pub async fn create_link(&self, hash: [u8; 32], link: &Link) -> Result<(), StorageError> {
        const VOID: &str = "DELETE FROM user_links WHERE user_id = $1";
        const INSERT: &str =
            "INSERT INTO user_links (hash, kind, user_id, expires_at) VALUES ($1, $2, $3, $4)";
        if let Some(user) = link.user {
            touch!(self, VOID, user)?;
        }
        touch!(
            self,
            INSERT,
            hash.to_vec(),
            link.kind.as_str().to_owned(),
            link.user,
            link.expires_at
        )?;
        Ok(())
    }

    pub async fn find_link(&self, hash: [u8; 32]) -> Result<Option<Link>, StorageError> {
        const FIND: &str = "SELECT kind, user_id, expires_at FROM user_links WHERE hash = $1";
        let row: Option<LinkRow> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(hash.to_vec())
            .fetch_optional(pool)
            .await)?;
        row.map(Link::try_from).transpose()
    }

    /// Uses a link up: of several who try at once, one gets it.
    pub async fn take_link(&self, hash: [u8; 32]) -> Result<Option<Link>, StorageError> {
        const TAKE: &str =
            "DELETE FROM user_links WHERE hash = $1 RETURNING kind, user_id, expires_at";
        let row: Option<LinkRow> = write!(&self.engine, |pool| sqlx::query_as(TAKE)
            .bind(hash.to_vec())
            .fetch_optional(pool)
            .await)?;
        row.map(Link::try_from).transpose()
    }

    /// Forgets sessions and links whose time is up.
    pub async fn drop_lapsed_sessions(&self, now: DateTime<Utc>) -> Result<(), StorageError> {
        const SESSIONS: &str = "DELETE FROM user_sessions WHERE expires_at <= $1";
        const LINKS: &str = "DELETE FROM user_links WHERE expires_at <= $1";
        touch!(self, SESSIONS, now)?;
        touch!(self, LINKS, now)?;
        Ok(())
    }
}
