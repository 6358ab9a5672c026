//! Makes transitions durable: each is stored as one change against the version it was read at, and repeated from a
//! fresh read if another change came first. Every verb goes through [`Verify::commit`]. To add a verb, implement
//! [`Verb`], or call [`Verify::update`] if it does not need the lease.

use chrono::{DateTime, Utc};

use super::metered;
use super::paid::{hold_back, plans_paid};
use super::room::{LEASE, Verify};
use crate::abuse::guard::verdict::{Outcome, Verdict};
use crate::gateway::error::Error;
use crate::gateway::shared::{Replay, Ticket};
use crate::shared_state::Taken;
use crate::storage::{Change, CommitError, IdempotencyOp, Lease, Lost, Write};
use crate::verification::id::VerificationId;
use crate::verification::route::Offer;
use crate::verification::{Refusal, Verification, span};

/// A change that a verb wants to store.
pub(super) struct Proposal<T> {
    pub v: Verification,
    pub write: Write,
    /// Of a new verification. Of an existing one: what takes its key's place if it is reopened while a newer one has it.
    pub reuse_key: [u8; 16],
    pub lease: LeasePlan,
    pub idempotency: Option<IdempotencyOp>,
    /// What the guard said of what it sends, or holds back.
    pub verdict: Option<Box<Verdict>>,
    /// Returned once the proposal is stored.
    pub outcome: T,
}

impl<T> Proposal<T> {
    /// A change to an existing verification.
    pub fn update(v: Verification, lease: LeasePlan, outcome: T) -> Self {
        Self {
            write: Write::Update,
            reuse_key: v.id.uuid().into_bytes(),
            v,
            lease,
            idempotency: None,
            verdict: None,
            outcome,
        }
    }
}

/// A verb's decision on the state it read.
pub(super) enum Step<T> {
    Write(Proposal<T>),
    /// Nothing to store.
    Nothing(Verification, T),
}

/// A proposal that was not stored, or perhaps was: then with the id of its change.
struct Failed {
    error: CommitError,
    unanswered: Option<i64>,
}

/// A verb's part in the commit loop.
pub(super) trait Verb: Send {
    type Outcome: Send;
    type Error: From<Error>;

    /// Decides what to store. `lost` says why the previous proposal was not stored; the state must then be read again.
    fn propose(
        &mut self,
        lost: Option<Lost>,
    ) -> impl Future<Output = Result<Step<Self::Outcome>, Self::Error>> + Send;

    /// The proposal with this change id was not answered: it may have taken effect. The loop ends with an error.
    fn unanswered(&mut self, _change: i64, _outcome: &Self::Outcome) {}
}

/// The stored state.
pub(super) struct Committed<T> {
    pub v: Verification,
    /// Whether a task is due now.
    pub busy: bool,
    /// We hold the lease, since a task is due now and it was free.
    pub took_lease: bool,
    pub outcome: T,
}

/// What a change does with the verification's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeasePlan {
    /// Another replica may hold it.
    NotOurs,
    /// Another replica may hold it. If something is due now and nobody does, we do.
    TakeIfBusy,
    Hold,
    /// We hold it, and keep it only if something is due now.
    WhileBusy,
}

impl Verify {
    /// The commit loop of all verbs: repeats until a proposal is stored or the verb returns an error.
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
                        took_lease: false,
                        outcome,
                    });
                }
            };
            match self.persist(&mut proposal).await {
                Ok(busy) => {
                    return Ok(Committed {
                        v: proposal.v,
                        busy,
                        took_lease: busy && proposal.lease == LeasePlan::TakeIfBusy,
                        outcome: proposal.outcome,
                    });
                }
                Err(Failed { error, unanswered }) => match error {
                    CommitError::Lost(reason) => lost = Some(reason),
                    error => {
                        if let Some(change) = unanswered {
                            verb.unanswered(change, &proposal.outcome);
                        }
                        return Err(Error::from(error).into());
                    }
                },
            }
        }
    }

    /// Applies a transition without holding the lease, each time to the newest state, until it is stored.
    pub(super) async fn update<T, F>(
        &self,
        v: Verification,
        needs: Needs,
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
            needs,
            lease: LeasePlan::TakeIfBusy,
            conflicts: 0,
            excused: None,
            transition,
        };
        self.commit(&mut update).await
    }

    /// Carries out a site's request in one change with the completion of its idempotency key, then starts due tasks.
    pub(super) async fn act(
        &self,
        v: Verification,
        ticket: Option<&Ticket>,
        needs: Needs,
        mut act: impl FnMut(&mut Verification, &[Offer], DateTime<Utc>) -> Result<(), Refusal> + Send,
    ) -> Result<Verification, Error> {
        let replay = Replay::Verification {
            id: v.id,
            status: 200,
            reused: false,
        };
        let acted = self.update(v, needs, |v, offers, now| {
            act(v, offers, now)?;
            let completion = self.core().idempotency.completion(ticket, &replay);
            Ok(Transition::Changed((), completion))
        });
        Ok(self.go_on(acted.await?))
    }

    /// Starts the tasks that a change has made due.
    pub(super) fn go_on<T>(&self, done: Committed<T>) -> Verification {
        if done.took_lease {
            self.spawn_work(done.v.clone(), None, None);
        } else {
            self.wake(&done.v);
        }
        done.v
    }

    /// Applies an overdue expiry, so that decisions are made on the current state.
    pub(super) async fn up_to_date(&self, v: Verification) -> Result<Verification, Error> {
        if !v.is_overdue(self.core().now()) {
            return Ok(v);
        }
        let unknown_after = self.core().settings.unknown_after;
        let turned = self.update(v, Needs::Offers, |v, offers, now| {
            let was_overdue = v.is_overdue(now);
            if was_overdue {
                v.tick(unknown_after, offers, now);
            }
            Ok(Transition::of(was_overdue))
        });
        Ok(self.go_on(turned.await?))
    }

    /// Commits a proposal, then updates caches and announces the change. Returns whether a task is due now.
    async fn persist<T>(&self, proposal: &mut Proposal<T>) -> Result<bool, Failed> {
        let (core, v) = (self.core(), &mut proposal.v);
        let now = core.now();
        let next = v.next_task(core.settings.unknown_after, now);
        let next = next.map(|(due, _)| due);
        let (owner, until) = (self.replica(), span::after(now, LEASE));
        let busy = next.is_some_and(|due| due <= now);
        // With a held lease, `wake_at` is its end, so polling replicas do not find the row before; or what it will be after the
        // send, so that the outcome changes no indexed column.
        let (lease, wake_at) = match proposal.lease {
            LeasePlan::TakeIfBusy if busy => (Lease::Take { owner, until }, Some(until)),
            LeasePlan::NotOurs | LeasePlan::TakeIfBusy => (Lease::Keep, next),
            LeasePlan::WhileBusy if !busy => (Lease::Release { owner }, next),
            LeasePlan::Hold if self.is_known_to_others(now) && v.has_fresh_id() => {
                let next = v.next_after_send(core.settings.unknown_after, now);
                (Lease::Hold { owner, until }, next.or(Some(until)))
            }
            LeasePlan::Hold | LeasePlan::WhileBusy => (Lease::Hold { owner, until }, Some(until)),
        };
        let postings = self.finance().postings(v);
        let (write, reuse_key) = (proposal.write, proposal.reuse_key);
        let change = Change::of(&core.vault, write, v, reuse_key, wake_at, lease)
            .with_deliveries(self.announcements(v))
            .with_postings(postings.clone())
            .with_idempotency(proposal.idempotency.take());
        let id = change.id();
        let mut stage = core.stage("commit");
        // What the holder of the lease does, no caller waits for.
        let waits = proposal.lease == LeasePlan::WhileBusy;
        let done = core.db.commit_or_wait(change, waits).await;
        stage.conclude(match &done {
            Ok(()) => "stored",
            Err(CommitError::Lost(_) | CommitError::Claimed) => "lost",
            Err(CommitError::Rejected) => "failed",
            Err(CommitError::Unavailable | CommitError::Unanswered) => "unavailable",
        });
        drop(stage);
        if let Err(error) = done {
            if matches!(error, CommitError::Lost(Lost::NoRoom)) {
                Box::pin(self.finance().learn_headroom(v.project)).await;
            }
            let unanswered = id.filter(|_| matches!(error, CommitError::Unanswered));
            return Err(Failed { error, unanswered });
        }
        metered::record(v);
        self.count(v, proposal.verdict.take());
        v.was_written();
        self.finance().forget_headroom(&postings);
        core.live.announce(v.id);
        Ok(busy)
    }
}

/// What a transition is given besides the time. To price every provider costs more than a check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Offers,
    Nothing,
}

/// The result of a transition.
pub(super) enum Transition<T> {
    Nothing(T),
    /// With the completion of the request's idempotency key.
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
    /// The initial state, until it is used.
    read: Option<Verification>,
    needs: Needs,
    lease: LeasePlan,
    /// How often a budget refused the reservation.
    conflicts: u32,
    /// One of the sends of an owner's exception, for what was proposed.
    excused: Option<Taken>,
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
        self.verify.give_back_exception(&mut self.excused).await;
        self.conflicts += u32::from(lost == Some(Lost::NoRoom));
        if lost == Some(Lost::Stale) {
            // Perhaps because the lease is not free: its holder then does what is due.
            self.lease = LeasePlan::NotOurs;
        }
        let mut v = match self.read.take() {
            Some(v) => v,
            None => Box::pin(self.verify.read(self.id)).await?,
        };
        let (mut offers, before) = match self.needs {
            Needs::Offers => (
                self.verify.offers_after(&v, self.conflicts),
                Some(v.clone()),
            ),
            Needs::Nothing => (Vec::new(), None),
        };
        let now = self.verify.core().now();
        let mut changed = (self.transition)(&mut v, &offers, now)?;
        let mut verdict = None;
        if let Some(before) = before.filter(|_| plans_paid(&v)) {
            let mut found = Box::pin(self.verify.judge_started(&v)).await?;
            self.excused = Box::pin(self.verify.use_exception_of(&v, &mut found)).await?;
            if found.outcome != Outcome::Allow {
                hold_back(&mut offers, &found);
                v = before;
                changed = match (self.transition)(&mut v, &offers, now) {
                    Ok(changed) => changed,
                    Err(refusal) => {
                        self.verify.refuse(&v, found);
                        return Err(refusal.into());
                    }
                };
            }
            verdict = Some(Box::new(found));
        }
        Ok(match changed {
            Transition::Nothing(outcome) => Step::Nothing(v, outcome),
            Transition::Changed(outcome, idempotency) => Step::Write(Proposal {
                idempotency,
                verdict,
                ..Proposal::update(v, self.lease, outcome)
            }),
        })
    }
}
