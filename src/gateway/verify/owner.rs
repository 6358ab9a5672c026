//! Owners of numbers, who proved them before: strangers who pump a range do not lock them out.

use chrono::{DateTime, TimeDelta, Utc};

use super::draws::SENDS;
use super::room::Verify;
use crate::abuse::guard::verdict::Owner;
use crate::abuse::limits;
use crate::gateway::error::Error;
use crate::verification::event::EventKind;
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;

impl Verify {
    /// What the number's own past says. Of one that proved itself, one of the sends is used that the exception lets through, unless this
    /// only `looks`.
    pub(super) async fn owner(
        &self,
        whose: (ProjectId, &PhoneNumber),
        now: DateTime<Utc>,
        looks: bool,
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
        if owner.is_let_through(now) && !self.draw_as_owner(whose, looks).await? {
            owner.used = Owner::MOST;
        }
        Ok(owner)
    }

    /// Uses one of the sends that an owner's exception lets through, or only `looks` whether one is left.
    pub(super) async fn draw_as_owner(
        &self,
        (project, phone): (ProjectId, &PhoneNumber),
        looks: bool,
    ) -> Result<bool, Error> {
        let draws = vec![limits::for_owner(project, self.number_hash(phone))];
        let drawn = self.draw((project, phone), draws, looks, SENDS).await?;
        Ok(drawn.is_ok())
    }
}
