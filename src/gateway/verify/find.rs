//! Finds and lists verifications, within what the caller's key covers.

use super::room::Verify;
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::storage::ListQuery;
use crate::verification::Verification;
use crate::verification::id::VerificationId;

impl Verify {
    /// Finds a verification; one of a project that the key does not cover counts as not found.
    pub async fn find(&self, access: &Access, id: VerificationId) -> Result<Verification, Error> {
        let v = self.read(id).await?;
        if !access.covers(v.project) {
            return Err(Error::NotFound);
        }
        self.up_to_date(v).await
    }

    /// Like [`Self::find`], for the answer to a repeated request: one whose number was erased counts as not found.
    pub async fn find_whole(
        &self,
        access: &Access,
        id: VerificationId,
    ) -> Result<Verification, Error> {
        let v = self.find(access, id).await?;
        if v.phone.is_none() {
            return Err(Error::NotFound);
        }
        Ok(v)
    }

    /// Like [`Self::find`], to act on it: one that was requested through another face counts as not found.
    pub async fn find_own(
        &self,
        access: &Access,
        id: VerificationId,
    ) -> Result<Verification, Error> {
        let v = self.find(access, id).await?;
        if v.face() == access.face {
            Ok(v)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Newest first. A query without a project covers the key's own project, if it has one.
    pub async fn list(
        &self,
        access: &Access,
        mut query: ListQuery,
    ) -> Result<Vec<Verification>, Error> {
        query.project = query.project.or(access.project);
        Ok(self.core().db.list_verifications(&query).await?)
    }
}
