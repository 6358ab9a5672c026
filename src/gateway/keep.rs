//! How a transition becomes durable: as one change at the version that it was made from, and again from a fresh read when
//! somebody else was faster.

use chrono::{DateTime, Utc};

use super::idempotency::{Replay, Ticket};
use super::{Gateway, LEASE, Trouble};
use crate::shared_state::News;
use crate::storage::{Change, CommitError, IdempotencyOp, Lease, Write};
use crate::verification::route::Offer;
use crate::verification::{Refusal, Verification};

impl Gateway {
    /// Makes what the transitions did to `v` durable, and only then counts it as done. Answers whether something is due now.
    pub(super) async fn keep(
        &self,
        v: &mut Verification,
        write: Write,
        reuse_key: [u8; 16],
        lease: LeasePlan,
        idempotency: Option<IdempotencyOp>,
    ) -> Result<bool, CommitError> {
        let now = self.now();
        let next = v
            .next_task(self.0.settings.unknown_after)
            .map(|(due, _)| due);
        let owner = self.0.replica;
        let until = crate::verification::span::after(now, LEASE);
        let busy = next.is_some_and(|due| due <= now);
        // What is held is not due for anyone else before the lease ends: so those who look for work need not pass over it.
        let (lease, wake_at) = match lease {
            LeasePlan::NotOurs => (Lease::Keep, next),
            LeasePlan::WhileBusy if !busy => (Lease::Release { owner }, next),
            LeasePlan::Hold | LeasePlan::WhileBusy => (Lease::Hold { owner, until }, Some(until)),
        };
        let claims = self.claims(v);
        let change = Change::of(&self.0.vault, write, v, reuse_key, wake_at, lease)
            .with_deliveries(self.messages(v))
            .with_claims(claims.clone())
            .with_idempotency(idempotency);
        if let Err(error) = self.0.db.commit(change).await {
            if matches!(error, CommitError::NoRoom) {
                self.learn_room(v.project).await;
            }
            return Err(error);
        }
        v.was_written();
        self.forget_room(&claims);
        self.tell_listeners(Some(v.id));
        self.0.shared.replicas.tell(News::Verification(v.id));
        Ok(busy)
    }

    pub(super) async fn keep_change(
        &self,
        v: &mut Verification,
        lease: LeasePlan,
        idempotency: Option<IdempotencyOp>,
    ) -> Result<bool, CommitError> {
        self.keep(v, Write::Update, [0; 16], lease, idempotency)
            .await
    }

    /// Runs a transition of a verification whose lease is not ours until it is kept; `change` answers whether it changed anything.
    pub(super) async fn change(
        &self,
        mut v: Verification,
        mut change: impl FnMut(&mut Verification, &[Offer], DateTime<Utc>) -> bool,
    ) -> Result<Verification, Trouble> {
        let mut lost = 0;
        loop {
            let offers = self.offers_after(&v, lost);
            if !change(&mut v, &offers, self.now()) {
                return Ok(v);
            }
            match self.keep_change(&mut v, LeasePlan::NotOurs, None).await {
                Ok(_) => return Ok(v),
                Err(error @ (CommitError::Stale | CommitError::NoRoom)) => {
                    lost += u32::from(matches!(error, CommitError::NoRoom));
                    v = self.read(v.id).await?;
                }
                Err(_) => return Err(Trouble::Unavailable),
            }
        }
    }

    /// Runs what a site asked for until it is kept, together with the answer for a repeat, and sees to what is due then.
    pub(super) async fn act(
        &self,
        mut v: Verification,
        ticket: Option<&Ticket>,
        mut act: impl FnMut(&mut Verification, &[Offer], DateTime<Utc>) -> Result<(), Refusal>,
    ) -> Result<Verification, Trouble> {
        let replay = Replay::Verification {
            id: v.id,
            status: 200,
            reused: false,
        };
        let mut lost = 0;
        loop {
            let offers = self.offers_after(&v, lost);
            act(&mut v, &offers, self.now())?;
            let completion = self.completion(ticket, &replay);
            match self
                .keep_change(&mut v, LeasePlan::NotOurs, completion)
                .await
            {
                Ok(_) => {
                    self.nudge(&v);
                    return Ok(v);
                }
                Err(error @ (CommitError::Stale | CommitError::NoRoom)) => {
                    lost += u32::from(matches!(error, CommitError::NoRoom));
                    v = self.read(v.id).await?;
                }
                Err(_) => return Err(Trouble::Unavailable),
            }
        }
    }
}

/// What a change does about the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeasePlan {
    /// Somebody else may hold it.
    NotOurs,
    Hold,
    /// We hold it, and go on holding it only while something is due at once.
    WhileBusy,
}
