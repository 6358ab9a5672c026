//! What is left for a number's owner when strangers have used up what the number may be sent: a few messages a day, on channels that pay
//! nobody for termination.

use chrono::TimeDelta;

use super::draws::SENDS;
use super::request::{StartError, StartRequest};
use super::room::Verify;
use super::start::Starting;
use crate::abuse::guard::verdict::Verdict;
use crate::abuse::limits;
use crate::gateway::error::Error;
use crate::verification::Verification;
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;
use crate::verification::policy::Policy;
use crate::verification::route::Channel;

/// Addresses that must have asked for the number's codes: one alone may be its owner's.
const SEVERAL: usize = 2;

impl Starting<'_> {
    /// The verification, if there is such a channel, several have asked within a day, and the reserve is not used up. Its route has
    /// these channels alone, so no fallback leaves them.
    pub(super) async fn reserved(
        &mut self,
        verdict: &Verdict,
    ) -> Result<Option<Verification>, StartError> {
        let (verify, request, policy) = (self.verify, self.request, self.policy);
        let channels: Vec<Channel> = request
            .route(policy)
            .filter(|channel| verify.can_challenge(&policy.guard, *channel))
            .collect();
        if channels.is_empty() || request.workflow.is_some() {
            return Ok(None);
        }
        let whose = (request.project, &request.to.phone);
        if !verify.has_several_askers(whose).await? {
            return Ok(None);
        }
        let narrowed = StartRequest {
            channels: Some(channels),
            ..request.clone()
        };
        let judged = (self.origin.clone(), verdict);
        let v = verify.begin_verification(&narrowed, policy, self.number, judged)?;
        if v.lacks_room() || v.is_refused() {
            return Ok(None);
        }
        let (keys, ip) = (&v.record.limit_keys, request.visitor.ip);
        let (limits, number) = (&policy.limits, self.number);
        let draws = limits::for_create(limits, request.project, number, ip, keys);
        let draws = limits::for_reserve(draws, request.project, number);
        let drawn = verify.draw(whose, draws, false, SENDS);
        Ok(drawn.await?.ok().map(|taken| {
            self.taken = Some(taken);
            v
        }))
    }
}

impl Verify {
    /// Whether a resend may draw on the reserve: the route leads to nobody who earns by it, so no fallback does either.
    pub(super) async fn may_be_reserved(
        &self,
        v: &Verification,
        phone: &PhoneNumber,
        policy: &Policy,
    ) -> Result<bool, Error> {
        let mut route = v.record.terms.route.iter();
        Ok(
            route.all(|step| self.can_challenge(&policy.guard, step.channel))
                && self.has_several_askers((v.project, phone)).await?,
        )
    }

    async fn has_several_askers(
        &self,
        (project, phone): (ProjectId, &PhoneNumber),
    ) -> Result<bool, Error> {
        let core = self.core();
        let since = core.now() - TimeDelta::days(1);
        Ok(core.db.askers_of(project, phone, since).await? >= SEVERAL)
    }
}
