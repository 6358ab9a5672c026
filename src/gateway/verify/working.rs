//! Which verifications this process works on: one task for each.

use std::collections::hash_map::Entry;

use super::room::{GivenUp, Mark, Verify};
use crate::verification::id::VerificationId;

/// Marks a verification as being worked on. The mark is removed on drop, so that a panic cannot leave it behind.
pub(super) struct Working<'a> {
    verify: &'a Verify,
    id: VerificationId,
    has_ended: bool,
}

impl<'a> Working<'a> {
    /// `None`: a task of this process already works on it, and will look again before it ends.
    /// `is_start`: it was stored just now, perhaps with a `wake_at` that lies after its lease.
    pub(super) fn on(verify: &'a Verify, id: VerificationId, is_start: bool) -> Option<Self> {
        match verify.working().entry(id.uuid()) {
            Entry::Occupied(mut busy) => {
                busy.get_mut().is_asked = true;
                None
            }
            Entry::Vacant(free) => {
                free.insert(Mark {
                    is_asked: false,
                    is_start,
                });
                Some(Self {
                    verify,
                    id,
                    has_ended: false,
                })
            }
        }
    }

    /// Whether somebody has asked for another look. If not, the mark is removed, and another task may start.
    pub(super) fn look_again(&mut self) -> bool {
        let mut working = self.verify.working();
        match working.get_mut(&self.id.uuid()) {
            Some(mark) if mark.is_asked => {
                mark.is_asked = false;
                true
            }
            _ => {
                working.remove(&self.id.uuid());
                self.has_ended = true;
                false
            }
        }
    }

    /// Work has failed, and may have left the lease held, with a `wake_at` that lies after it.
    pub(super) fn give_up(&self) {
        let id = self.id;
        self.verify.given_up().push(GivenUp { id, until: None });
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.verify.working().remove(&self.id.uuid());
            self.give_up();
        }
    }
}
