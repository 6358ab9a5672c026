//! Looks verifications and ledger entries up, for those who may see them.

use super::{Access, Gateway, LedgerQuery, ListQuery, Trouble};
use crate::ledger::entry::Entry;
use crate::verification::Verification;
use crate::verification::id::VerificationId;

impl Gateway {
    /// A verification of a project that the key covers; anyone else's does not exist for it.
    pub async fn find(&self, access: &Access, id: VerificationId) -> Result<Verification, Trouble> {
        let v = self.read(id).await?;
        if !access.covers(v.project) {
            return Err(Trouble::NotFound);
        }
        self.up_to_date(v).await
    }

    /// Newest first. What the query does not say about the project, the key decides.
    pub async fn list(
        &self,
        access: &Access,
        mut query: ListQuery,
    ) -> Result<Vec<Verification>, Trouble> {
        query.project = query.project.or(access.project);
        Ok(self.0.db.list_verifications(&query).await?)
    }

    pub async fn list_ledger(
        &self,
        access: &Access,
        mut query: LedgerQuery,
    ) -> Result<Vec<Entry>, Trouble> {
        query.project = query.project.or(access.project);
        Ok(self.0.db.list_ledger(&query).await?)
    }
}
