//! Cost and conversion reports, and the ledger as CSV.

use futures_util::{Stream, stream};
use uuid::Uuid;

use super::room::Finance;
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::reports::exchange::{Missing, Rates};
use crate::reports::query::Query;
use crate::reports::table::Table;
use crate::reports::{conversion, costs, csv, entries};
use crate::storage::{Db, LedgerQuery, StorageError};
use crate::verification::id::ProjectId;

#[derive(Debug, thiserror::Error)]
pub enum ReportFault {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Costs,
    Conversion,
}

/// Builds a report from the database alone, so that the command line can use it too.
pub async fn report(
    db: &Db,
    kind: Kind,
    query: &Query,
    project_name: impl Fn(Uuid) -> Option<String> + Copy,
) -> Result<Table, ReportFault> {
    let (wanted, periods) = match kind {
        Kind::Costs => query.wanted(&costs::MEASURES, true),
        Kind::Conversion => query.wanted(&conversion::MEASURES, false),
    };
    let sums = db.sums(&wanted).await?;
    match kind {
        Kind::Costs => {
            let rates = if sums
                .iter()
                .any(|sum| !sum.currency.is_empty() && sum.currency != query.currency.as_str())
            {
                Rates::new(db.list_exchange_rates().await?)
            } else {
                Rates::default()
            };
            Ok(costs::table(query, &periods, &sums, &rates, project_name)?)
        }
        Kind::Conversion => {
            let times = db.times(&wanted).await?;
            Ok(conversion::table(
                query,
                &periods,
                &sums,
                &times,
                project_name,
            ))
        }
    }
}

impl Finance {
    /// A query without a project covers the key's own project, if it has one.
    pub async fn report(
        &self,
        access: &Access,
        kind: Kind,
        mut query: Query,
    ) -> Result<Result<Table, Missing>, Error> {
        query.project = query.project.or(access.project.map(|project| project.0));
        let name = |id| self.core().directory.project_name(ProjectId(id));
        match report(&self.core().db, kind, &query, name).await {
            Ok(table) => Ok(Ok(table)),
            Err(ReportFault::Missing(missing)) => Ok(Err(missing)),
            Err(ReportFault::Storage(error)) => Err(error.into()),
        }
    }

    /// The ledger as CSV, in parts. If the first part cannot be read, this returns the error. A later error ends the
    /// stream with an error, so that a truncated file is not mistaken for a complete one.
    pub async fn ledger_csv(
        &self,
        access: &Access,
        query: LedgerQuery,
    ) -> Result<impl Stream<Item = Result<String, Error>> + 'static, Error> {
        const PART: i64 = 1_000;
        let query = LedgerQuery {
            limit: PART,
            ..query
        };
        let first = self.list_ledger(access, query.clone()).await?;
        let (finance, access) = (self.clone(), access.clone());
        let head = csv::line(entries::COLUMNS.into_iter().map(ToOwned::to_owned));
        Ok(stream::try_unfold(
            (Some(first), query, head),
            move |(part, mut query, mut text)| {
                let (finance, access) = (finance.clone(), access.clone());
                async move {
                    let Some(entries) = part else { return Ok(None) };
                    for entry in &entries {
                        let project = entry.project.map(ProjectId);
                        let project =
                            project.and_then(|id| finance.core().directory.project_name(id));
                        text.push_str(&entries::line(entry, project));
                    }
                    let full = i64::try_from(entries.len()).is_ok_and(|len| len == PART);
                    query.cursor = entries.last().map(|last| (last.at, last.id));
                    let next = if full {
                        Some(finance.list_ledger(&access, query.clone()).await?)
                    } else {
                        None
                    };
                    Ok(Some((text, (next, query, String::new()))))
                }
            },
        ))
    }

    /// Adds recent changes to the report sums; returns whether more may be waiting.
    pub async fn sum_tallies(&self) -> Result<bool, StorageError> {
        self.core().db.sum_tallies(self.core().now()).await
    }
}
