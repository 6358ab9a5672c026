//! Takes the site's word that the right code was entered, where it compared the code itself.

use super::persist::Needs;
use super::room::Verify;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Ticket};
use crate::verification::Verification;
use crate::verification::id::VerificationId;

impl Verify {
    pub async fn vouch(
        &self,
        access: &Access,
        id: VerificationId,
        ticket: Option<&Ticket>,
    ) -> Result<Verification, Error> {
        let v = self.find_own(access, id).await?;
        self.act(v, ticket, Needs::Nothing, |v, _, now| v.vouch(now))
            .await
    }
}
