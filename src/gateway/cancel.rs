//! Ends a verification because the site says so.

use super::idempotency::Ticket;
use super::{Access, Gateway, Trouble};
use crate::verification::Verification;
use crate::verification::id::VerificationId;

impl Gateway {
    pub async fn cancel(
        &self,
        access: &Access,
        id: VerificationId,
        ticket: Option<&Ticket>,
    ) -> Result<Verification, Trouble> {
        let v = self.find(access, id).await?;
        self.act(v, ticket, |v, _, now| v.cancel(now)).await
    }
}
