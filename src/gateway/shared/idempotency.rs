//! Requests with an `Idempotency-Key`: the key is claimed first, and completed in the same change as the request's
//! effect.
//!
//! The record holds ids and figures from which the response is rendered again, not the response itself, so no second
//! copy of a phone number or a proof is stored.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::gateway::error::Error;
use crate::secret::{Vault, random};
use crate::storage::{Change, Claim, CommitError, Db, IdempotencyOp};
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::span;

/// How long a completed request can be replayed.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Shorter for an approving check, because each replay hands out the proof again.
const APPROVAL_KEPT: Duration = Duration::from_secs(60);
/// When a claim without completion lapses: the replica that made it must have died.
const RUNNING: Duration = Duration::from_secs(30);

/// The data from which a response is rendered again.
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
    /// Rendered with its secret.
    Webhook {
        id: uuid::Uuid,
        status: u16,
    },
    /// With the secret that was shown, encrypted.
    Integration {
        id: uuid::Uuid,
        status: u16,
        sealed: Option<Vec<u8>>,
    },
    GuardEntry {
        id: uuid::Uuid,
    },
    Delivery {
        id: uuid::Uuid,
    },
    /// A ledger entry.
    Entry {
        id: uuid::Uuid,
    },
}

/// A claimed key. It must be completed with the request's effect, or released.
#[derive(Clone, Debug)]
pub struct Ticket {
    key_hash: [u8; 32],
    claim: i64,
}

#[derive(Debug)]
pub enum Begun {
    Fresh(Ticket),
    Replay(Replay),
    /// The first request with this key is still running.
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

    /// Claims an idempotency key; keys are separate per project and path.
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
        // Two rounds, because looking up an expired key removes it.
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

    /// Frees the key after a failed request, so that it can be used again.
    pub(in crate::gateway) async fn release(&self, ticket: Ticket) {
        let release = IdempotencyOp::Release {
            key_hash: ticket.key_hash,
            claim: ticket.claim,
        };
        if self.db.commit(Change::idempotency(release)).await.is_err() {
            tracing::warn!(
                "cannot release an idempotency key; it expires in {} s",
                RUNNING.as_secs()
            );
        }
    }

    /// Completes a request in a change of its own.
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
