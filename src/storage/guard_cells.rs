//! What the guard has counted, kept for the next start. Each replica knows what all count, so the last one to write is right.

use chrono::{DateTime, Utc};

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row, touch};
use super::{StorageError, Store};
use crate::abuse::guard::saved::Saved;

row! {
    struct Row {
        counted: String,
        saved_at: i64,
    }
}

impl Store {
    /// Keeps what was counted until `at`.
    pub async fn save_cells(&self, cells: &[Saved], at: DateTime<Utc>) -> Result<(), StorageError> {
        const SAVE: &str = "INSERT INTO guard_cells (project_id, cell, counted, saved_at) \
            SELECT r.project_id, r.cell, r.counted, r.saved_at FROM {rows} WHERE true \
            ON CONFLICT (project_id, cell) DO UPDATE SET counted = excluded.counted, saved_at = excluded.saved_at";
        for chunk in cells.chunks(200) {
            let projects = chunk.iter().map(|it| Some(it.key.project.0));
            let names = chunk.iter().map(|it| Some(it.key.cell.to_string()));
            let counted = chunk.iter().map(|it| {
                Some(serde_json::to_string(it).expect("hashes and counts have a JSON form"))
            });
            let rows = Rows::new(
                chunk.len(),
                vec![
                    ("project_id", Column::Uuid(projects.collect())),
                    ("cell", Column::Text(names.collect())),
                    ("counted", Column::Text(counted.collect())),
                    (
                        "saved_at",
                        Column::Int(vec![Some(at.timestamp_micros()); chunk.len()]),
                    ),
                ],
            );
            match &self.engine {
                Engine::Postgres(pool) => rows.postgres(SAVE).execute(pool).await.map(|_| ()),
                Engine::Sqlite { write, .. } => rows.sqlite(SAVE).execute(write).await.map(|_| ()),
            }?;
        }
        Ok(())
    }

    /// What was counted, and until when; `None`: nothing was kept. What cannot be read is left out.
    pub async fn saved_cells(&self) -> Result<Option<(Vec<Saved>, DateTime<Utc>)>, StorageError> {
        const ALL: &str = "SELECT counted, saved_at FROM guard_cells";
        let rows: Vec<Row> = read!(&self.engine, |pool| {
            sqlx::query_as(ALL).fetch_all(pool).await
        })?;
        let last = rows.iter().map(|row| row.saved_at).max();
        let last = last.and_then(DateTime::from_timestamp_micros);
        let read = |row: Row| serde_json::from_str(&row.counted).ok();
        Ok(last.map(|last| (rows.into_iter().filter_map(read).collect(), last)))
    }

    /// Forgets cells that nothing was counted in since.
    pub async fn drop_cells(&self, since: DateTime<Utc>) -> Result<u64, StorageError> {
        const DROP: &str = "DELETE FROM guard_cells WHERE saved_at < $1";
        Ok(touch!(self, DROP, since.timestamp_micros())?)
    }
}
