//! Cost and conversion reports, and the ledger as CSV.

use futures_util::Stream;
use uuid::Uuid;

use super::room::Finance;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, PART, csv_parts};
use crate::ledger::entry::Entry;
use crate::reports::exchange::{Missing, Rates};
use crate::reports::query::Query;
use crate::reports::table::Table;
use crate::reports::{conversion, costs, entries};
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

    /// The ledger as CSV; see [`csv_parts`].
    pub async fn ledger_csv(
        &self,
        access: &Access,
        query: LedgerQuery,
    ) -> Result<impl Stream<Item = Result<String, Error>> + 'static, Error> {
        let query = LedgerQuery {
            limit: PART,
            ..query
        };
        let (reading, writing, access) = (self.clone(), self.clone(), access.clone());
        let list = move |query| {
            let (finance, access) = (reading.clone(), access.clone());
            async move { finance.list_ledger(&access, query).await }
        };
        let line = move |entry: &Entry| {
            let project = entry.project.map(ProjectId);
            let project = project.and_then(|id| writing.core().directory.project_name(id));
            entries::line(entry, project)
        };
        let after = |query: &mut LedgerQuery, last: &Entry| query.cursor = Some((last.at, last.id));
        csv_parts(query, &entries::COLUMNS, list, line, after).await
    }

    /// Adds recent changes to the report sums; returns whether more may be waiting.
    pub async fn sum_tallies(&self) -> Result<bool, StorageError> {
        self.core().db.sum_tallies(self.core().now()).await
    }
}
