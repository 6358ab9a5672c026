//! Finds verifications, for keys that may see them.

use super::room::Verify;
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::storage::ListQuery;
use crate::verification::Verification;
use crate::verification::id::VerificationId;

impl Verify {
    /// A verification of a project that the key covers; anyone else's does not exist for it.
    pub async fn find(&self, access: &Access, id: VerificationId) -> Result<Verification, Error> {
        let v = self.read(id).await?;
        if !access.covers(v.project) {
            return Err(Error::NotFound);
        }
        self.up_to_date(v).await
    }

    /// Newest first. What the query does not say about the project, the key decides.
    pub async fn list(
        &self,
        access: &Access,
        mut query: ListQuery,
    ) -> Result<Vec<Verification>, Error> {
        query.project = query.project.or(access.project);
        Ok(self.core().db.list_verifications(&query).await?)
    }
}
