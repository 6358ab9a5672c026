//! Ledger entries, and attempts whose cost is still unknown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::room::Finance;
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::ledger::entry::{Entry, Kind};
use crate::ledger::measure::Measure;
use crate::money::{Currency, Micros, Money};
use crate::reports::query::Wanted;
use crate::storage::LedgerQuery;
use crate::verification::attempt::AttemptStatus;
use crate::verification::cost::CostState;
use crate::verification::id::{AttemptId, ProjectId};
use crate::verification::route::Channel;
use crate::verification::span;

const DAY: i64 = 86_400;

/// An attempt in `unknown` that may have been charged.
#[derive(Clone, Debug)]
pub struct Unsettled {
    pub attempt: AttemptId,
    pub project: ProjectId,
    pub channel: Channel,
    pub provider: String,
    pub estimate: Money,
    pub created_at: DateTime<Utc>,
    /// When it will be charged at its estimate, unless a report settles it before.
    pub written_off_at: DateTime<Utc>,
}

/// The sums of the entries that match a query, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSum {
    pub currency: Currency,
    /// As a positive amount.
    pub charged: Micros,
    pub refunded: Micros,
    /// Refunds that are documented but not reported; in no balance.
    pub expected: Micros,
    /// Top-ups and adjustments.
    pub by_hand: Micros,
}

impl LedgerSum {
    fn none(currency: Currency) -> Self {
        let zero = Micros::ZERO;
        Self {
            currency,
            charged: zero,
            refunded: zero,
            expected: zero,
            by_hand: zero,
        }
    }

    /// What the entries add to the balance.
    #[must_use]
    pub fn grown(&self) -> Micros {
        Micros(self.by_hand.0 - self.charged.0 + self.refunded.0)
    }
}

impl Finance {
    /// Sums of all entries that match a query, whatever its cursor and limit, by currency. They come from the report sums, so
    /// they cost the same after a year. The query's times must be multiples of 15 minutes.
    pub async fn sum_ledger(
        &self,
        access: &Access,
        query: &LedgerQuery,
    ) -> Result<Vec<LedgerSum>, Error> {
        let mut found: BTreeMap<Currency, LedgerSum> = BTreeMap::new();
        let project = query.project.or(access.project);
        if query.kind.is_some_and(Kind::is_by_hand) {
            // They belong to an account as a whole.
            if project.is_none() {
                for sum in self.core().db.sum_by_hand(query).await? {
                    let none = LedgerSum::none(sum.currency);
                    found.entry(sum.currency).or_insert(none).by_hand = sum.amount;
                }
            }
            return Ok(found.into_values().collect());
        }
        // Later than any entry.
        let end = self.core().now().timestamp().div_euclid(DAY) * DAY + 2 * DAY;
        let from = query.from.map_or(0, |from| from.timestamp());
        let before = query.before.map_or(end, |before| before.timestamp());
        if before <= from {
            return Ok(Vec::new());
        }
        let wanted = Wanted {
            periods: vec![(from, before)],
            project: project.map(|project| project.0),
            by: [false, false, true, false],
            measures: &[
                Measure::Charged,
                Measure::Refunded,
                Measure::Expected,
                Measure::Other,
            ],
            ever: false,
        };
        for sum in self.core().db.sums(&wanted).await? {
            let (Some(provider), Ok(currency)) =
                (&sum.place.provider, sum.currency.parse::<Currency>())
            else {
                continue;
            };
            if query
                .provider
                .as_ref()
                .is_some_and(|asked| asked != provider)
            {
                continue;
            }
            let of = |measure, kind| {
                let is_asked = query.kind.is_none_or(|asked| kind == Some(asked));
                if is_asked { sum.get(measure) } else { 0 }
            };
            let total = found
                .entry(currency)
                .or_insert_with(|| LedgerSum::none(currency));
            total.charged.0 += of(Measure::Charged, Some(Kind::Charge));
            total.refunded.0 += of(Measure::Refunded, Some(Kind::Refund));
            total.expected.0 += of(Measure::Expected, Some(Kind::Refund));
            total.by_hand.0 += of(Measure::Other, None);
        }
        found.retain(|currency, sum| *sum != LedgerSum::none(*currency));
        Ok(found.into_values().collect())
    }

    pub async fn list_ledger(
        &self,
        access: &Access,
        mut query: LedgerQuery,
    ) -> Result<Vec<Entry>, Error> {
        query.project = query.project.or(access.project);
        Ok(self.core().db.list_ledger(&query).await?)
    }

    /// Unsettled attempts of at most a thousand verifications, oldest first.
    pub async fn unsettled(&self, project: Option<ProjectId>) -> Result<Vec<Unsettled>, Error> {
        const MOST: i64 = 1_000;
        let after = self.core().settings.unknown_after;
        let mut found = Vec::new();
        for v in self.core().db.list_unknown(project, MOST).await? {
            for attempt in &v.record.attempts {
                let open = attempt.status == AttemptStatus::Unknown
                    && attempt.cost.state == CostState::Estimated;
                if open {
                    found.push(Unsettled {
                        attempt: v.attempt_id(attempt),
                        project: v.project,
                        channel: attempt.channel,
                        provider: attempt.provider.clone(),
                        estimate: attempt.cost.money,
                        created_at: attempt.created_at,
                        written_off_at: span::after(attempt.created_at, after),
                    });
                }
            }
        }
        found.sort_by_key(|one| one.created_at);
        Ok(found)
    }

    /// A ledger entry, for a replay under an idempotency key.
    pub async fn entry(&self, id: Uuid) -> Result<Entry, Error> {
        self.core().db.find_entry(id).await?.ok_or(Error::NotFound)
    }
}
