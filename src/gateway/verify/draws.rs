//! What the database knows of a number's past: counters that have forgotten it recall it from here.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::room::Verify;
use crate::abuse::limits::Draw;
use crate::gateway::error::Error;
use crate::storage::ListQuery;
use crate::verification::event::EventKind;
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;
use crate::verification::span;

/// More verifications of one number are not looked at: any limit is full long before.
const MOST: i64 = 1_000;
/// How long before its events a verification can have been created.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

impl Verify {
    /// Leaves out the limits that requests for a number which meets none would draw on, its visitor's too.
    pub(super) fn spare_unlimited(&self, phone: &PhoneNumber, draws: &mut Vec<Draw>) {
        if (self.core().settings.unlimited)(phone) {
            draws.clear();
        }
    }

    /// When the number was sent a message because somebody asked for it, oldest first.
    pub(super) async fn past_sends(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        within: Duration,
    ) -> Result<Vec<DateTime<Utc>>, Error> {
        self.past(project, phone, within, |kind| {
            matches!(kind, EventKind::Created | EventKind::Resend)
        })
        .await
    }

    /// When wrong codes were entered for the number, oldest first.
    pub(super) async fn past_wrong_codes(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        within: Duration,
    ) -> Result<Vec<DateTime<Utc>>, Error> {
        self.past(project, phone, within, |kind| kind == EventKind::WrongCode)
            .await
    }

    async fn past(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        within: Duration,
        counts: impl Fn(EventKind) -> bool,
    ) -> Result<Vec<DateTime<Utc>>, Error> {
        let from = span::before(self.core().now(), within);
        let query = ListQuery {
            project: Some(project),
            phone: Some(phone.clone()),
            from: Some(span::before(from, LONGEST_LIFE)),
            limit: MOST,
            ..ListQuery::default()
        };
        let found = self.core().db.list_verifications(&query).await?;
        let events = found.iter().flat_map(|v| &v.record.events);
        let counted = events.filter(|event| event.at > from && counts(event.kind));
        let mut times: Vec<DateTime<Utc>> = counted.map(|event| event.at).collect();
        times.sort_unstable();
        Ok(times)
    }
}
