//! Requests under an `Idempotency-Key`: claimed first, completed in the same change as their effect.
//!
//! The record holds what is needed to render the answer again (ids and figures), not the answer: there is no second copy of a
//! number or a proof.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::gateway::error::Error;
use crate::secret::{Vault, random};
use crate::storage::{Change, Claim, CommitError, Db, IdempotencyOp};
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::span;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// An approving check is answered again only so long.
const APPROVAL_KEPT: Duration = Duration::from_secs(60);
/// A request that has not ended by then has died with its replica.
const RUNNING: Duration = Duration::from_secs(30);

/// What is needed to render an answer again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    /// The verification as it is now, with this HTTP status.
    Verification {
        id: VerificationId,
        status: u16,
        reused: bool,
    },
    Check {
        id: VerificationId,
        status: String,
        valid: bool,
        checks_left: u32,
    },
    Project {
        name: String,
        status: u16,
    },
    /// With the secret, encrypted.
    Key {
        id: uuid::Uuid,
        sealed: Vec<u8>,
    },
    /// With the secret that was made.
    Webhook {
        id: uuid::Uuid,
        status: u16,
    },
    Delivery {
        id: uuid::Uuid,
    },
    /// Of the ledger.
    Entry {
        id: uuid::Uuid,
    },
}

/// A claimed key. Unless it is completed with an effect, it must be released.
#[derive(Clone, Debug)]
pub struct Ticket {
    key_hash: [u8; 32],
    claim: i64,
}

#[derive(Debug)]
pub enum Begun {
    Fresh(Ticket),
    Replay(Replay),
    /// The first request with the key still runs.
    InProgress,
    /// The key was used with another body.
    Mismatch,
}

#[derive(Clone, Debug)]
pub struct Idempotency {
    db: Db,
    vault: Arc<Vault>,
    clock: Clock,
}

impl Idempotency {
    pub(in crate::gateway) fn new(db: Db, vault: Arc<Vault>, clock: Clock) -> Self {
        Self { db, vault, clock }
    }

    /// Begins a request under a key of its project and path.
    pub async fn begin(
        &self,
        project: Option<ProjectId>,
        path: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Begun, Error> {
        let now = self.clock.now();
        let project = project.map_or(uuid::Uuid::nil(), |project| project.0);
        let hash = |name: &[u8], value: &[u8]| {
            let parts = [name, project.as_bytes(), path.as_bytes(), value];
            self.vault.request_hash(&parts)
        };
        let claim = Claim {
            key_hash: hash(b"key", key.as_bytes()),
            request_hash: hash(b"body", body),
            claim: i64::from_be_bytes(random()),
            expires_at: span::after(now, RUNNING),
        };
        // Twice: a lapsed key is removed by the look at it.
        for _ in 0..2 {
            match self
                .db
                .commit(Change::idempotency(IdempotencyOp::Claim(claim.clone())))
                .await
            {
                Ok(()) => {
                    return Ok(Begun::Fresh(Ticket {
                        key_hash: claim.key_hash,
                        claim: claim.claim,
                    }));
                }
                Err(CommitError::Claimed) => {}
                Err(error) => return Err(error.into()),
            }
            let Some(kept) = self.db.find_kept(claim.key_hash, now).await? else {
                continue;
            };
            if kept.request_hash != claim.request_hash {
                return Ok(Begun::Mismatch);
            }
            return Ok(
                match kept
                    .answer
                    .and_then(|answer| serde_json::from_str(&answer).ok())
                {
                    Some(replay) => Begun::Replay(replay),
                    None => Begun::InProgress,
                },
            );
        }
        Ok(Begun::InProgress)
    }

    /// The request under this ticket did not end well: its key may be used again.
    pub async fn release(&self, ticket: Ticket) {
        let release = IdempotencyOp::Release {
            key_hash: ticket.key_hash,
            claim: ticket.claim,
        };
        if self.db.commit(Change::idempotency(release)).await.is_err() {
            tracing::warn!(
                "an idempotency key stays claimed until it lapses in {} s",
                RUNNING.as_secs()
            );
        }
    }

    /// Completes a request that had no other effect.
    pub(in crate::gateway) async fn complete_alone(
        &self,
        ticket: Option<Ticket>,
        replay: &Replay,
    ) -> Result<(), Error> {
        let Some(op) = self.completion(ticket.as_ref(), replay) else {
            return Ok(());
        };
        self.db
            .commit(Change::idempotency(op))
            .await
            .map_err(Error::from)
    }

    pub(in crate::gateway) fn completion(
        &self,
        ticket: Option<&Ticket>,
        replay: &Replay,
    ) -> Option<IdempotencyOp> {
        let ticket = ticket?;
        let kept = match replay {
            Replay::Check { valid: true, .. } => APPROVAL_KEPT,
            _ => KEPT,
        };
        Some(IdempotencyOp::Complete {
            key_hash: ticket.key_hash,
            claim: ticket.claim,
            answer: serde_json::to_string(replay).expect("ids and figures have a JSON form"),
            expires_at: span::after(self.clock.now(), kept),
        })
    }
}
