//! Delivers a code that an identity server made. The server sends its request again when it is not sure that it arrived: within a moment
//! that is the same request, later the visitor has asked for the code once more.

use std::time::Duration;

use super::room::Verify;
use super::start::{StartError, StartRequest};
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::storage::ListQuery;
use crate::verification::code::Code;
use crate::verification::id::ProjectId;
use crate::verification::origin::TraceHash;
use crate::verification::phone::PhoneNumber;
use crate::verification::{Refusal, Resend, Status, Verification, span};

/// Requests that are the same within this time are one.
const ONCE: Duration = Duration::from_secs(30);

/// How long a request is known that came before.
const KNOWN: Duration = Duration::from_hours(24);

/// How many verifications of a number are looked through.
const LOOKED_AT: i64 = 50;

/// What came of an order.
#[derive(Debug)]
pub enum Ordered {
    Started(Verification),
    /// By the route's next step, or by the last one again.
    SentAgain(Verification),
    /// Nothing was sent.
    Repeated(Verification),
    /// The same request came before, and its verification is over.
    Replayed,
}

impl Verify {
    /// What tells a host's requests apart: its own id, or else number and code.
    #[must_use]
    pub fn request_hash(&self, id: Option<&str>, phone: &PhoneNumber, code: &Code) -> TraceHash {
        let (kind, value) = match id {
            Some(id) => ("request id", id.to_owned()),
            None => ("request", format!("{} {}", phone.as_str(), code.as_str())),
        };
        TraceHash(self.core().trace.hash(kind, &value))
    }

    /// `is_replayable`: the request could be a recorded one, so one whose verification is over is refused.
    pub async fn order(
        &self,
        access: &Access,
        start: StartRequest,
        is_replayable: bool,
    ) -> Result<Ordered, StartError> {
        let request = start.asked.as_ref().and_then(|asked| asked.request);
        let known = self
            .of_integration(access, start.project, &start.to.phone)
            .await?;
        let same = |v: &Verification| {
            let asked = v.record.asked.as_ref();
            asked.is_some_and(|asked| asked.request == request)
        };
        if let Some(v) = known.into_iter().find(same) {
            let v = self.up_to_date(v).await?;
            if self.core().now() < span::after(v.record.last_send_at, ONCE) {
                return Ok(Ordered::Repeated(v));
            }
            if v.is_open() && self.core().now() < v.record.expires_at {
                return Ok(self.send_again(access, v).await?);
            }
            if is_replayable {
                return Ok(Ordered::Replayed);
            }
        }
        let started = self.start(start, None).await?;
        Ok(if started.reused {
            Ordered::Repeated(started.verification)
        } else {
            Ordered::Started(started.verification)
        })
    }

    async fn send_again(&self, access: &Access, v: Verification) -> Result<Ordered, Error> {
        let resend = Resend {
            channel: None,
            pause: Some(ONCE),
            last_again: true,
            ..Resend::default()
        };
        match self.resend(access, v.id, resend, None, None).await {
            Err(Error::Refused(Refusal::ResendTooSoon(_))) => Ok(Ordered::Repeated(v)),
            sent => Ok(Ordered::SentAgain(sent?)),
        }
    }

    /// A number's verifications of an integration in the last day, newest first.
    async fn of_integration(
        &self,
        access: &Access,
        project: ProjectId,
        phone: &PhoneNumber,
    ) -> Result<Vec<Verification>, Error> {
        let query = ListQuery {
            project: Some(project),
            phone: Some(phone.clone()),
            from: Some(span::before(self.core().now(), KNOWN)),
            limit: LOOKED_AT,
            ..ListQuery::default()
        };
        let mut found = self.list(access, query).await?;
        found.retain(|v| v.face() == access.face);
        Ok(found)
    }

    /// The newest verification of a number that the integration requested and that may still be vouched for, with this code if one is given.
    pub async fn find_ordered(
        &self,
        access: &Access,
        project: ProjectId,
        phone: &PhoneNumber,
        code: Option<&Code>,
    ) -> Result<Option<Verification>, Error> {
        let found = self.of_integration(access, project, phone).await?;
        let may_be = |v: &Verification| {
            let status = &v.record.status;
            matches!(status, Status::Pending | Status::Failed | Status::Expired)
                && code.is_none_or(|code| self.has_code(v, code))
        };
        Ok(found.into_iter().find(may_be))
    }
}
