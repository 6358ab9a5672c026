//! Sends again because a person asked: on the same channel, on another, or on to the route's next step.

use super::idempotency::Ticket;
use super::{Access, Gateway, Trouble};
use crate::abuse::limits;
use crate::verification::Verification;
use crate::verification::id::VerificationId;
use crate::verification::route::Channel;

impl Gateway {
    pub async fn resend(
        &self,
        access: &Access,
        id: VerificationId,
        channel: Option<Channel>,
        ticket: Option<&Ticket>,
    ) -> Result<Verification, Trouble> {
        let v = self.find(access, id).await?;
        let offers = self.offers_for(&v);
        v.may_resend(channel, &offers, self.now())?;
        let policy = self.0.directory.policy(v.project);
        let draws = limits::for_resend(
            &policy.limits,
            v.project,
            &super::start::compact(self.number_key(&v)),
        );
        let taken = self
            .0
            .shared
            .limits
            .take(draws)
            .await
            .map_err(Trouble::Limited)?;
        // Queued, not sending: another replica may hold the lease, and sends it before giving it up.
        let sent = self
            .act(v, ticket, |v, offers, now| v.resend(channel, offers, now))
            .await;
        if matches!(sent, Err(Trouble::Refused(_))) {
            self.0.shared.limits.give_back(taken).await;
        }
        sent
    }
}
