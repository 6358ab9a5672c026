//! Everything that one step changes, as one value that takes effect whole or not at all.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::audit;
use crate::ledger::entry::Entry;
use crate::ledger::tally::{self, Tally};
use crate::secret::Vault;
use crate::storage::budgets;
use crate::storage::idempotency::IdempotencyOp;
use crate::storage::stored::{Lease, Stored, Write};
use crate::storage::webhook_deliveries::Delivery;
use crate::verification::Verification;
use crate::verification::budget::Posting;

/// Everything that a transition changes.
#[derive(Debug)]
pub struct Change {
    pub(in crate::storage) write: Option<(Write, Stored)>,
    pub(in crate::storage) entries: Vec<Entry>,
    pub(in crate::storage) tallies: Vec<Tally>,
    pub(in crate::storage) postings: Vec<Posting>,
    pub(in crate::storage) deliveries: Vec<Delivery>,
    /// Of an entry made by hand.
    pub(in crate::storage) audit: Vec<audit::Entry>,
    pub(in crate::storage) idempotency: Option<IdempotencyOp>,
}

/// Why the row of a change was not written.
pub(in crate::storage) fn refused(write: Write) -> CommitError {
    CommitError::Lost(match write {
        Write::Insert => Lost::Exists,
        Write::Update => Lost::Stale,
    })
}

/// Another change came first: this one can be made again from a fresh read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the verification was changed in the meantime")]
    Stale,
    #[error("a budget has no room for it")]
    NoRoom,
    #[error("a pending verification like it exists")]
    Exists,
}

/// Why a change did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error("the idempotency key is known")]
    Claimed,
    /// The database refuses it for what it holds; repeating it does not help.
    #[error("the database refuses it")]
    Rejected,
    #[error("the database cannot be reached")]
    Unavailable,
    /// It may have taken effect, or may yet do so.
    #[error("the database has not answered")]
    Unanswered,
}

impl Change {
    /// An entry made by hand, without a verification.
    pub(in crate::storage) fn is_booking(&self) -> bool {
        self.write.is_none() && !self.entries.is_empty()
    }

    /// Stored with the verification, so that after a lost answer it can be asked whether the change took effect
    /// ([`Store::last_change`](crate::storage::Store::last_change)). `None`: it changes no verification.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        self.write.as_ref().map(|(_, stored)| stored.change_id)
    }

    /// Only an idempotency record.
    #[must_use]
    pub fn idempotency(op: IdempotencyOp) -> Self {
        Self::idempotency_or_none(Some(op))
    }

    pub(in crate::storage) fn idempotency_or_none(idempotency: Option<IdempotencyOp>) -> Self {
        Self {
            write: None,
            entries: Vec::new(),
            tallies: Vec::new(),
            postings: Vec::new(),
            deliveries: Vec::new(),
            audit: Vec::new(),
            idempotency,
        }
    }

    /// The current state of a verification, with the ledger entries of its transitions. `wake_at`: when its next task is due.
    #[must_use]
    pub fn of(
        vault: &Vault,
        write: Write,
        verification: &Verification,
        reuse_key: [u8; 16],
        wake_at: Option<DateTime<Utc>>,
        lease: Lease,
    ) -> Self {
        let entries: Vec<Entry> = verification
            .bookings
            .iter()
            .map(|b| Entry::of(verification, b))
            .collect();
        let tallies = tally::growth(verification, &entries);
        let stored = Stored::of(vault, write, verification, reuse_key, wake_at, lease);
        Self {
            write: Some((write, stored)),
            entries,
            tallies,
            postings: Vec::new(),
            deliveries: Vec::new(),
            audit: Vec::new(),
            idempotency: None,
        }
    }

    /// Leaves the reports' sums as they are: for history that a rebuild sums afterwards.
    #[must_use]
    pub fn unsummed(mut self) -> Self {
        self.tallies.clear();
        self
    }

    /// What it reserves, spends and releases in budgets.
    #[must_use]
    pub fn with_postings(mut self, postings: Vec<Posting>) -> Self {
        self.postings = budgets::summed(postings.into_iter());
        self
    }

    /// Messages that announce it.
    #[must_use]
    pub fn with_deliveries(mut self, deliveries: Vec<Delivery>) -> Self {
        self.deliveries = deliveries;
        self
    }

    #[must_use]
    pub fn with_idempotency(mut self, op: Option<IdempotencyOp>) -> Self {
        self.idempotency = op;
        self
    }

    /// Whether the database refused it because a reservation would exceed its limit.
    pub(in crate::storage) fn lacks_room(&self, error: &sqlx::Error) -> bool {
        let reserves = self
            .postings
            .iter()
            .any(|posting| posting.ceiling.is_some());
        let checked = |fault: &sqlx::Error| match fault {
            sqlx::Error::Database(fault) => fault.is_check_violation(),
            _ => false,
        };
        reserves && checked(error)
    }

    /// Two changes of one verification cannot be written in one statement.
    pub(in crate::storage) fn subject(&self) -> Option<Uuid> {
        self.write.as_ref().map(|(_, stored)| stored.id)
    }

    pub(super) fn idempotency_key(&self) -> Option<[u8; 32]> {
        self.idempotency.as_ref().map(IdempotencyOp::key_hash)
    }
}
