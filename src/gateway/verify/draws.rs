//! Draws on the limits of a number. Counters that have forgotten its past recall it from the database.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::room::Verify;
use crate::abuse::limits::{Draw, Exhausted};
use crate::gateway::error::Error;
use crate::shared_state::Taken;
use crate::verification::event::EventKind;
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;
use crate::verification::span;

/// How long before its events a verification's id can have been made: it lives for a day, and an id that was given out before lasts an
/// hour.
const LONGEST_LIFE: Duration = Duration::from_hours(25);

/// When the number was sent a message because somebody asked for it.
pub(super) const SENDS: Counts = |kind| matches!(kind, EventKind::Created | EventKind::Resend);

/// When a wrong code was entered for the number.
pub(super) const WRONG_CODES: Counts = |kind| kind == EventKind::WrongCode;

/// Which events of a number's past are draws on its limits.
type Counts = fn(EventKind) -> bool;

impl Verify {
    /// Draws on the limits of a request for this number, or with `only_look` says whether there is room. A number that meets
    /// no limit draws on none, its visitor's neither.
    pub(super) async fn draw(
        &self,
        (project, phone): (ProjectId, &PhoneNumber),
        draws: Vec<Draw>,
        only_look: bool,
        counts: Counts,
    ) -> Result<Result<Taken, Exhausted>, Error> {
        let core = self.core();
        let draws = if (core.settings.unlimited)(phone) {
            Vec::new()
        } else {
            draws
        };
        let recall = async |within| self.past(project, phone, within, counts).await;
        let limits = &core.shared.limits;
        limits.take_recalling(draws, only_look, recall).await
    }

    /// When these events happened, oldest first.
    async fn past(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        within: Duration,
        counts: Counts,
    ) -> Result<Vec<DateTime<Utc>>, Error> {
        let from = span::before(self.core().now(), within);
        let begun = span::before(from, LONGEST_LIFE);
        let db = &self.core().db;
        let events = db.events_of(project, phone, begun, within).await?;
        let counted = events
            .iter()
            .filter(|event| event.at > from && counts(event.kind));
        let mut times: Vec<DateTime<Utc>> = counted.map(|event| event.at).collect();
        times.sort_unstable();
        Ok(times)
    }
}
