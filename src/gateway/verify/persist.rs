//! How a transition becomes durable: as one change at the version that it was made from, and again from a fresh read when
//! another change came first. Every verb goes through [`Verify::commit`]; to add one, implement
//! [`Verb`], or call [`Verify::update`] where nothing is special about its lease.

use chrono::{DateTime, Utc};

use super::room::{LEASE, Verify};
use crate::gateway::error::Error;
use crate::gateway::shared::{Replay, Ticket};
use crate::storage::{Change, CommitError, IdempotencyOp, Lease, Lost, Write};
use crate::verification::id::VerificationId;
use crate::verification::route::Offer;
use crate::verification::{Refusal, Verification, span};

/// What a verb wants stored.
pub(super) struct Proposal<T> {
    pub v: Verification,
    pub write: Write,
    /// Of a new verification; not used otherwise.
    pub reuse_key: [u8; 16],
    pub lease: LeasePlan,
    pub idempotency: Option<IdempotencyOp>,
    /// Handed back when it is stored.
    pub outcome: T,
}

impl<T> Proposal<T> {
    /// A change of a verification that is stored already.
    pub fn update(v: Verification, lease: LeasePlan, outcome: T) -> Self {
        Self {
            v,
            write: Write::Update,
            reuse_key: [0; 16],
            lease,
            idempotency: None,
            outcome,
        }
    }
}

/// What a verb decided on the state that it read.
pub(super) enum Step<T> {
    Write(Proposal<T>),
    /// There is nothing to store.
    Nothing(Verification, T),
}

/// A verb's part in the commit loop.
pub(super) trait Verb: Send {
    type Outcome: Send;
    type Error: From<Error>;

    /// Decides what to store. `lost` says why the proposal before was not stored: then the state must be read again.
    fn propose(
        &mut self,
        lost: Option<Lost>,
    ) -> impl Future<Output = Result<Step<Self::Outcome>, Self::Error>> + Send;
}

/// What was stored.
pub(super) struct Committed<T> {
    pub v: Verification,
    /// Something is due at once.
    pub busy: bool,
    pub outcome: T,
}

/// What a change does about the verification's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeasePlan {
    /// Another replica may hold it.
    NotOurs,
    Hold,
    /// We hold it, and keep it only while something is due at once.
    WhileBusy,
}

impl Verify {
    /// The commit loop of all verbs: proposes until a proposal is stored, or the verb gives up.
    pub(super) async fn commit<V: Verb>(
        &self,
        verb: &mut V,
    ) -> Result<Committed<V::Outcome>, V::Error> {
        let mut lost = None;
        loop {
            let mut proposal = match verb.propose(lost).await? {
                Step::Write(proposal) => proposal,
                Step::Nothing(v, outcome) => {
                    return Ok(Committed {
                        v,
                        busy: false,
                        outcome,
                    });
                }
            };
            match self.persist(&mut proposal).await {
                Ok(busy) => {
                    return Ok(Committed {
                        v: proposal.v,
                        busy,
                        outcome: proposal.outcome,
                    });
                }
                Err(CommitError::Lost(reason)) => lost = Some(reason),
                Err(error) => return Err(Error::from(error).into()),
            }
        }
    }

    /// Makes a transition of a verification whose lease is not ours, on its newest state, until it is stored.
    pub(super) async fn update<T, F>(
        &self,
        v: Verification,
        transition: F,
    ) -> Result<Committed<T>, Error>
    where
        T: Send,
        F: FnMut(&mut Verification, &[Offer], DateTime<Utc>) -> Result<Transition<T>, Refusal>
            + Send,
    {
        let mut update = Update {
            verify: self,
            id: v.id,
            read: Some(v),
            conflicts: 0,
            transition,
        };
        self.commit(&mut update).await
    }

    /// Does what a site asked for, together with the answer for a repeat, and starts what is due then.
    pub(super) async fn act(
        &self,
        v: Verification,
        ticket: Option<&Ticket>,
        mut act: impl FnMut(&mut Verification, &[Offer], DateTime<Utc>) -> Result<(), Refusal> + Send,
    ) -> Result<Verification, Error> {
        let replay = Replay::Verification {
            id: v.id,
            status: 200,
            reused: false,
        };
        let acted = self.update(v, |v, offers, now| {
            act(v, offers, now)?;
            let completion = self.core().idempotency.completion(ticket, &replay);
            Ok(Transition::Changed((), completion))
        });
        let v = acted.await?.v;
        self.nudge(&v);
        Ok(v)
    }

    /// Applies what time alone has brought about, before anything else is decided.
    pub(super) async fn up_to_date(&self, v: Verification) -> Result<Verification, Error> {
        if !v.is_overdue(self.core().now()) {
            return Ok(v);
        }
        let unknown_after = self.core().settings.unknown_after;
        let turned = self.update(v, |v, offers, now| {
            let was_overdue = v.is_overdue(now);
            if was_overdue {
                v.turn(unknown_after, offers, now);
            }
            Ok(Transition::of(was_overdue))
        });
        Ok(turned.await?.v)
    }

    /// Makes a proposal durable, and only then counts it as done. Answers whether something is due now.
    async fn persist<T>(&self, proposal: &mut Proposal<T>) -> Result<bool, CommitError> {
        let (core, v) = (self.core(), &mut proposal.v);
        let now = core.now();
        let next = v.next_task(core.settings.unknown_after);
        let next = next.map(|(due, _)| due);
        let (owner, until) = (self.replica(), span::after(now, LEASE));
        let busy = next.is_some_and(|due| due <= now);
        // A held lease is due for nobody else before it ends, so those who look for work need not skip it.
        let (lease, wake_at) = match proposal.lease {
            LeasePlan::NotOurs => (Lease::Keep, next),
            LeasePlan::WhileBusy if !busy => (Lease::Release { owner }, next),
            LeasePlan::Hold | LeasePlan::WhileBusy => (Lease::Hold { owner, until }, Some(until)),
        };
        let claims = self.finance().claims(v);
        let (write, reuse_key) = (proposal.write, proposal.reuse_key);
        let change = Change::of(&core.vault, write, v, reuse_key, wake_at, lease)
            .with_deliveries(self.notices().messages(v))
            .with_claims(claims.clone())
            .with_idempotency(proposal.idempotency.clone());
        if let Err(error) = core.db.commit(change).await {
            if matches!(error, CommitError::Lost(Lost::NoRoom)) {
                self.finance().learn_headroom(v.project).await;
            }
            return Err(error);
        }
        v.was_written();
        self.finance().forget_headroom(&claims);
        core.live.announce(v.id);
        Ok(busy)
    }
}

/// What a transition did.
pub(super) enum Transition<T> {
    Nothing(T),
    /// With what completes the request under its idempotency key.
    Changed(T, Option<IdempotencyOp>),
}

impl Transition<()> {
    pub fn of(changed: bool) -> Self {
        if changed {
            Self::Changed((), None)
        } else {
            Self::Nothing(())
        }
    }
}

/// [`Verify::update`] in the commit loop.
struct Update<'a, F> {
    verify: &'a Verify,
    id: VerificationId,
    /// The state to begin with, until it is used.
    read: Option<Verification>,
    /// How often a budget had no room.
    conflicts: u32,
    transition: F,
}

impl<T, F> Verb for Update<'_, F>
where
    T: Send,
    F: FnMut(&mut Verification, &[Offer], DateTime<Utc>) -> Result<Transition<T>, Refusal> + Send,
{
    type Outcome = T;
    type Error = Error;

    async fn propose(&mut self, lost: Option<Lost>) -> Result<Step<T>, Error> {
        self.conflicts += u32::from(lost == Some(Lost::NoRoom));
        let mut v = match self.read.take() {
            Some(v) => v,
            None => self.verify.read(self.id).await?,
        };
        let offers = self.verify.offers_after(&v, self.conflicts);
        let now = self.verify.core().now();
        Ok(match (self.transition)(&mut v, &offers, now)? {
            Transition::Nothing(outcome) => Step::Nothing(v, outcome),
            Transition::Changed(outcome, idempotency) => Step::Write(Proposal {
                idempotency,
                ..Proposal::update(v, LeasePlan::NotOurs, outcome)
            }),
        })
    }
}
