//! Whether a message may be sent at all: what the guard's lists and rules say, and what they count.

use chrono::{DateTime, TimeDelta, Utc};

use super::decisions::{Decision, On};
use super::paid::{paid_send, sends_of};
use super::request::{StartError, StartRequest};
use super::room::Verify;
use crate::abuse::guard::cells::Cells;
use crate::abuse::guard::deltas::{Event, PaidSend};
use crate::abuse::guard::judge::{Facts, judge};
use crate::abuse::guard::rules::{Mode, Rules};
use crate::abuse::guard::verdict::Verdict;
use crate::abuse::lists::{Asking, List, Subject};
use crate::gateway::error::Error;
use crate::verification::asked::Face;
use crate::verification::countries::Geo;
use crate::verification::event::EventKind;
use crate::verification::id::ProjectId;
use crate::verification::numbers::Parsed;
use crate::verification::origin::{Origin, TraceHash};
use crate::verification::phone::{Country, PhoneNumber};
use crate::verification::policy::Policy;
use crate::verification::route::Channel;
use crate::verification::{Refusal, Status, Verification};

/// Who is called, for whom, and what could carry the message.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub project: ProjectId,
    pub phone: &'a PhoneNumber,
    pub country: Country,
    pub asking: Asking,
    /// Who made the code; `None`: this server.
    pub host: Option<TraceHash>,
    pub origin: &'a Origin,
    pub is_monitored: bool,
    pub has_challenge_channel: bool,
}

fn asking(request: &StartRequest, origin: &Origin) -> Asking {
    Asking::Now {
        ip: request.visitor.ip,
        asn: origin.requester.asn,
    }
}

fn asked_earlier(origin: &Origin) -> Asking {
    Asking::Earlier {
        is_allowed: origin.requester.is_allowed,
        asn: origin.requester.asn,
    }
}

impl Verify {
    /// Whether lists and countries let it through, before anything is counted.
    pub(super) fn guard(
        &self,
        request: &StartRequest,
        policy: &Policy,
        origin: &Origin,
    ) -> Result<(), StartError> {
        let asking = asking(request, origin);
        let admitted = self.admit(request.project, &request.to, asking, policy);
        if let Err(StartError::Failed(Error::Blocked)) = &admitted {
            let facts = self.facts(self.target_of(request, policy, origin));
            let verdict = judge(&facts, &policy.guard, self.figures(), self.core().now());
            self.deny(facts, &request.to.phone, verdict);
        }
        admitted
    }

    /// What is judged of a start.
    pub(super) fn target_of<'a>(
        &self,
        request: &'a StartRequest,
        policy: &Policy,
        origin: &'a Origin,
    ) -> Target<'a> {
        let to = &request.to;
        Target {
            project: request.project,
            phone: &to.phone,
            country: to.country,
            asking: asking(request, origin),
            host: request.code.as_ref().map(|_| {
                let asked = request.asked.as_ref();
                self.host(asked.map_or(Face::Native, |asked| asked.face))
            }),
            origin,
            is_monitored: policy.countries.judge(&to.phone, to.country) == Geo::Monitor,
            has_challenge_channel: request
                .may_use(policy, |channel| self.can_challenge(&policy.guard, channel)),
        }
    }

    /// Whether the project sends to this number at all.
    #[must_use]
    pub fn admits(&self, project: ProjectId, to: &Parsed) -> bool {
        let policy = self.core().directory.policy(project);
        let nobody = Asking::Now {
            ip: None,
            asn: None,
        };
        self.admit(project, to, nobody, &policy).is_ok()
    }

    /// What is allowed passes the countries of the project's rules.
    fn admit(
        &self,
        project: ProjectId,
        to: &Parsed,
        asking: Asking,
        policy: &Policy,
    ) -> Result<(), StartError> {
        match self.listed(project, &to.phone, to.country, asking) {
            Some(List::Block) if policy.guard.listed == Mode::On => Err(Error::Blocked.into()),
            Some(List::Allow) => Ok(()),
            _ => match policy.countries.judge(&to.phone, to.country) {
                Geo::Allow | Geo::Monitor => Ok(()),
                Geo::Deny => Err(StartError::CountryBlocked(to.country)),
            },
        }
    }

    fn listed(
        &self,
        project: ProjectId,
        phone: &PhoneNumber,
        country: Country,
        requester: Asking,
    ) -> Option<List> {
        let lists = self.core().directory.lists();
        let hash = lists.has_erased().then(|| self.core().listed_hash(phone));
        let subject = Subject {
            project,
            phone,
            hash,
            country,
            requester,
        };
        lists.judge(subject, self.core().now())
    }

    /// It has been blocked since.
    pub(super) fn is_listed(&self, v: &Verification) -> bool {
        let policy = self.core().directory.policy(v.project);
        let Some(phone) = &v.phone else {
            return false;
        };
        let asking = asked_earlier(&self.origin_of(v));
        let listed = self.listed(v.project, phone, v.record.country, asking);
        policy.guard.listed == Mode::On && listed == Some(List::Block)
    }

    /// Judges one send by what is counted now. Only a verdict that stops one asks the database, whether the number's owner is known.
    pub(super) async fn judge(&self, target: Target<'_>, rules: &Rules) -> Result<Verdict, Error> {
        let now = self.core().now();
        if self.is_exempt(target.phone) {
            return Ok(Verdict::allow(now));
        }
        let facts = self.facts(target);
        let mut verdict = judge(&facts, rules, self.figures(), now);
        if verdict.may_be_excused() {
            let owner = Box::pin(self.owner((target.project, target.phone), now));
            verdict.excuse(owner.await?);
        }
        Ok(verdict)
    }

    /// Whether a challenge leaves this channel, and a provider carries it.
    pub(super) fn can_challenge(&self, rules: &Rules, channel: Channel) -> bool {
        let mut providers = self.core().providers.iter();
        rules.has_challenge_channel([channel])
            && providers.any(|slot| slot.provider.account().channel == channel)
    }

    /// A sandbox's magic numbers are neither limited nor judged nor counted: they always do what the table says.
    fn is_exempt(&self, phone: &PhoneNumber) -> bool {
        (self.core().settings.unlimited)(phone)
    }

    pub(super) fn exempts(&self, v: &Verification) -> bool {
        v.phone.as_ref().is_some_and(|phone| self.is_exempt(phone))
    }

    /// Judges a message of a verification that has started.
    pub(super) async fn judge_started(&self, v: &Verification) -> Result<Verdict, Error> {
        let Some(phone) = &v.phone else {
            return Err(Refusal::NotPending(v.record.status).into());
        };
        let origin = &*self.origin_of(v);
        let policy = self.core().directory.policy(v.project);
        let target = self.target(v, phone, origin, &policy);
        self.judge(target, &policy.guard).await
    }

    fn target<'a>(
        &self,
        v: &Verification,
        phone: &'a PhoneNumber,
        origin: &'a Origin,
        policy: &Policy,
    ) -> Target<'a> {
        Target {
            project: v.project,
            phone,
            country: v.record.country,
            asking: asked_earlier(origin),
            host: self.host_of(v),
            origin,
            is_monitored: policy.countries.judge(phone, v.record.country) == Geo::Monitor,
            has_challenge_channel: self.leaves_channel(v, &policy.guard),
        }
    }

    /// Whether a challenge leaves a channel of its route.
    pub(super) fn leaves_channel(&self, v: &Verification, rules: &Rules) -> bool {
        let mut route = v.record.terms.route.iter();
        route.any(|step| self.can_challenge(rules, step.channel))
    }

    pub(super) fn facts(&self, target: Target<'_>) -> Facts {
        Facts {
            cells: Cells::of(target.project, target.country, target.origin, target.host),
            line: target.origin.line,
            listed: self.listed(target.project, target.phone, target.country, target.asking),
            is_monitored: target.is_monitored,
            has_challenge_channel: target.has_challenge_channel,
        }
    }

    /// What is judged of a verification that has started, by a policy that may not be its project's.
    pub(super) fn facts_of(&self, v: &Verification, policy: &Policy) -> Facts {
        let origin = &*self.origin_of(v);
        if let Some(phone) = &v.phone {
            return self.facts(self.target(v, phone, origin, policy));
        }
        Facts {
            cells: self.cells(v),
            line: origin.line,
            listed: None,
            is_monitored: false,
            has_challenge_channel: self.leaves_channel(v, &policy.guard),
        }
    }

    pub(super) fn count_denied(&self, facts: &Facts, verdict: &Verdict) {
        self.figures().send(&facts.cells, verdict, verdict.at);
    }

    /// A start that is refused: it counts, and is recorded, although no verification is kept.
    pub(super) fn deny(&self, facts: Facts, phone: &PhoneNumber, verdict: Verdict) {
        self.count_denied(&facts, &verdict);
        let decision = Decision::of(On::Create, (facts, phone), None, verdict);
        self.decisions().add(Decision {
            is_refused: true,
            ..decision
        });
    }

    /// A resend that is refused: it counts, and is recorded.
    pub(super) fn refuse(&self, v: &Verification, verdict: Verdict) {
        self.figures().send(&self.cells(v), &verdict, verdict.at);
        self.record(On::Resend, v, verdict, true);
    }

    fn record(&self, on: On, v: &Verification, verdict: Verdict, is_refused: bool) {
        let Some(phone) = &v.phone else {
            return;
        };
        let policy = self.core().directory.policy(v.project);
        let facts = self.facts_of(v, &policy);
        let decision = Decision::of(on, (facts, phone), Some(v.id), verdict);
        self.decisions().add(Decision {
            is_refused,
            ..decision
        });
    }

    pub(super) fn cells(&self, v: &Verification) -> Cells {
        Cells::of(
            v.project,
            v.record.country,
            &self.origin_of(v),
            self.host_of(v),
        )
    }

    /// Counts what a change has planned or held back, and an approval; and keeps a verdict that says something. Called once the
    /// change is durable, before [`Verification::was_written`].
    pub(super) fn count(&self, v: &Verification, verdict: Option<Box<Verdict>>) {
        if self.exempts(v) {
            return;
        }
        let new = v.record.attempts.get(v.attempts_stored..);
        let new = new.unwrap_or_default();
        if let Some(verdict) = verdict {
            if let Some(paid) = new.iter().find_map(paid_send) {
                self.figures().send(&self.cells(v), &verdict, paid.at);
            }
            if !verdict.is_unremarkable() {
                self.record(On::of(v), v, *verdict, false);
            }
        }
        let approved = v
            .news()
            .iter()
            .find(|event| event.kind == EventKind::Approved);
        if let (Some(event), Status::Approved { .. }) = (approved, v.record.status) {
            let (cells, number) = (self.cells(v), self.number_key(v));
            self.figures()
                .approve(&cells, number, &sends_of(v), event.at);
        }
    }

    /// Counts what a stored verification sent in the last day, and its approval. `imported`: what was not after it, and is no address,
    /// is counted already.
    pub(super) fn recall(
        &self,
        v: &Verification,
        start: DateTime<Utc>,
        imported: Option<DateTime<Utc>>,
    ) {
        if self.exempts(v) {
            return;
        }
        let cells = self.cells(v);
        // What has happened since the start was counted as it did: a later approval took these sends out before they were there.
        let approved = match v.record.status {
            Status::Approved { at, .. } if at < start => Some(at),
            _ => None,
        };
        let is_imported = |at| imported.is_some_and(|imported| at <= imported);
        let of_today = |send: &PaidSend| send.at < start && start - send.at < TimeDelta::days(1);
        let sends = if approved.is_some_and(is_imported) {
            Vec::new()
        } else {
            sends_of(v).into_iter().filter(of_today).collect()
        };
        for send in &sends {
            let sent = Event::Send {
                cells,
                send: *send,
                is_prefix_fired: false,
            };
            self.figures().recall(&sent, imported);
        }
        if let Some(at) = approved {
            let approval = Event::Approval {
                cells,
                at,
                number: self.number_key(v),
                sends,
            };
            self.figures().recall(&approval, imported);
        }
    }
}
