//! What is left for a number's owner when strangers have used up what the number may be sent: a few starts a day, on channels that pay
//! nobody for termination.

use chrono::TimeDelta;

use super::draws::SENDS;
use super::request::{StartError, StartRequest};
use super::start::Starting;
use crate::abuse::guard::verdict::Verdict;
use crate::abuse::limits;
use crate::gateway::error::Error;
use crate::verification::Verification;
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
        let (core, phone) = (verify.core(), &request.to.phone);
        let since = core.now() - TimeDelta::days(1);
        let askers = core.db.askers_of(request.project, phone, since);
        if askers.await.map_err(Error::from)? < SEVERAL {
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
        let draws = limits::for_reserve(&policy.limits, request.project, self.number, ip, keys);
        let drawn = verify.draw((request.project, phone), draws, false, SENDS);
        Ok(drawn.await?.ok().map(|taken| {
            self.taken = Some(taken);
            v
        }))
    }
}
