//! Changes by whoever holds the verification's lease: what was learnt outside is kept even when the lease, or for a while the
//! database, is lost.

use chrono::{DateTime, Utc};

use super::keep::LeasePlan;
use super::{Gateway, LEASE, Trouble};
use crate::storage::CommitError;
use crate::verification::route::Offer;
use crate::verification::{Verification, span};

/// How long the outcome of a send waits for a database that is away: 240 times 250 ms.
const PATIENCE: u32 = 240;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// Why a transition is made by whoever holds the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Something was learnt outside; it must not be lost.
    Evidence,
    Timer,
    Send,
}

/// A change that was kept.
pub(super) struct Kept {
    pub v: Verification,
    /// The lease is still ours, and something is due.
    pub held: bool,
    /// The attempt that is now stored as `sending`, by us.
    pub began: Option<u8>,
}

impl Gateway {
    /// Runs a transition of a verification whose lease is ours until it is kept, and then marks what is queued as being
    /// sent in the same change. When the lease turns out to be lost, evidence is kept all the same, and nothing else is done.
    pub(super) async fn own(
        &self,
        mut v: Verification,
        duty: Duty,
        mut transition: impl FnMut(&mut Verification, &[Offer], DateTime<Utc>),
    ) -> Result<Kept, Trouble> {
        let mut lease = LeasePlan::WhileBusy;
        let mut patience = PATIENCE;
        let mut lost = 0;
        loop {
            let before = v.clone();
            let (offers, now) = (self.offers_after(&v, lost), self.now());
            let held = lease == LeasePlan::WhileBusy;
            // What a step has queued waits for its turn, unless it is up: then the turn is looked at first.
            let mut began = if duty == Duty::Send {
                v.begin_sending(now)
            } else {
                None
            };
            if began.is_none() {
                transition(&mut v, &offers, now);
                began = if held { v.begin_sending(now) } else { None };
            }
            match self.keep_change(&mut v, lease, None).await {
                Ok(busy) => {
                    return Ok(Kept {
                        v,
                        held: held && busy,
                        began,
                    });
                }
                // What is left of the budget is known by now: the transition passes over what has no room.
                Err(CommitError::NoRoom) => {
                    lost += 1;
                    v = before;
                }
                Err(CommitError::Stale) => {
                    let now = self.now();
                    v = match self
                        .0
                        .db
                        .reclaim(v.id, self.0.replica, now, span::after(now, LEASE))
                        .await?
                    {
                        Some(v) => v,
                        None if duty == Duty::Evidence => {
                            lease = LeasePlan::NotOurs;
                            self.read(v.id).await?
                        }
                        None => {
                            return Ok(Kept {
                                v: before,
                                held: false,
                                began: None,
                            });
                        }
                    };
                }
                // The database is away: what we know is worth more than a quick end.
                Err(_) if duty == Duty::Evidence && patience > 0 => {
                    patience -= 1;
                    tokio::time::sleep(PAUSE).await;
                    let now = self.now();
                    let until = span::after(now, LEASE);
                    v = match self
                        .0
                        .db
                        .reclaim(before.id, self.0.replica, now, until)
                        .await
                    {
                        // The COMMIT that was not answered took effect after all.
                        Ok(Some(found))
                            if found.version == before.version + 1 && found.record == v.record =>
                        {
                            return Ok(Kept {
                                v: found,
                                held,
                                began,
                            });
                        }
                        Ok(Some(found)) => found,
                        Ok(None) => {
                            lease = LeasePlan::NotOurs;
                            self.read(before.id).await.unwrap_or(before)
                        }
                        // Never the state that was already changed: the transition is made again.
                        Err(_) => before,
                    };
                }
                Err(_) => return Err(Trouble::Unavailable),
            }
        }
    }
}
