//! Owners of numbers, who proved them before: strangers who pump a range do not lock them out.

use chrono::{DateTime, TimeDelta, Utc};

use super::draws::SENDS;
use super::room::Verify;
use crate::abuse::guard::verdict::{Owner, Verdict};
use crate::abuse::limits::{self, Exhausted};
use crate::gateway::error::Error;
use crate::shared_state::Taken;
use crate::verification::Verification;
use crate::verification::event::EventKind;
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;

impl Verify {
    /// What the number's own past says.
    pub(super) async fn owner(
        &self,
        whose: (ProjectId, &PhoneNumber),
        now: DateTime<Utc>,
    ) -> Result<Owner, Error> {
        let (project, phone) = whose;
        let within = TimeDelta::days(Owner::DAYS);
        let span = within.to_std().unwrap_or_default();
        let db = &self.core().db;
        let events = db.events_of(project, phone, now - within, span).await?;
        let approved = events
            .iter()
            .filter(|event| event.kind == EventKind::Approved);
        let mut owner = Owner {
            approved_at: approved.map(|event| event.at).max(),
            used: 0,
        };
        if owner.is_let_through(now) && self.draw_as_owner(whose, true).await?.is_err() {
            owner.used = Owner::MOST;
        }
        Ok(owner)
    }

    /// Uses one of the sends that an owner's exception lets through. If others have used up what was left meanwhile, the verdict is what
    /// the rules say.
    pub(super) async fn use_exception(
        &self,
        whose: (ProjectId, &PhoneNumber),
        has_challenge_channel: bool,
        verdict: &mut Verdict,
    ) -> Result<Option<Taken>, Error> {
        let taken = self.draw_as_owner(whose, false).await?.ok();
        if taken.is_none() {
            verdict.insist(has_challenge_channel);
        }
        Ok(taken)
    }

    /// The same for a message of a verification that has started, if its verdict is an owner's.
    pub(super) async fn use_exception_of(
        &self,
        v: &Verification,
        verdict: &mut Verdict,
    ) -> Result<Option<Taken>, Error> {
        let Some(phone) = v.phone.as_ref().filter(|_| verdict.is_owner) else {
            return Ok(None);
        };
        let policy = self.core().directory.policy(v.project);
        let leaves_channel = self.leaves_channel(v, &policy.guard);
        self.use_exception((v.project, phone), leaves_channel, verdict)
            .await
    }

    /// Of a message that was not planned after all.
    pub(super) async fn give_back_exception(&self, taken: &mut Option<Taken>) {
        if let Some(taken) = taken.take() {
            Box::pin(self.core().shared.limits.give_back(taken)).await;
        }
    }

    async fn draw_as_owner(
        &self,
        (project, phone): (ProjectId, &PhoneNumber),
        only_look: bool,
    ) -> Result<Result<Taken, Exhausted>, Error> {
        let draws = vec![limits::for_owner(project, self.number_hash(phone))];
        self.draw((project, phone), draws, only_look, SENDS).await
    }
}
