//! The key of hashes that outlive their plain text: made once for an installation, stored sealed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::engine::{read, write};
use super::{StorageError, Store};
use crate::secret::{TraceKey, random};

/// What the sealed key is bound to.
const PLACE: &[u8] = b"trace key";

impl Store {
    /// The installation's key; made by whichever process asks first. Resealed after a rotation of `secret_key`.
    pub async fn trace_key(&self) -> Result<TraceKey, StorageError> {
        const MAKE: &str =
            "INSERT INTO meta (name, value) VALUES ('trace_key', $1) ON CONFLICT DO NOTHING";
        const RESEAL: &str = "UPDATE meta SET value = $1 WHERE name = 'trace_key' AND value = $2";
        let stored = if let Some(stored) = self.sealed_trace_key().await? {
            stored
        } else {
            let fresh = self.sealed(&random::<32>());
            write!(&self.engine, |pool| sqlx::query(MAKE)
                .bind(fresh.clone())
                .execute(pool)
                .await
                .map(|_| ()))?;
            self.sealed_trace_key().await?.unwrap_or(fresh)
        };
        let fault = || StorageError::Inconsistent {
            table: "meta",
            column: "value",
            id: "trace_key".to_owned(),
        };
        let bytes = STANDARD.decode(&stored).map_err(|_| fault())?;
        let (plain, is_current) = self.vault.open(PLACE, &bytes).map_err(|_| fault())?;
        let key: [u8; 32] = plain.try_into().map_err(|_| fault())?;
        if !is_current {
            let resealed = self.sealed(&key);
            write!(&self.engine, |pool| sqlx::query(RESEAL)
                .bind(resealed)
                .bind(stored)
                .execute(pool)
                .await
                .map(|_| ()))?;
        }
        Ok(TraceKey::new(&key))
    }

    async fn sealed_trace_key(&self) -> Result<Option<String>, StorageError> {
        const FIND: &str = "SELECT value FROM meta WHERE name = 'trace_key'";
        let found: Option<(String,)> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .fetch_optional(pool)
            .await)?;
        Ok(found.map(|(value,)| value))
    }

    fn sealed(&self, key: &[u8; 32]) -> String {
        STANDARD.encode(self.vault.seal(PLACE, key))
    }
}
