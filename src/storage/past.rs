//! What happened to a number: the events of its verifications, which limits recall.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::reader::{LookUp, Reader};
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, row};
use super::verifications::read_record;
use super::{StorageError, Store};
use crate::verification::event::Event;
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::phone::PhoneNumber;

/// A number's index in a project, and the least id of the verifications that are wanted.
pub(super) type Number = ([u8; 16], ProjectId, Uuid);

/// Finds the records of numbers.
#[derive(Debug)]
pub(super) struct OfNumber;

row! {
    #[derive(Clone)]
    pub(super) struct Row {
        place: i64,
        id: Uuid,
        record: String,
        packed: Option<Vec<u8>>,
    }
}

impl LookUp for OfNumber {
    type Key = Number;
    type Found = Vec<Row>;

    async fn read(engine: &Engine, numbers: &[Number]) -> sqlx::Result<HashMap<Number, Vec<Row>>> {
        // Of one number, at most a thousand: any limit is full long before. SQLite cannot say so for each.
        const POSTGRES: &str = "SELECT r.place, v.id, v.record, v.packed FROM {rows} CROSS JOIN LATERAL \
            (SELECT v.id, v.record, v.packed FROM verifications v WHERE v.phone_index = r.phone_index AND v.id >= r.first \
            AND v.project_id = r.project_id ORDER BY v.id DESC LIMIT 1000) AS v";
        // The plus stops it from walking the whole project by another index.
        const SQLITE: &str = "SELECT DISTINCT r.place, v.id, v.record, v.packed FROM {rows} JOIN verifications v \
            ON v.phone_index = r.phone_index AND v.id >= r.first AND +v.project_id = r.project_id";
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
            Engine::Postgres(_) => POSTGRES,
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
    /// The events of a number's verifications in a project that began at or after `from`, in no order. A verification that
    /// cannot be read is left out.
    pub(super) async fn events_by(
        &self,
        reader: &Reader<OfNumber>,
        (project, phone): (ProjectId, &PhoneNumber),
        from: DateTime<Utc>,
    ) -> Result<Vec<Event>, StorageError> {
        let first = time_ordered(from, [0; 8]);
        let mut events = Vec::new();
        for index in self.vault.lookups(&[b"phone", phone.as_str().as_bytes()]) {
            let found = reader.look_up((index, project, first)).await?;
            let rows = found.into_iter().flatten();
            let records = rows.map(|row| read_record(row.id, row.packed.as_deref(), &row.record));
            let records = self.readable(records);
            events.extend(records.into_iter().flat_map(|record| record.events));
        }
        Ok(events)
    }
}
