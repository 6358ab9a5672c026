//! What a start is asked for, and what it answers.

use std::net::IpAddr;
use std::time::Duration;

use crate::gateway::error::Error;
use crate::message::Wording;
use crate::verification::Verification;
use crate::verification::asked::Asked;
use crate::verification::code::Code;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::numbers::Parsed;
use crate::verification::phone::Country;
use crate::verification::policy::Policy;
use crate::verification::route::{Channel, Workflow};

/// A site's request for a verification.
#[derive(Clone, Debug)]
pub struct StartRequest {
    pub project: ProjectId,
    pub to: Parsed,
    /// What its face must remember; `None`: our own API.
    pub asked: Option<Box<Asked>>,
    /// The id that the caller was given before. It may be used once.
    pub id: Option<VerificationId>,
    /// A code chosen by the site.
    pub code: Option<Code>,
    pub code_length: Option<u8>,
    pub ttl: Option<Duration>,
    /// No step begins later than this.
    pub begin_within: Option<Duration>,
    pub channels: Option<Vec<Channel>>,
    /// Instead of the project's route and `ttl`.
    pub workflow: Option<Workflow>,
    pub payload: Option<String>,
    pub wording: Wording,
    /// Values for limits of the project's own; one that it does not have is ignored.
    pub limit_keys: Vec<(String, String)>,
    /// Instead of the project's own, in its texts.
    pub brand: Option<String>,
    pub visitor: Visitor,
    /// How long to wait for a provider's answer before answering the site.
    pub wait: Duration,
}

/// The visitor, as the site describes it.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
}

#[derive(Debug)]
pub struct Started {
    pub verification: Verification,
    /// Whether an equivalent pending verification was returned, and nothing was sent.
    pub reused: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the project does not allow phone numbers from {0}")]
    CountryBlocked(Country),
    #[error("the budget is exhausted")]
    BudgetExhausted,
    /// No step of the route can carry it. `is_for_now`: a pause of a provider will end.
    #[error("no channel can deliver this")]
    Undeliverable { is_for_now: bool },
    #[error("the id is used")]
    IdUsed,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl StartRequest {
    /// Whether one of the channels that it may use is such.
    pub(super) fn may_use(&self, policy: &Policy, is_such: impl Fn(Channel) -> bool) -> bool {
        if let Some(workflow) = &self.workflow {
            let mut steps = workflow.stages.iter().flatten();
            return steps.any(|step| is_such(step.channel));
        }
        self.route(policy).any(is_such)
    }

    /// The channels that it may use where there is no workflow.
    pub(super) fn route<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = Channel> + 'a {
        let own = self.channels.as_deref();
        let usual = policy.route.iter().map(|step| step.channel);
        let usual = usual.filter(move |_| own.is_none());
        own.into_iter().flatten().copied().chain(usual)
    }
}
