//! Idempotency keys: claimed before a request does anything, completed with its effect.

use chrono::{DateTime, Utc};

use super::engine::connection::Connection;
use super::engine::rows::{Column, Rows};
use super::engine::{read, write};
use super::{StorageError, Store};

/// A request's claim on a key.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Hash of project, path and key.
    pub key_hash: [u8; 32],
    /// Hash of the raw body.
    pub request_hash: [u8; 32],
    /// Random: distinguishes this request's claim from another's.
    pub claim: i64,
    /// When the claim lapses if the request dies.
    pub expires_at: DateTime<Utc>,
}

/// What a change does with an idempotency key.
#[derive(Clone, Debug)]
pub enum IdempotencyOp {
    /// A request claims its key; fails with [`CommitError::Claimed`](super::CommitError::Claimed) if the key is known.
    Claim(Claim),
    /// The request succeeded: keep its answer, JSON without secrets, until `expires_at`.
    Complete {
        key_hash: [u8; 32],
        claim: i64,
        answer: String,
        expires_at: DateTime<Utc>,
    },
    /// The request failed: free the key.
    Release { key_hash: [u8; 32], claim: i64 },
}

impl IdempotencyOp {
    pub(super) fn key_hash(&self) -> [u8; 32] {
        match self {
            Self::Claim(claim) => claim.key_hash,
            Self::Complete { key_hash, .. } | Self::Release { key_hash, .. } => *key_hash,
        }
    }
}

/// The stored record of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub request_hash: Vec<u8>,
    /// `None`: the request is still running.
    pub answer: Option<String>,
}

pub(super) const CLAIM: &str = "INSERT INTO idempotency (key_hash, request_hash, claim, expires_at) \
    SELECT r.key_hash, r.request_hash, r.claim, r.expires_at FROM {rows} WHERE true \
    ON CONFLICT DO NOTHING RETURNING key_hash";

pub(super) const COMPLETE: &str = "UPDATE idempotency SET answer = r.answer, expires_at = r.expires_at \
    FROM {rows} WHERE idempotency.key_hash = r.key_hash AND idempotency.claim = r.claim";

/// Like [`COMPLETE`], but returns the key if the claim was still valid.
pub(super) const COMPLETE_CLAIMED: &str = "UPDATE idempotency SET answer = r.answer, expires_at = r.expires_at \
    FROM {rows} WHERE idempotency.key_hash = r.key_hash AND idempotency.claim = r.claim RETURNING idempotency.key_hash";

pub(super) const RELEASE: &str = "DELETE FROM idempotency WHERE answer IS NULL AND (key_hash, claim) IN (SELECT r.key_hash, r.claim FROM {rows})";

/// The rows of completed requests; other operations are left out.
pub(super) fn completed<'a>(ops: &[&'a IdempotencyOp]) -> Rows<'a> {
    let mut keys = Vec::new();
    let mut claims = Vec::new();
    let mut answers = Vec::new();
    let mut ends = Vec::new();
    for op in ops {
        if let IdempotencyOp::Complete {
            key_hash,
            claim,
            answer,
            expires_at,
        } = op
        {
            keys.push(Some(&key_hash[..]));
            claims.push(Some(*claim));
            answers.push(Some(answer.clone()));
            ends.push(Some(*expires_at));
        }
    }
    let columns = vec![
        ("key_hash", Column::Bytes(keys)),
        ("claim", Column::Int(claims)),
        ("answer", Column::Text(answers)),
        ("expires_at", Column::Time(ends)),
    ];
    Rows::new(ops.len(), columns)
}

pub(super) fn claim_rows(claims: &[Claim]) -> Rows<'_> {
    Rows::new(
        claims.len(),
        vec![
            (
                "key_hash",
                Column::Bytes(claims.iter().map(|c| Some(&c.key_hash[..])).collect()),
            ),
            (
                "request_hash",
                Column::Bytes(claims.iter().map(|c| Some(&c.request_hash[..])).collect()),
            ),
            (
                "claim",
                Column::Int(claims.iter().map(|c| Some(c.claim)).collect()),
            ),
            (
                "expires_at",
                Column::Time(claims.iter().map(|c| Some(c.expires_at)).collect()),
            ),
        ],
    )
}

/// Completes a request in the transaction of its effect. Fails when the claim has lapsed, so that a request that was given up
/// changes nothing.
pub(super) async fn complete(
    connection: &mut Connection,
    completion: Option<&IdempotencyOp>,
) -> sqlx::Result<()> {
    let Some(completion) = completion else {
        return Ok(());
    };
    let rows = completed(&[completion]);
    let claimed: Vec<Vec<u8>> = connection.returning(COMPLETE_CLAIMED, rows).await?;
    if claimed.is_empty() {
        return Err(sqlx::Error::RowNotFound);
    }
    Ok(())
}

/// Completes a request whose effect cannot be undone, such as a message that was sent; without effect if the claim has lapsed.
pub(super) async fn complete_if_claimed(
    connection: &mut Connection,
    completion: Option<&IdempotencyOp>,
) -> sqlx::Result<()> {
    match completion {
        Some(completion) => {
            let rows = completed(&[completion]);
            connection.write(COMPLETE, rows).await.map(|_| ())
        }
        None => Ok(()),
    }
}

impl Store {
    /// Finds the stored record of a key. A lapsed record is removed, so that the key can be claimed again.
    pub async fn find_kept(
        &self,
        key_hash: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<Kept>, StorageError> {
        const FIND: &str =
            "SELECT request_hash, answer FROM idempotency WHERE key_hash = $1 AND expires_at > $2";
        const DROP: &str = "DELETE FROM idempotency WHERE key_hash = $1 AND expires_at <= $2";
        let key = key_hash.to_vec();
        let found: Option<(Vec<u8>, Option<String>)> =
            read!(&self.engine, |pool| sqlx::query_as(FIND)
                .bind(key.clone())
                .bind(now)
                .fetch_optional(pool)
                .await)?;
        if found.is_none() {
            write!(&self.engine, |pool| sqlx::query(DROP)
                .bind(key)
                .bind(now)
                .execute(pool)
                .await
                .map(|_| ()))?;
        }
        Ok(found.map(|(request_hash, answer)| Kept {
            request_hash,
            answer,
        }))
    }

    /// Removes up to `limit` lapsed keys and returns how many.
    pub async fn drop_lapsed_keys(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, StorageError> {
        const DROP: &str = "DELETE FROM idempotency WHERE key_hash IN \
            (SELECT key_hash FROM idempotency WHERE expires_at <= $1 LIMIT $2)";
        Ok(write!(&self.engine, |pool| sqlx::query(DROP)
            .bind(now)
            .bind(limit)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?)
    }
}
