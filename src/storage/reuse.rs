//! Verifications by their reuse key, which says what they are for.

use std::collections::HashMap;

use uuid::Uuid;

use super::engine::reader::LookUp;
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, row};

/// Finds the newest verification of a key that is pending, has failed or is locked.
#[derive(Debug)]
pub(super) struct ByReuse;

row! {
    struct Row {
        reuse_key: Vec<u8>,
        id: Uuid,
    }
}

impl LookUp for ByReuse {
    type Key = [u8; 16];
    type Found = Uuid;

    async fn read(engine: &Engine, keys: &[[u8; 16]]) -> sqlx::Result<HashMap<[u8; 16], Uuid>> {
        // In two parts, since each of them has an index. A join that is not lateral would read all pending ones, once there are many.
        const POSTGRES: &str = "SELECT r.reuse_key, v.id FROM {rows} CROSS JOIN LATERAL \
            (SELECT p.id FROM verifications p WHERE p.reuse_key = r.reuse_key AND p.status = 'pending' UNION ALL \
            (SELECT k.id FROM verifications k WHERE k.reuse_key = r.reuse_key AND k.status IN ('failed', 'locked') \
            ORDER BY k.id DESC LIMIT 1)) v";
        const SQLITE: &str = "WITH r AS (SELECT r.reuse_key FROM {rows}) \
            SELECT v.reuse_key, v.id FROM r JOIN verifications v ON v.reuse_key = r.reuse_key AND v.status = 'pending' \
            UNION ALL SELECT v.reuse_key, v.id FROM r JOIN verifications v ON v.reuse_key = r.reuse_key \
            AND v.status IN ('failed', 'locked')";
        let find = match engine {
            Engine::Postgres(_) => POSTGRES,
            Engine::Sqlite { .. } => SQLITE,
        };
        let column = Column::Bytes(keys.iter().map(|key| Some(&key[..])).collect());
        let rows = Rows::new(keys.len(), vec![("reuse_key", column)]);
        let mut newest = HashMap::new();
        for row in rows.read::<Row>(find, engine).await? {
            if let Ok(key) = row.reuse_key.as_slice().try_into() {
                let known = newest.entry(key).or_insert(row.id);
                *known = row.id.max(*known);
            }
        }
        Ok(newest)
    }
}
