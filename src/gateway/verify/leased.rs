//! Transitions by the holder of a verification's lease. Evidence from providers is stored even when the lease is lost
//! or the database is unavailable for a while.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::paid::{hold_back, plans_paid};
use super::persist::{LeasePlan, Proposal, Step, Verb};
use super::room::{LEASE, Verify};
use crate::abuse::guard::verdict::Outcome;
use crate::gateway::error::Error;
use crate::shared_state::Taken;
use crate::storage::{Lost, StorageError};
use crate::verification::route::Offer;
use crate::verification::{Verification, span};

/// How often, and how far apart, storing evidence is retried while the database is unavailable: one minute in all.
const PATIENCE: u32 = 240;
const PAUSE: Duration = Duration::from_millis(250);

/// Why the holder of the lease makes a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A provider's answer or report arrived; it must not be lost.
    Evidence,
    Timer,
    Send,
}

/// A stored transition.
pub(super) struct Applied {
    pub v: Verification,
    /// Whether we still hold the lease and something is due.
    pub held: bool,
    /// The attempt that this transition stored as `sending`.
    pub began: Option<u8>,
}

impl Verify {
    /// Applies a transition while holding the lease, until it is stored, and marks a queued attempt as `sending` in the
    /// same change. If the lease turns out to be lost, evidence is still stored, but nothing else is done.
    pub(super) async fn transition_leased<F>(
        &self,
        v: Verification,
        cause: Cause,
        transition: F,
    ) -> Result<Applied, Error>
    where
        F: FnMut(&mut Verification, &[Offer], DateTime<Utc>) + Send,
    {
        let mut leased = Leased {
            verify: self,
            cause,
            v,
            lease: LeasePlan::WhileBusy,
            conflicts: 0,
            unanswered: Vec::new(),
            excused: None,
            transition,
        };
        let mut patience = PATIENCE;
        loop {
            match self.commit(&mut leased).await {
                Ok(done) => {
                    let Began { attempt, recovered } = done.outcome;
                    return Ok(Applied {
                        v: done.v,
                        held: leased.is_held() && (done.busy || recovered),
                        began: attempt,
                    });
                }
                // Evidence exists only here, so keep trying.
                Err(Error::Unavailable) if cause == Cause::Evidence && patience > 0 => {
                    patience -= 1;
                    tokio::time::sleep(PAUSE).await;
                    if !matches!(Box::pin(leased.reread()).await, Ok(true)) {
                        continue;
                    }
                    if let Ok(Some(began)) = Box::pin(leased.recovered()).await {
                        return Ok(Applied {
                            held: leased.is_held(),
                            v: leased.v,
                            began,
                        });
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// [`Verify::transition_leased`] in the commit loop.
struct Leased<'a, F> {
    verify: &'a Verify,
    cause: Cause,
    /// The state before the transition.
    v: Verification,
    lease: LeasePlan,
    /// How often a budget refused the reservation.
    conflicts: u32,
    /// Changes without an answer, and the attempt that each marked as `sending`: one of them may have taken effect.
    unanswered: Vec<(i64, Option<u8>)>,
    /// One of the sends of an owner's exception, for what was proposed.
    excused: Option<Taken>,
    transition: F,
}

struct Began {
    /// The attempt that is now stored as `sending`.
    attempt: Option<u8>,
    /// An earlier change, which was not answered, had taken effect.
    recovered: bool,
}

impl<F> Verb for Leased<'_, F>
where
    F: FnMut(&mut Verification, &[Offer], DateTime<Utc>) + Send,
{
    type Outcome = Began;
    type Error = Error;

    async fn propose(&mut self, lost: Option<Lost>) -> Result<Step<Began>, Error> {
        let done = |v: &Verification, attempt, recovered| {
            let began = Began { attempt, recovered };
            Ok(Step::Nothing(v.clone(), began))
        };
        self.verify.give_back_exception(&mut self.excused).await;
        match lost {
            // The budget's usage has been reloaded, so the transition will skip offers without room.
            Some(Lost::NoRoom) => self.conflicts += 1,
            Some(Lost::Stale | Lost::Exists) => {
                if !Box::pin(self.reread()).await? {
                    return done(&self.v, None, false);
                }
                if let Some(attempt) = Box::pin(self.recovered()).await? {
                    return done(&self.v, attempt, true);
                }
            }
            None => {}
        }
        let mut offers = self.verify.offers_after(&self.v, self.conflicts);
        let (mut v, mut attempt) = self.apply(&offers);
        let mut verdict = None;
        if plans_paid(&v) {
            let mut found = Box::pin(self.verify.judge_started(&v)).await?;
            self.excused = Box::pin(self.verify.use_exception_of(&v, &mut found)).await?;
            if found.outcome != Outcome::Allow {
                hold_back(&mut offers, &found);
                (v, attempt) = self.apply(&offers);
            }
            verdict = Some(Box::new(found));
        }
        let began = Began {
            attempt,
            recovered: false,
        };
        Ok(Step::Write(Proposal {
            verdict,
            ..Proposal::update(v, self.lease, began)
        }))
    }

    fn unanswered(&mut self, change: i64, began: &Began) {
        if self.cause == Cause::Evidence {
            self.unanswered.push((change, began.attempt));
        }
    }
}

impl<F> Leased<'_, F>
where
    F: FnMut(&mut Verification, &[Offer], DateTime<Utc>) + Send,
{
    /// The state after the transition, and the attempt that it marks as `sending`.
    fn apply(&mut self, offers: &[Offer]) -> (Verification, Option<u8>) {
        let (mut v, now) = (self.v.clone(), self.verify.core().now());
        // A queued attempt is sent first, unless it is out of time: then the timer decides.
        let mut began = match self.cause {
            Cause::Send => v.begin_sending(now),
            Cause::Evidence | Cause::Timer => None,
        };
        if began.is_none() {
            (self.transition)(&mut v, offers, now);
            if self.is_held() {
                began = v.begin_sending(now);
            }
        }
        (v, began)
    }

    fn is_held(&self) -> bool {
        self.lease == LeasePlan::WhileBusy
    }

    /// Reads the newest state and tries to regain the lease. `false`: stop, because the lease or the verification is
    /// gone.
    async fn reread(&mut self) -> Result<bool, StorageError> {
        let now = self.verify.core().now();
        let until = span::after(now, LEASE);
        let (db, owner) = (&self.verify.core().db, self.verify.replica());
        if let Some(v) = db.reclaim(self.v.id, owner, now, until).await? {
            self.v = v;
            self.lease = LeasePlan::WhileBusy;
            return Ok(true);
        }
        if self.cause != Cause::Evidence {
            return Ok(false);
        }
        self.lease = LeasePlan::NotOurs;
        match db.find(self.v.id).await? {
            Some(v) => self.v = v,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// The attempt that began with the unanswered change that wrote the state just read, if one did.
    async fn recovered(&mut self) -> Result<Option<Option<u8>>, StorageError> {
        if self.unanswered.is_empty() {
            return Ok(None);
        }
        let last = self.verify.core().db.last_change(self.v.id).await?;
        let mut unanswered = self.unanswered.iter();
        let found = unanswered.find(|(change, _)| Some(*change) == last);
        Ok(found.map(|(_, began)| *began))
    }
}
