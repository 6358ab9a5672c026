//! What happened to a number: the verifications, whose events limits recall.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::reader::{LookUp, Reader};
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, row};
use super::verifications::read_record;
use super::{StorageError, Store};
use crate::verification::Record;
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::phone::PhoneNumber;

/// A number's index in a project, and the least id of the verifications that are wanted.
pub(super) type Number = ([u8; 16], ProjectId, Uuid);

/// Finds the records of numbers, in the hot table alone or `ANYWHERE`.
#[derive(Debug)]
pub(super) struct OfNumber<const ANYWHERE: bool>;

row! {
    #[derive(Clone)]
    pub(super) struct Row {
        place: i64,
        id: Uuid,
        record: String,
        packed: Option<Vec<u8>>,
    }
}

impl<const ANYWHERE: bool> LookUp for OfNumber<ANYWHERE> {
    type Key = Number;
    type Found = Vec<Row>;

    async fn read(engine: &Engine, numbers: &[Number]) -> sqlx::Result<HashMap<Number, Vec<Row>>> {
        // Of one number, at most a thousand: any limit is full long before. SQLite cannot say so for each.
        macro_rules! postgres {
            ($table:literal) => {
                concat!(
                    "(SELECT v.id, v.record, v.packed FROM ", $table, " v WHERE v.phone_index = r.phone_index ",
                    "AND v.id >= r.first AND v.project_id = r.project_id ORDER BY v.id DESC LIMIT 1000)"
                )
            };
        }
        // The plus stops it from walking the whole project by another index.
        macro_rules! sqlite {
            ($table:literal) => {
                concat!(
                    "SELECT DISTINCT r.place, v.id, v.record, v.packed FROM r JOIN ", $table, " v ",
                    "ON v.phone_index = r.phone_index AND v.id >= r.first AND +v.project_id = r.project_id"
                )
            };
        }
        const POSTGRES: &str = concat!(
            "SELECT r.place, v.id, v.record, v.packed FROM {rows} CROSS JOIN LATERAL ",
            postgres!("verifications"),
            " AS v"
        );
        const POSTGRES_ANYWHERE: &str = concat!(
            "SELECT r.place, v.id, v.record, v.packed FROM {rows} CROSS JOIN LATERAL (",
            postgres!("verifications"),
            " UNION ALL ",
            postgres!("past_verifications"),
            ") AS v"
        );
        const SQLITE: &str = concat!(
            "WITH r AS (SELECT * FROM {rows}) ",
            sqlite!("verifications")
        );
        const SQLITE_ANYWHERE: &str = concat!(
            "WITH r AS (SELECT * FROM {rows}) ",
            sqlite!("verifications"),
            " UNION ALL ",
            sqlite!("past_verifications")
        );
        let columns = vec![
            (
                "place",
                Column::Int((0..).take(numbers.len()).map(Some).collect()),
            ),
            (
                "phone_index",
                Column::Bytes(numbers.iter().map(|(index, ..)| Some(&index[..])).collect()),
            ),
            (
                "project_id",
                Column::Uuid(
                    numbers
                        .iter()
                        .map(|(_, project, _)| Some(project.0))
                        .collect(),
                ),
            ),
            (
                "first",
                Column::Uuid(numbers.iter().map(|(.., first)| Some(*first)).collect()),
            ),
        ];
        let rows = Rows::new(numbers.len(), columns);
        let sql = match engine {
            Engine::Postgres(_) if ANYWHERE => POSTGRES_ANYWHERE,
            Engine::Postgres(_) => POSTGRES,
            Engine::Sqlite { .. } if ANYWHERE => SQLITE_ANYWHERE,
            Engine::Sqlite { .. } => SQLITE,
        };
        let mut found: HashMap<Number, Vec<Row>> = HashMap::new();
        for row in rows.read::<Row>(sql, engine).await? {
            let number = usize::try_from(row.place).ok();
            if let Some(number) = number.and_then(|place| numbers.get(place)) {
                found.entry(*number).or_default().push(row);
            }
        }
        Ok(found)
    }
}

impl Store {
    /// A number's verifications in a project that began at or after `from`, in no order. One that cannot be read is left out.
    pub(super) async fn records_by<const ANYWHERE: bool>(
        &self,
        reader: &Reader<OfNumber<ANYWHERE>>,
        (project, phone): (ProjectId, &PhoneNumber),
        from: DateTime<Utc>,
    ) -> Result<Vec<Record>, StorageError> {
        let first = time_ordered(from, [0; 8]);
        let mut all = Vec::new();
        for index in self.vault.lookups(&[b"phone", phone.as_str().as_bytes()]) {
            let found = reader.look_up((index, project, first)).await?;
            let rows = found.into_iter().flatten();
            let records = rows.map(|row| read_record(row.id, row.packed.as_deref(), &row.record));
            all.extend(self.readable(records));
        }
        Ok(all)
    }
}
