//! Reports over what was spent and what came of it.

use uuid::Uuid;

use super::{Access, Gateway, Trouble};
use crate::reports::exchange::{Missing, Rates};
use crate::reports::query::Query;
use crate::reports::table::Table;
use crate::reports::{conversion, costs};
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
    let (wanted, periods) = query.wanted(match kind {
        Kind::Costs => &costs::MEASURES,
        Kind::Conversion => &conversion::MEASURES,
    });
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

    /// Sums what changes have added since; answers whether there may be more.
    pub async fn sum_tallies(&self) -> Result<bool, StorageError> {
        self.0.db.sum_tallies(self.now()).await
    }
}
