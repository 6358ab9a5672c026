//! Sends the code again at the visitor's request: on the same channel, on another, or by the route's next step.

use super::draws::SENDS;
use super::persist::Needs;
use super::room::Verify;
use crate::abuse::limits;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Ticket};
use crate::verification::id::VerificationId;
use crate::verification::{Resend, Verification};

impl Verify {
    /// `word`: what a dialect calls the channel that was asked for.
    pub async fn resend(
        &self,
        access: &Access,
        id: VerificationId,
        asked: Resend,
        word: Option<&str>,
        ticket: Option<&Ticket>,
    ) -> Result<Verification, Error> {
        let v = self.find_own(access, id).await?;
        let offers = self.offers_for(&v);
        v.may_resend(asked, &offers, self.core().now())?;
        let policy = self.core().directory.policy(v.project);
        let draws = limits::for_resend(
            &policy.limits,
            v.project,
            self.number_key(&v),
            &v.record.limit_keys,
        );
        let taken = self
            .draw((v.project, &v.phone), draws, false, SENDS)
            .await?;
        let taken = taken.map_err(Error::Limited)?;
        // Only queued: another replica may hold the lease, and will send it before releasing the lease.
        let sent = self
            .act(v, ticket, Needs::Offers, |v, offers, now| {
                v.resend(asked, offers, now)?;
                if let (Some(word), Some(remembered)) = (word, &mut v.record.asked) {
                    remembered.channel = Some(word.to_owned());
                }
                Ok(())
            })
            .await;
        if matches!(sent, Err(Error::Refused(_))) {
            self.core().shared.limits.give_back(taken).await;
        }
        sent
    }
}
