//! Delivers a code that an identity server made, or a message. The server repeats a request when it is not sure that it arrived: soon
//! after, that is the same request; later, the visitor has asked for the code once more.

use std::time::Duration;

use super::request::{StartError, StartRequest};
use super::room::{SECOND_LOOK, Verify};
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::storage::ListQuery;
use crate::verification::code::Code;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::origin::TraceHash;
use crate::verification::phone::PhoneNumber;
use crate::verification::{Refusal, Resend, Status, Verification, span};

/// Requests that are the same within this time are one.
const ONCE: Duration = Duration::from_secs(30);

/// A code is good for a day at most, and may be vouched for until a day after.
const KNOWN: Duration = Duration::from_hours(48);

/// How many verifications of a number are looked through, at once and in all.
const PAGE: i64 = 100;
const MOST: usize = 2_000;

/// What is known of a host's requests.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// One could be a recorded one, so one whose verification is over is refused.
    pub is_replayable: bool,
    /// They have an id, so that one whose code was entered is no new one.
    pub is_identified: bool,
}

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
    /// What tells a host's requests apart: number and code or message, and the host's own id where it has one.
    #[must_use]
    pub fn request_hash(&self, id: Option<&str>, phone: &PhoneNumber, code: &Code) -> TraceHash {
        let (phone, code) = (phone.as_str(), code.as_str());
        let value = format!("{phone} {code} {}", id.unwrap_or_default());
        TraceHash(self.core().trace.hash("request", &value))
    }

    pub async fn order(
        &self,
        access: &Access,
        start: StartRequest,
        known: Known,
    ) -> Result<Ordered, StartError> {
        let request = start.asked.as_ref().and_then(|asked| asked.request);
        // One that was refused leaves no trace.
        let same = |v: &Verification| {
            let asked = v.record.asked.as_ref();
            asked.is_some_and(|asked| asked.request == request) && !v.is_refused()
        };
        let before = self.of_number(access, start.project, &start.to.phone, same);
        if let Some(v) = before.await? {
            let v = self.up_to_date(v).await?;
            if self.is_recent(&v) {
                return Ok(Ordered::Repeated(v));
            }
            if v.is_open() && self.core().now() < v.record.expires_at {
                return Ok(self.send_again(access, v).await?);
            }
            if known.is_replayable {
                return Ok(Ordered::Replayed);
            }
            if known.is_identified && matches!(v.record.status, Status::Approved { .. }) {
                return Ok(Ordered::Repeated(v));
            }
        }
        let started = self.start(start, None).await?;
        Ok(if started.reused {
            Ordered::Repeated(started.verification)
        } else {
            Ordered::Started(started.verification)
        })
    }

    fn is_recent(&self, v: &Verification) -> bool {
        self.core().now() < span::after(v.record.last_send_at, ONCE)
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
            // Of two at once, the one may have taken what the other would need.
            Err(Error::Limited(exhausted)) => match self.sent_meanwhile(access, v.id).await? {
                Some(v) => Ok(Ordered::Repeated(v)),
                None => Err(Error::Limited(exhausted)),
            },
            sent => Ok(Ordered::SentAgain(sent?)),
        }
    }

    async fn sent_meanwhile(
        &self,
        access: &Access,
        id: VerificationId,
    ) -> Result<Option<Verification>, Error> {
        let v = self.find_own(access, id).await?;
        if self.is_recent(&v) {
            return Ok(Some(v));
        }
        tokio::time::sleep(SECOND_LOOK).await;
        let v = self.find_own(access, id).await?;
        Ok(Some(v).filter(|v| self.is_recent(v)))
    }

    /// The newest of a number's verifications that the caller's integration requested, and that `is_it`.
    async fn of_number(
        &self,
        access: &Access,
        project: ProjectId,
        phone: &PhoneNumber,
        is_it: impl Fn(&Verification) -> bool,
    ) -> Result<Option<Verification>, Error> {
        let mut query = ListQuery {
            project: Some(project),
            phone: Some(phone.clone()),
            from: Some(span::before(self.core().now(), KNOWN)),
            limit: PAGE,
            is_recent: true,
            ..ListQuery::default()
        };
        let mut seen = 0;
        loop {
            let page = self.list(access, query.clone()).await?;
            seen += page.len();
            query.cursor = page.last().map(|last| last.id);
            let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
            let mut page = page.into_iter();
            let found = page.find(|v| v.face() == access.face && is_it(v));
            if found.is_some() || is_last || seen >= MOST {
                return Ok(found);
            }
        }
    }

    /// The newest verification of a number that the integration requested and that was sent, with this code if one is given.
    pub async fn find_ordered(
        &self,
        access: &Access,
        project: ProjectId,
        phone: &PhoneNumber,
        code: Option<&Code>,
    ) -> Result<Option<Verification>, Error> {
        let is_it = |v: &Verification| {
            let is_code = !v.is_refused() && !v.is_message();
            is_code && code.is_none_or(|code| self.has_code(v, code))
        };
        self.of_number(access, project, phone, is_it).await
    }
}
