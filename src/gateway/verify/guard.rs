//! Whether a message may be sent at all: what the guard's lists say.

use std::net::IpAddr;

use super::room::Verify;
use super::start::{StartError, StartRequest};
use crate::abuse::lists::{List, Subject};
use crate::gateway::error::Error;
use crate::verification::Verification;
use crate::verification::id::ProjectId;
use crate::verification::numbers::Parsed;
use crate::verification::phone::{Country, PhoneNumber};
use crate::verification::policy::Policy;

impl Verify {
    pub(super) fn guard(&self, request: &StartRequest, policy: &Policy) -> Result<(), StartError> {
        self.admit(request.project, &request.to, request.visitor.ip, policy)
    }

    /// Whether the project sends to this number at all.
    #[must_use]
    pub fn admits(&self, project: ProjectId, to: &Parsed) -> bool {
        let policy = self.core().directory.policy(project);
        self.admit(project, to, None, &policy).is_ok()
    }

    /// What is allowed passes the countries of the project's rules.
    fn admit(
        &self,
        project: ProjectId,
        to: &Parsed,
        ip: Option<IpAddr>,
        policy: &Policy,
    ) -> Result<(), StartError> {
        match self.judge(project, &to.phone, to.country, ip) {
            Some(List::Block) => Err(Error::Blocked.into()),
            Some(List::Allow) => Ok(()),
            None if policy.countries.admits(to.country) => Ok(()),
            None => Err(StartError::CountryBlocked(to.country)),
        }
    }

    /// The number has been blocked since. The visitor's address is not kept.
    pub(super) fn is_blocked(&self, v: &Verification) -> bool {
        self.judge(v.project, &v.phone, v.record.country, None) == Some(List::Block)
    }

    fn judge(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        country: Country,
        ip: Option<IpAddr>,
    ) -> Option<List> {
        let subject = Subject {
            project,
            phone,
            country,
            ip,
        };
        self.core()
            .directory
            .lists()
            .judge(subject, self.core().now())
    }
}
