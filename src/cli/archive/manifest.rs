//! What a backup says of itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The first line. A format that older versions cannot read has another number.
pub(super) const FIRST_LINE: &str = "pinroute backup 1";

/// What is in a backup. It holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub made_at: DateTime<Utc>,
    /// Version of the program.
    pub pinroute: String,
    /// `sqlite`: the copy is a database file. `postgres`: it is a dump in the custom form of `pg_dump`.
    pub engine: String,
    /// Version of the database.
    pub database: String,
    /// Of Postgres, in which the tables are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The newest migration that was applied.
    pub migration: i64,
    /// Fingerprint of the secret key.
    pub key: String,
    /// Length of the copy.
    pub bytes: u64,
    /// Of the copy, in hexadecimal.
    pub sha256: String,
}
