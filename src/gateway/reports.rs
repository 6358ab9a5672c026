//! Reports over what was spent and what came of it.

use futures_util::{Stream, stream};
use uuid::Uuid;

use super::{Access, Gateway, LedgerQuery, Trouble};
use crate::reports::exchange::{Missing, Rates};
use crate::reports::query::Query;
use crate::reports::table::Table;
use crate::reports::{conversion, costs, csv, entries};
use crate::storage::{Db, StorageError};
use crate::verification::id::ProjectId;

#[derive(Debug, thiserror::Error)]
pub enum ReportFault {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Costs,
    Conversion,
}

/// A report straight from the store, as the command line makes it too.
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

impl Gateway {
    /// What the query does not say about the project, the key decides.
    pub async fn report(
        &self,
        access: &Access,
        kind: Kind,
        mut query: Query,
    ) -> Result<Result<Table, Missing>, Trouble> {
        query.project = query.project.or(access.project.map(|project| project.0));
        let name = |id| self.0.directory.project_name(ProjectId(id));
        match report(&self.0.db, kind, &query, name).await {
            Ok(table) => Ok(Ok(table)),
            Err(ReportFault::Missing(missing)) => Ok(Err(missing)),
            Err(ReportFault::Storage(error)) => Err(error.into()),
        }
    }

    /// The ledger as CSV, in parts. A part that cannot be read is trouble if it is the first; a later one breaks the stream
    /// off, so that a part is not taken for the whole.
    pub async fn ledger_csv(
        &self,
        access: &Access,
        query: LedgerQuery,
    ) -> Result<impl Stream<Item = Result<String, Trouble>> + 'static, Trouble> {
        const PART: i64 = 1_000;
        let query = LedgerQuery {
            limit: PART,
            ..query
        };
        let first = self.list_ledger(access, query.clone()).await?;
        let (gateway, access) = (self.clone(), access.clone());
        let head = csv::line(entries::COLUMNS.into_iter().map(ToOwned::to_owned));
        Ok(stream::try_unfold(
            (Some(first), query, head),
            move |(part, mut query, mut text)| {
                let (gateway, access) = (gateway.clone(), access.clone());
                async move {
                    let Some(entries) = part else { return Ok(None) };
                    for entry in &entries {
                        let project = entry.project.map(ProjectId);
                        let project = project.and_then(|id| gateway.directory().project_name(id));
                        text.push_str(&entries::line(entry, project));
                    }
                    let full = i64::try_from(entries.len()).is_ok_and(|len| len == PART);
                    query.cursor = entries.last().map(|last| (last.at, last.id));
                    let next = if full {
                        Some(gateway.list_ledger(&access, query.clone()).await?)
                    } else {
                        None
                    };
                    Ok(Some((text, (next, query, String::new()))))
                }
            },
        ))
    }

    /// Sums what changes have added since; answers whether there may be more.
    pub async fn sum_tallies(&self) -> Result<bool, StorageError> {
        self.0.db.sum_tallies(self.now()).await
    }
}
