//! Sends the code again at the visitor's request: on the same channel, on another, or by the route's next step.

use super::draws::SENDS;
use super::persist::Needs;
use super::room::Verify;
use crate::abuse::guard::judge::judge;
use crate::abuse::guard::verdict::Outcome;
use crate::abuse::limits;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Ticket};
use crate::verification::id::VerificationId;
use crate::verification::route::{Offer, Step};
use crate::verification::{Refusal, Resend, Verification};

/// A resend that a dialect asks for with a second start.
#[derive(Clone, Debug)]
pub struct SecondStart<'a> {
    /// What it calls the channel that is asked for.
    pub channel: &'a str,
    /// Steps that it may ask for, though the first start did not.
    pub steps: &'a [Step],
    /// Values for limits of the project's own.
    pub limit_keys: &'a [(String, String)],
}

impl Verify {
    pub async fn resend(
        &self,
        access: &Access,
        id: VerificationId,
        asked: Resend,
        second: Option<SecondStart<'_>>,
        ticket: Option<&Ticket>,
    ) -> Result<Verification, Error> {
        let resend = |v: &mut Verification, offers: &[Offer], now| -> Result<(), Refusal> {
            if let Some(second) = &second {
                v.admit_steps(second.steps);
            }
            v.resend(asked, offers, now)?;
            if let (Some(second), Some(remembered)) = (&second, &mut v.record.asked) {
                remembered.channel = Some(second.channel.to_owned());
            }
            Ok(())
        };
        let v = self.find_own(access, id).await?;
        if self.is_listed(&v) {
            let policy = self.core().directory.policy(v.project);
            let facts = self.facts_of(&v, &policy);
            let verdict = judge(&facts, &policy.guard, self.figures(), self.core().now());
            self.refuse(&v, verdict);
            return Err(Error::Blocked);
        }
        let offers = self.offers_for(&v);
        let mut asks = v.clone();
        asks.admit_steps(second.as_ref().map_or(&[], |second| second.steps));
        asks.may_resend(asked, &offers, self.core().now())?;
        let verdict = self.judge_started(&asks).await?;
        let Some(phone) = &v.phone else {
            return Err(Refusal::NotPending(v.record.status).into());
        };
        let policy = self.core().directory.policy(v.project);
        let mut keys = v.record.limit_keys.clone();
        if let Some(second) = &second {
            let brought = self.limit_keys(second.limit_keys, &policy);
            keys.extend(
                brought
                    .into_iter()
                    .filter(|key| !v.record.limit_keys.contains(key)),
            );
        }
        let number = self.number_key(&v);
        let draws = || limits::for_resend(&policy.limits, v.project, number, &keys);
        let whose = (v.project, phone);
        let mut taken = self.draw(whose, draws(), false, SENDS).await?;
        if let Err(exhausted) = &taken
            && exhausted.is_by_number_alone()
            && self.may_be_reserved(&asks, phone, &policy).await?
        {
            let draws = limits::for_reserve(draws(), v.project, number);
            taken = self.draw(whose, draws, false, SENDS).await?;
        }
        let taken = taken.map_err(Error::Limited)?;
        if verdict.outcome == Outcome::Deny {
            self.refuse(&v, verdict);
            return Err(Error::Blocked);
        }
        // Only queued: another replica may hold the lease, and will send it before releasing the lease.
        let sent = self.act(v, ticket, Needs::Offers, resend).await;
        if matches!(sent, Err(Error::Refused(_))) {
            self.core().shared.limits.give_back(taken).await;
        }
        sent
    }
}
