//! Verifications as rows that are read: opened, found and listed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::engine::reader::LookUp;
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row, touch};
use super::store::count;
use super::{StorageError, Store};
use crate::secret::Vault;
use crate::verification::code::{Code, CodeHash};
use crate::verification::id::{ProjectId, VerificationId, time_ordered};
use crate::verification::phone::PhoneNumber;
use crate::verification::{Record, Verification, packed};

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

macro_rules! columns {
    () => {
        "v.id, v.project_id, v.version, v.sealed, v.code_hash, v.record, v.packed"
    };
}

/// As [`Row`] reads them. In a statement that changes rows, the table is named so too.
pub(super) const COLUMNS: &str = columns!();

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
        const FIND: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM {rows} JOIN verifications v ON v.id = r.id"
        );
        by_id(FIND, engine, ids).await
    }
}

/// Finds verifications by id, also in the past. One statement, so that one that is moved meanwhile is found.
#[derive(Debug)]
pub(super) struct ByIdAnywhere;

impl LookUp for ByIdAnywhere {
    type Key = Uuid;
    type Found = Row;

    async fn read(engine: &Engine, ids: &[Uuid]) -> sqlx::Result<HashMap<Uuid, Row>> {
        const FIND: &str = concat!(
            "WITH r AS (SELECT r.id FROM {rows}) SELECT ",
            columns!(),
            " FROM r JOIN verifications v ON v.id = r.id ",
            "UNION ALL SELECT ",
            columns!(),
            " FROM r JOIN past_verifications v ON v.id = r.id"
        );
        by_id(FIND, engine, ids).await
    }
}

async fn by_id(
    find: &'static str,
    engine: &Engine,
    ids: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, Row>> {
    let column = Column::Uuid(ids.iter().copied().map(Some).collect());
    let rows = Rows::new(ids.len(), vec![("id", column)]);
    let rows: Vec<Row> = rows.read(find, engine).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

impl Row {
    pub fn id(&self) -> Uuid {
        self.id
    }

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
        let code = Code::from_storage(code);
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
        let record = read_record(self.id, self.packed.as_deref(), &self.record)?;
        Ok(Verification {
            id: VerificationId::from_uuid(self.id),
            project: ProjectId(self.project_id),
            version: self.version,
            phone: (!phone.is_empty()).then(|| PhoneNumber::from_storage(phone.to_owned())),
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

/// A stored record, in either form.
pub(super) fn read_record(
    id: Uuid,
    packed: Option<&[u8]>,
    json: &str,
) -> Result<Record, StorageError> {
    let record = match packed {
        Some(packed) => packed::unpack(packed).map_err(|_| "packed"),
        None => serde_json::from_str(json).map_err(|_| "record"),
    };
    record.map_err(|column| StorageError::Inconsistent {
        table: "verifications",
        column,
        id: id.to_string(),
    })
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
    /// Only those that are still in the hot table: all that had an event in the last [`HOT`](super::HOT).
    pub is_recent: bool,
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
        const HOT_TABLE: &str = "verifications";
        const PAST_TABLE: &str = "past_verifications";
        macro_rules! list {
            ($pool:expr, $db:ty, $pending_first:expr, $whole:expr) => {{
                let mut sql = sqlx::QueryBuilder::<$db>::new("SELECT ");
                // What is pending is in the hot table.
                let tables: &[&str] = if query.is_recent || query.status == Some("pending") {
                    &[HOT_TABLE]
                } else {
                    &[HOT_TABLE, PAST_TABLE]
                };
                // In one statement, so that one that is moved meanwhile is in the list once.
                let are_two = tables.len() > 1;
                if are_two {
                    sql.push(COLUMNS).push(" FROM (SELECT * FROM (SELECT ");
                }
                for table in tables {
                    if *table == PAST_TABLE {
                        sql.push(") AS hot UNION ALL SELECT * FROM (SELECT ");
                    }
                    sql.push(COLUMNS).push(" FROM ");
                    self.matching::<$db>(&mut sql, table, query, $whole);
                    let order = if query.status == Some("pending") {
                        $pending_first
                    } else {
                        "v.id"
                    };
                    sql.push(format!(" ORDER BY {order} DESC LIMIT "))
                        .push_bind(query.limit);
                }
                if are_two {
                    sql.push(") AS past) AS v ORDER BY v.id DESC LIMIT ")
                        .push_bind(query.limit);
                }
                sql.build_query_as::<Row>().fetch_all($pool).await
            }};
        }
        let rows = match &self.engine {
            Engine::Postgres(pool) => list!(pool, sqlx::Postgres, "v.id", " OFFSET 0"),
            // The plus stops SQLite from walking the primary key through all history to find the few pending ones.
            Engine::Sqlite { read, .. } => {
                list!(read, sqlx::Sqlite, "+v.id", " LIMIT -1 OFFSET 0")
            }
        }?;
        Ok(rows)
    }

    /// Adds `table AS v WHERE …`, with what `query` asks for. `whole`: what keeps a sub-select apart.
    fn matching<D: sqlx::Database>(
        &self,
        sql: &mut sqlx::QueryBuilder<D>,
        table: &str,
        query: &ListQuery,
        whole: &str,
    ) where
        Uuid: for<'q> sqlx::Encode<'q, D> + sqlx::Type<D>,
        Vec<u8>: for<'q> sqlx::Encode<'q, D> + sqlx::Type<D>,
    {
        let id_at = |time| time_ordered(time, [0; 8]);
        if let Some(phone) = &query.phone {
            // On its own, so that the number's few rows are found by its index and sorted. A planner that knows the order and the
            // limit would rather walk through all rows of the project, newest first.
            let indexes = self.vault.lookups(&[b"phone", phone.as_str().as_bytes()]);
            sql.push(format!("(SELECT * FROM {table} WHERE phone_index IN ("));
            for (place, index) in indexes.into_iter().enumerate() {
                sql.push(if place == 0 { "" } else { ", " })
                    .push_bind(index.to_vec());
            }
            sql.push(")");
            if let Some(from) = query.from {
                sql.push(" AND id >= ").push_bind(id_at(from));
            }
            sql.push(format!("{whole}) v"));
        } else {
            sql.push(format!("{table} v"));
        }
        sql.push(" WHERE true");
        if let Some(project) = query.project {
            sql.push(" AND v.project_id = ").push_bind(project.0);
        }
        // In the statement's text, not bound, so that the planner can choose a partial index. It is a constant of ours.
        if let Some(status) = query.status {
            sql.push(format!(" AND v.status = '{status}'"));
            if query.phone.is_none() && !["approved", "pending"].contains(&status) {
                sql.push(" AND v.status NOT IN ('approved', 'pending')");
            }
        }
        if let Some(from) = query.from {
            sql.push(" AND v.id >= ").push_bind(id_at(from));
        }
        if let Some(before) = query.before {
            sql.push(" AND v.id < ").push_bind(id_at(before));
        }
        if let Some(cursor) = query.cursor {
            sql.push(" AND v.id < ").push_bind(cursor.uuid());
        }
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
