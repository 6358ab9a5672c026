//! Verifications as rows: sealed when written, opened when read. Queries to find and list them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::engine::reader::LookUp;
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row, touch};
use super::store::count;
use super::{StorageError, Store};
use crate::secret::{Vault, random};
use crate::verification::attempt::AttemptStatus;
use crate::verification::code::{Code, CodeHash};
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::phone::PhoneNumber;
use crate::verification::{Record, Verification, packed};

/// Whether a change's verification is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Fails with [`Lost::Exists`](super::Lost::Exists) when a pending verification has the same reuse key.
    Insert,
    /// Fails with [`Lost::Stale`](super::Lost::Stale) unless the stored version is the one that the state was read at.
    Update,
}

/// What a change does to its verification's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    Keep,
    /// Take or renew it.
    Hold {
        owner: i64,
        until: DateTime<Utc>,
    },
    /// Release it, if this owner still holds it.
    Release {
        owner: i64,
    },
    /// Take it if it is free; if not, the change fails with [`Lost::Stale`](super::Lost::Stale).
    Take {
        owner: i64,
        until: DateTime<Utc>,
    },
}

/// A verification ready to write.
#[derive(Debug)]
pub(super) struct Stored {
    pub id: Uuid,
    pub change_id: i64,
    project_id: Uuid,
    /// The version it was read at.
    version: i64,
    status: &'static str,
    /// Of a new one.
    phone_index: Option<[u8; 16]>,
    reuse_key: [u8; 16],
    /// `None`: it is stored as it is.
    sealed: Option<Vec<u8>>,
    code_hash: [u8; 32],
    packed: Vec<u8>,
    is_unknown: bool,
    wake_at: Option<DateTime<Utc>>,
    lease: Lease,
}

row! {
    #[derive(Clone)]
    pub(super) struct Row {
        id: Uuid,
        project_id: Uuid,
        version: i64,
        sealed: Vec<u8>,
        code_hash: Vec<u8>,
        /// JSON, as earlier versions wrote it, if `packed` is `None`.
        record: String,
        packed: Option<Vec<u8>>,
    }
}

/// As [`Row`] reads them. In a statement that changes rows, the table is named so too.
pub(super) const COLUMNS: &str =
    "v.id, v.project_id, v.version, v.sealed, v.code_hash, v.record, v.packed";

pub(super) const INSERT: &str = "INSERT INTO verifications (id, project_id, version, change_id, status, phone_index, \
    reuse_key, sealed, code_hash, record, packed, is_unknown, wake_at, lease_owner, lease_until) \
    SELECT r.id, r.project_id, 1, r.change_id, r.status, r.phone_index, r.reuse_key, r.sealed, r.code_hash, '', \
    r.packed, r.is_unknown, r.wake_at, r.lease_owner, r.lease_until FROM {rows} WHERE true ON CONFLICT DO NOTHING";

/// Lease: 0 keeps it, 1 takes it, 2 releases it if the owner still holds it, 3 takes it if it is free, or else changes nothing.
/// A verification that is reopened gives its reuse key up if a newer one has it.
pub(super) const UPDATE: &str = "UPDATE verifications SET version = r.version + 1, change_id = r.change_id, \
    status = r.status, \
    reuse_key = CASE WHEN r.status = 'pending' AND verifications.status = 'failed' AND EXISTS (SELECT 1 \
        FROM verifications newer WHERE newer.reuse_key = verifications.reuse_key AND newer.status = 'pending') \
        THEN r.reuse_key ELSE verifications.reuse_key END, \
    sealed = COALESCE(r.sealed, verifications.sealed), code_hash = COALESCE(r.code_hash, verifications.code_hash), \
    record = '', packed = r.packed, is_unknown = r.is_unknown, wake_at = r.wake_at, \
    lease_owner = CASE WHEN r.lease IN (1, 3) THEN r.lease_owner \
        WHEN r.lease = 2 AND verifications.lease_owner = r.lease_owner THEN NULL ELSE verifications.lease_owner END, \
    lease_until = CASE WHEN r.lease IN (1, 3) THEN r.lease_until \
        WHEN r.lease = 2 AND verifications.lease_owner = r.lease_owner THEN NULL ELSE verifications.lease_until END \
    FROM {rows} WHERE verifications.id = r.id AND verifications.version = r.version \
    AND (r.lease <> 3 OR verifications.lease_until IS NULL)";

/// The ids of [`changes`] that have been written.
pub(super) const WRITTEN: &str =
    "SELECT v.id FROM {rows} JOIN verifications v ON v.id = r.id AND v.change_id = r.change_id";

pub(super) fn changes(stored: &[&Stored]) -> Rows<'static> {
    let ids = stored.iter().map(|s| Some(s.id)).collect();
    let changes = stored.iter().map(|s| Some(s.change_id)).collect();
    let columns = vec![
        ("id", Column::Uuid(ids)),
        ("change_id", Column::Int(changes)),
    ];
    Rows::new(stored.len(), columns)
}

/// For [`INSERT`], or for [`UPDATE`].
pub(super) fn rows<'a>(write: Write, stored: &[&'a Stored]) -> Rows<'a> {
    let lease = |s: &Stored| match s.lease {
        Lease::Keep => (0, None, None),
        Lease::Hold { owner, until } => (1, Some(owner), Some(until)),
        Lease::Release { owner } => (2, Some(owner), None),
        Lease::Take { owner, until } => (3, Some(owner), Some(until)),
    };
    let uuid =
        |get: fn(&Stored) -> Uuid| Column::Uuid(stored.iter().map(|s| Some(get(s))).collect());
    let bytes = |get: fn(&'a Stored) -> Option<&'a [u8]>| {
        Column::Bytes(stored.iter().map(|s| get(s)).collect())
    };
    let text =
        |get: fn(&'a Stored) -> &'a str| Column::Str(stored.iter().map(|s| Some(get(s))).collect());
    let int =
        |get: &dyn Fn(&Stored) -> Option<i64>| Column::Int(stored.iter().map(|s| get(s)).collect());
    let time = |get: &dyn Fn(&Stored) -> Option<DateTime<Utc>>| {
        Column::Time(stored.iter().map(|s| get(s)).collect())
    };
    let is_unknown = stored.iter().map(|s| Some(s.is_unknown)).collect();
    let mut columns = vec![
        ("id", uuid(|s| s.id)),
        ("change_id", int(&|s| Some(s.change_id))),
        ("status", text(|s| s.status)),
        ("reuse_key", bytes(|s| Some(&s.reuse_key))),
        ("sealed", bytes(|s| s.sealed.as_deref())),
        (
            "code_hash",
            bytes(|s| s.sealed.as_ref().map(|_| &s.code_hash[..])),
        ),
        ("packed", bytes(|s| Some(&s.packed))),
        ("is_unknown", Column::Bool(is_unknown)),
        ("wake_at", time(&|s| s.wake_at)),
        ("lease_owner", int(&|s| lease(s).1)),
        ("lease_until", time(&|s| lease(s).2)),
    ];
    columns.extend(match write {
        Write::Insert => [
            ("project_id", uuid(|s| s.project_id)),
            (
                "phone_index",
                bytes(|s| s.phone_index.as_ref().map(|index| &index[..])),
            ),
        ],
        Write::Update => [
            ("version", int(&|s| Some(s.version))),
            ("lease", int(&|s| Some(lease(s).0))),
        ],
    });
    Rows::new(stored.len(), columns)
}

impl Stored {
    pub fn of(
        vault: &Vault,
        write: Write,
        v: &Verification,
        reuse_key: [u8; 16],
        wake_at: Option<DateTime<Utc>>,
        lease: Lease,
    ) -> Self {
        let seal = || {
            let code = v.code.as_ref().map_or("", Code::as_str);
            let plain = [v.phone.as_str(), "|", code].concat();
            vault.seal(v.id.uuid().as_bytes(), plain.as_bytes())
        };
        let is_new = write == Write::Insert;
        let attempts = &v.record.attempts;
        Self {
            id: v.id.uuid(),
            change_id: i64::from_be_bytes(random()),
            project_id: v.project.0,
            version: v.version,
            status: v.record.status.as_str(),
            phone_index: is_new.then(|| phone_index(vault, &v.phone)),
            reuse_key,
            sealed: (is_new || !v.is_sealed).then(seal),
            code_hash: v.code_hash.0,
            packed: packed::pack(&v.record),
            is_unknown: wake_at.is_some()
                && attempts.iter().any(|a| a.status == AttemptStatus::Unknown),
            wake_at,
            lease,
        }
    }
}

/// A keyed hash of the number, to look it up by.
fn phone_index(vault: &Vault, phone: &PhoneNumber) -> [u8; 16] {
    vault.lookup(&[b"phone", phone.as_str().as_bytes()])
}

pub(super) async fn last_change(engine: &Engine, id: Uuid) -> sqlx::Result<Option<i64>> {
    const FIND: &str = "SELECT change_id FROM verifications WHERE id = $1";
    let found: Option<(i64,)> = read!(engine, |pool| sqlx::query_as(FIND)
        .bind(id)
        .fetch_optional(pool)
        .await)?;
    Ok(found.map(|(id,)| id))
}

/// Finds verifications by id.
#[derive(Debug)]
pub(super) struct ById;

impl LookUp for ById {
    type Key = Uuid;
    type Found = Row;

    async fn read(engine: &Engine, ids: &[Uuid]) -> sqlx::Result<HashMap<Uuid, Row>> {
        const FIND: &str = "SELECT v.id, v.project_id, v.version, v.sealed, v.code_hash, v.record, v.packed \
            FROM {rows} JOIN verifications v ON v.id = r.id";
        let column = Column::Uuid(ids.iter().copied().map(Some).collect());
        let rows = Rows::new(ids.len(), vec![("id", column)]);
        let rows: Vec<Row> = rows.read(FIND, engine).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Row {
    pub fn open(self, vault: &Vault) -> Result<Verification, StorageError> {
        let fault = |column| StorageError::Inconsistent {
            table: "verifications",
            column,
            id: self.id.to_string(),
        };
        let (plain, current) = vault
            .open(self.id.as_bytes(), &self.sealed)
            .map_err(|_| fault("sealed"))?;
        let plain = String::from_utf8(plain).map_err(|_| fault("sealed"))?;
        let (phone, code) = plain.split_once('|').ok_or_else(|| fault("sealed"))?;
        let code = Code::parse(code);
        let hash: [u8; 32] = self
            .code_hash
            .as_slice()
            .try_into()
            .map_err(|_| fault("code_hash"))?;
        let code_hash = match &code {
            // Hashed with a key that is being retired: hash again with the current one.
            Some(code) if !current => vault.code_hash(self.id.as_bytes(), code.as_str()),
            _ => hash,
        };
        let record = read_record(self.packed.as_deref(), &self.record).map_err(fault)?;
        Ok(Verification {
            id: VerificationId::from_uuid(self.id),
            project: ProjectId(self.project_id),
            version: self.version,
            phone: PhoneNumber::from_storage(phone.to_owned()),
            code_hash: CodeHash(code_hash),
            code,
            is_sealed: current,
            events_stored: record.events.len(),
            attempts_stored: record.attempts.len(),
            record,
            bookings: Vec::new(),
        })
    }
}

/// A stored record, in either form. The error is the column at fault.
pub(super) fn read_record(packed: Option<&[u8]>, json: &str) -> Result<Record, &'static str> {
    match packed {
        Some(packed) => packed::unpack(packed).map_err(|_| "packed"),
        None => serde_json::from_str(json).map_err(|_| "record"),
    }
}

/// Selects verifications, newest first.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    pub project: Option<ProjectId>,
    pub phone: Option<PhoneNumber>,
    pub status: Option<&'static str>,
    /// Created at or after.
    pub from: Option<DateTime<Utc>>,
    /// Created before.
    pub before: Option<DateTime<Utc>>,
    /// Only those after this one in the list.
    pub cursor: Option<VerificationId>,
    pub limit: i64,
}

impl Store {
    /// The id of the change that wrote the newest version of a verification.
    pub async fn last_change(&self, id: VerificationId) -> Result<Option<i64>, StorageError> {
        Ok(last_change(&self.engine, id.uuid()).await?)
    }

    /// Fewer than the limit only at the end: for a row that cannot be read, the next one comes.
    pub async fn list_verifications(
        &self,
        query: &ListQuery,
    ) -> Result<Vec<Verification>, StorageError> {
        let mut rest = query.clone();
        let mut found = Vec::new();
        loop {
            let rows = self.verification_rows(&rest).await?;
            let is_end = count(&rows) < rest.limit;
            rest.cursor = rows.last().map(|row| VerificationId::from_uuid(row.id));
            found.extend(self.readable(rows.into_iter().map(|row| row.open(&self.vault))));
            rest.limit = query.limit - count(&found);
            if is_end || rest.limit <= 0 {
                return Ok(found);
            }
        }
    }

    async fn verification_rows(&self, query: &ListQuery) -> sqlx::Result<Vec<Row>> {
        macro_rules! list {
            ($pool:expr, $db:ty, $pending_first:expr) => {{
                let mut sql = sqlx::QueryBuilder::<$db>::new("SELECT ");
                sql.push(COLUMNS).push(" FROM verifications v WHERE true");
                if let Some(project) = query.project {
                    sql.push(" AND v.project_id = ").push_bind(project.0);
                }
                if let Some(phone) = &query.phone {
                    let indexes = self.vault.lookups(&[b"phone", phone.as_str().as_bytes()]);
                    sql.push(" AND v.phone_index IN (");
                    let mut list = sql.separated(", ");
                    for index in indexes {
                        list.push_bind(index.to_vec());
                    }
                    sql.push(")");
                }
                // In the statement's text, not bound, so that the planner can choose a partial index. It is a constant of ours.
                if let Some(status) = query.status {
                    sql.push(format!(" AND v.status = '{status}'"));
                    if query.phone.is_none() && !["approved", "pending"].contains(&status) {
                        sql.push(" AND v.status NOT IN ('approved', 'pending')");
                    }
                }
                if let Some(from) = query.from {
                    sql.push(" AND v.id >= ")
                        .push_bind(crate::verification::id::time_ordered(from, [0; 8]));
                }
                if let Some(before) = query.before {
                    sql.push(" AND v.id < ")
                        .push_bind(crate::verification::id::time_ordered(before, [0; 8]));
                }
                if let Some(cursor) = query.cursor {
                    sql.push(" AND v.id < ").push_bind(cursor.uuid());
                }
                let order = if query.status == Some("pending") {
                    $pending_first
                } else {
                    "v.id"
                };
                sql.push(format!(" ORDER BY {order} DESC LIMIT "))
                    .push_bind(query.limit);
                sql.build_query_as::<Row>().fetch_all($pool).await
            }};
        }
        let rows = match &self.engine {
            Engine::Postgres(pool) => list!(pool, sqlx::Postgres, "v.id"),
            // The plus stops SQLite from walking the primary key through all history to find the few pending ones.
            Engine::Sqlite { read, .. } => list!(read, sqlx::Sqlite, "+v.id"),
        }?;
        Ok(rows)
    }

    /// Verifications with an attempt in `unknown`. They all have a pending task, so the `wake_at` index covers them.
    pub async fn list_unknown(
        &self,
        project: Option<ProjectId>,
        limit: i64,
    ) -> Result<Vec<Verification>, StorageError> {
        let mine = if project.is_some() {
            "AND v.project_id = $2"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM verifications v WHERE v.wake_at IS NOT NULL AND v.is_unknown {mine} ORDER BY v.wake_at LIMIT $1"
        );
        let rows: Vec<Row> = read!(&self.engine, |pool| {
            let query = sqlx::query_as(AssertSqlSafe(sql)).bind(limit);
            let query = match project {
                Some(project) => query.bind(project.0),
                None => query,
            };
            query.fetch_all(pool).await
        })?;
        Ok(self.readable(rows.into_iter().map(|row| row.open(&self.vault))))
    }

    /// From now on the pending verification with this reuse key has `another`, which no request has.
    pub async fn give_up_reuse(
        &self,
        reuse_key: [u8; 16],
        another: [u8; 16],
    ) -> Result<(), StorageError> {
        const GIVE_UP: &str =
            "UPDATE verifications SET reuse_key = $2 WHERE reuse_key = $1 AND status = 'pending'";
        touch!(self, GIVE_UP, reuse_key.to_vec(), another.to_vec())?;
        Ok(())
    }

    /// The pending verification with this reuse key.
    pub async fn find_pending(
        &self,
        reuse_key: [u8; 16],
    ) -> Result<Option<Verification>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM verifications v WHERE v.reuse_key = $1 AND v.status = 'pending'"
        );
        let row: Option<Row> = read!(&self.engine, |pool| sqlx::query_as(AssertSqlSafe(sql))
            .bind(reuse_key.to_vec())
            .fetch_optional(pool)
            .await)?;
        self.read_one(row.map(|row| row.open(&self.vault)))
    }
}
