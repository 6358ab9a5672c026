//! Dashboard users.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::engine::connection::{Connection, in_transaction, on};
use super::engine::{Engine, read, row, touch};
use super::{Act, StorageError, Store};
use crate::access::Role;
use crate::audit::{Action, Deed};
use crate::secret::random;
use crate::verification::id::time_ordered;

#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    /// Lower-case.
    pub email: String,
    pub role: Role,
    /// A PHC string; `None`: not set yet.
    pub password: Option<String>,
    /// Ends sessions: one that began in an earlier epoch is invalid.
    pub epoch: i64,
    pub created_at: DateTime<Utc>,
    pub last_sign_in_at: Option<DateTime<Utc>>,
    pub disabled_at: Option<DateTime<Utc>>,
}

impl User {
    pub(super) fn deed(&self, action: Action) -> Deed {
        deed(action, self.id, &self.email)
    }
}

pub(super) fn deed(action: Action, id: Uuid, email: &str) -> Deed {
    Deed::new(action, None).to(&id, Some(email))
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::write!(f, "User({}, {})", self.id, self.role.as_str())
    }
}

row! {
    pub(super) struct Row {
        id: Uuid,
        email: String,
        role: String,
        password: Option<String>,
        epoch: i64,
        created_at: DateTime<Utc>,
        last_sign_in_at: Option<DateTime<Utc>>,
        disabled_at: Option<DateTime<Utc>>,
    }
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

/// The outcome of a change to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Also if nothing had to change.
    Done,
    NotFound,
    /// No owner would be left who can sign in.
    LastOwner,
}

/// A user's place among the owners who can sign in.
enum Rank {
    Nobody,
    LastOwner,
    /// Not an owner, or not the only one.
    Other,
}

impl Rank {
    /// Why the user may not be demoted or disabled.
    fn spared(&self) -> Option<Changed> {
        match self {
            Self::Nobody => Some(Changed::NotFound),
            Self::LastOwner => Some(Changed::LastOwner),
            Self::Other => None,
        }
    }
}

/// Locks the rows of all owners, so that of two who demote each other at once, one waits and is refused.
async fn rank(connection: &mut Connection, engine: &Engine, id: Uuid) -> sqlx::Result<Rank> {
    const LOCK: &str = "SELECT id FROM users WHERE role = 'owner' ORDER BY id FOR UPDATE";
    const LOOK: &str = "SELECT id, role = 'owner' AND disabled_at IS NULL, password IS NOT NULL FROM users \
        WHERE id = $1 OR (role = 'owner' AND disabled_at IS NULL)";
    if let Engine::Postgres(_) = engine {
        connection.run(LOCK).await?;
    }
    let found: Vec<(Uuid, bool, bool)> = on!(connection, |to| sqlx::query_as(LOOK)
        .bind(id)
        .fetch_all(to)
        .await?);
    let Some((_, is_owner, _)) = found.iter().find(|(user, ..)| *user == id) else {
        return Ok(Rank::Nobody);
    };
    let another = found
        .iter()
        .any(|(user, _, can_sign_in)| *user != id && *can_sign_in);
    Ok(if *is_owner && !another {
        Rank::LastOwner
    } else {
        Rank::Other
    })
}

/// The user's address and role, which stay until the end of the transaction.
pub(super) async fn locked(
    connection: &mut Connection,
    engine: &Engine,
    id: Uuid,
) -> sqlx::Result<Option<(String, String)>> {
    const LOOK: &str = "SELECT email, role FROM users WHERE id = $1";
    const LOCK: &str = "SELECT email, role FROM users WHERE id = $1 FOR UPDATE";
    let sql = match engine {
        Engine::Postgres(_) => LOCK,
        Engine::Sqlite { .. } => LOOK,
    };
    on!(connection, |to| sqlx::query_as(sql)
        .bind(id)
        .fetch_optional(to)
        .await)
}

/// Sets a password and invalidates the user's sessions and links.
pub(super) async fn put_password(
    connection: &mut Connection,
    id: Uuid,
    password: &str,
) -> sqlx::Result<bool> {
    const SET: &str =
        "UPDATE users SET password = $1, epoch = epoch + 1 WHERE id = $2 AND disabled_at IS NULL";
    let set = on!(connection, |to| sqlx::query(SET)
        .bind(password)
        .bind(id)
        .execute(to)
        .await?
        .rows_affected());
    void_links(connection, id).await?;
    Ok(set > 0)
}

pub(super) async fn void_links(connection: &mut Connection, user: Uuid) -> sqlx::Result<()> {
    const VOID: &str = "DELETE FROM user_links WHERE user_id = $1";
    on!(connection, |to| sqlx::query(VOID)
        .bind(user)
        .execute(to)
        .await
        .map(|_| ()))
}

impl Store {
    /// Oldest first.
    pub async fn list_users(&self) -> Result<Vec<User>, StorageError> {
        const LIST: &str = "SELECT id, email, role, password, epoch, created_at, last_sign_in_at, disabled_at \
            FROM users ORDER BY id";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        let is_empty = rows.is_empty();
        let mut users: Vec<_> = rows.into_iter().map(User::try_from).collect();
        // An empty list means that nobody has been set up yet, so it must not come from unreadable rows.
        if !is_empty && users.iter().all(Result::is_err) {
            return self.read_one(users.pop()).map(Vec::from_iter);
        }
        Ok(self.readable(users))
    }

    pub async fn find_user(&self, id: Uuid) -> Result<Option<User>, StorageError> {
        const FIND: &str = "SELECT id, email, role, password, epoch, created_at, last_sign_in_at, disabled_at \
            FROM users WHERE id = $1";
        let row: Option<Row> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        self.read_one(row.map(User::try_from))
    }

    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<User>, StorageError> {
        const FIND: &str = "SELECT id, email, role, password, epoch, created_at, last_sign_in_at, disabled_at \
            FROM users WHERE email = $1";
        let row: Option<Row> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(email.to_owned())
            .fetch_optional(pool)
            .await)?;
        self.read_one(row.map(User::try_from))
    }

    /// Fails with [`StorageError::Exists`] if the address is taken.
    pub async fn create_user(
        &self,
        email: &str,
        role: Role,
        act: &Act,
    ) -> Result<Uuid, StorageError> {
        const INSERT: &str =
            "INSERT INTO users (id, email, role, epoch, created_at) VALUES ($1, $2, $3, 0, $4)";
        let id = time_ordered(act.at, random());
        let deed = deed(Action::UserCreated, id, email);
        let deed = deed.is(json!({ "email": email, "role": role.as_str() }));
        in_transaction(&self.engine, async |connection| {
            on!(connection, |to| sqlx::query(INSERT)
                .bind(id)
                .bind(email)
                .bind(role.as_str())
                .bind(act.at)
                .execute(to)
                .await
                .map(|_| ()))?;
            act.conclude(connection, [deed]).await
        })
        .await?;
        Ok(id)
    }

    /// Removes the user with this email, with all sessions and links.
    pub async fn drop_user(&self, email: &str) -> Result<(), StorageError> {
        touch!(self, "DELETE FROM users WHERE email = $1", email.to_owned())?;
        Ok(())
    }

    /// Also ends the user's sessions and invalidates the links.
    pub async fn set_password(
        &self,
        user: &User,
        password: &str,
        act: &Act,
    ) -> Result<bool, StorageError> {
        in_transaction(&self.engine, async |connection| {
            let set = put_password(connection, user.id, password).await?;
            if set {
                let deed = user.deed(Action::UserPasswordChanged);
                act.conclude(connection, [deed]).await?;
            }
            Ok(set)
        })
        .await
    }

    /// Ends the user's sessions if the role changes. Refuses to demote the last owner who can sign in.
    pub async fn set_role(&self, id: Uuid, role: Role, act: &Act) -> Result<Changed, StorageError> {
        const SET: &str = "UPDATE users SET role = $1, epoch = epoch + 1 WHERE id = $2";
        in_transaction(&self.engine, async |connection| {
            let rank = rank(connection, &self.engine, id).await?;
            if role != Role::Owner
                && let Some(no) = rank.spared()
            {
                return Ok(no);
            }
            let Some((email, before)) = locked(connection, &self.engine, id).await? else {
                return Ok(Changed::NotFound);
            };
            if before == role.as_str() {
                return Ok(Changed::Done);
            }
            on!(connection, |to| sqlx::query(SET)
                .bind(role.as_str())
                .bind(id)
                .execute(to)
                .await
                .map(|_| ()))?;
            let deed = deed(Action::UserRoleChanged, id, &email);
            let deed = deed.was(json!({ "role": before }));
            let deed = deed.is(json!({ "role": role.as_str() }));
            act.conclude(connection, [deed]).await?;
            Ok(Changed::Done)
        })
        .await
    }

    /// Disables a user and invalidates the links; with `spare_last_owner`, refuses for the last owner who can sign in.
    pub async fn disable_user(
        &self,
        user: &User,
        spare_last_owner: bool,
        act: &Act,
    ) -> Result<Changed, StorageError> {
        const DISABLE: &str = "UPDATE users SET disabled_at = $1, epoch = epoch + 1 WHERE id = $2 AND disabled_at IS NULL";
        in_transaction(&self.engine, async |connection| {
            let rank = rank(connection, &self.engine, user.id).await?;
            match rank.spared() {
                Some(Changed::LastOwner) if !spare_last_owner => {}
                Some(no) => return Ok(no),
                None => {}
            }
            let touched = on!(connection, |to| sqlx::query(DISABLE)
                .bind(act.at)
                .bind(user.id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            void_links(connection, user.id).await?;
            let deed = (touched > 0).then(|| user.deed(Action::UserDisabled));
            act.conclude(connection, deed).await?;
            Ok(Changed::Done)
        })
        .await
    }

    /// Returns whether the user was disabled.
    pub async fn enable_user(&self, user: &User, act: &Act) -> Result<bool, StorageError> {
        const ENABLE: &str =
            "UPDATE users SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL";
        in_transaction(&self.engine, async |connection| {
            let touched = on!(connection, |to| sqlx::query(ENABLE)
                .bind(user.id)
                .execute(to)
                .await
                .map(|done| done.rows_affected()))?;
            let deed = (touched > 0).then(|| user.deed(Action::UserEnabled));
            act.conclude(connection, deed).await?;
            Ok(touched > 0)
        })
        .await
    }
}
