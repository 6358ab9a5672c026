//! Starting a verification, and planning attempts along its route with the available providers.

use chrono::{DateTime, Utc};

use super::abilities::Abilities;
use super::asked::{Asked, LimitKey};
use super::attempt::{Attempt, AttemptStatus, Reason};
use super::code::{Code, CodeHash};
use super::cost::Cost;
use super::event::EventKind;
use super::id::{ProjectId, VerificationId};
use super::origin::Origin;
use super::phone::{Country, PhoneNumber};
use super::policy::Policy;
use super::route::{Channel, Offer, Skip, Step, Workflow};
use super::span;
use super::{Record, Refusal, Status, Terms, Verification};
use crate::message::Wording;
use crate::money::Money;

/// The input for a new verification.
#[derive(Debug)]
pub struct Start<'a> {
    pub id: VerificationId,
    pub project: ProjectId,
    pub phone: PhoneNumber,
    pub country: Country,
    pub code: Code,
    pub code_hash: CodeHash,
    pub limit_keys: Vec<LimitKey>,
    /// The site made the code.
    pub is_outside_code: bool,
    pub payload: Option<String>,
    /// `None`: through our own API.
    pub asked: Option<Box<Asked>>,
    pub wording: Wording,
    pub origin: Option<Origin>,
    /// Price of one send as SMS, for comparison.
    pub sms_price: Option<Money>,
    pub policy: &'a Policy,
    /// Overrides the policy's `ttl`.
    pub ttl: Option<std::time::Duration>,
    /// Restricts and orders the policy's route.
    pub channels: Option<&'a [Channel]>,
    /// No step begins later than this after the creation.
    pub begin_within: Option<std::time::Duration>,
    /// Instead of the policy's route and `ttl`.
    pub workflow: Option<&'a Workflow>,
}

/// A request for another send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resend {
    /// By this channel; `None`: by the route's next step.
    pub channel: Option<Channel>,
    /// The cool-down since the last send, instead of the policy's.
    pub pause: Option<std::time::Duration>,
    /// After the route's last step, by that one again.
    pub last_again: bool,
    /// By the first step of the next stage; `channel` does not count then.
    pub next_stage: bool,
}

impl Resend {
    #[must_use]
    pub fn by(channel: Option<Channel>) -> Self {
        Self {
            channel,
            ..Self::default()
        }
    }
}

/// Where planning continues.
pub(super) struct Cursor {
    pub step: usize,
    /// In the first step, skip this provider and all offers before it: they were tried.
    pub after: Option<String>,
    /// Channels with an `unknown` attempt; not used again automatically, since the message may have been sent.
    pub barred: Vec<Channel>,
}

impl Cursor {
    pub fn at(step: usize) -> Self {
        Self {
            step,
            after: None,
            barred: Vec::new(),
        }
    }
}

impl Verification {
    /// Creates a verification: pending with its first attempt queued, or failed because every provider was skipped.
    ///
    /// Refuses if no step of the route has a provider, or if a requested channel has none.
    pub fn start(start: Start<'_>, offers: &[Offer], now: DateTime<Utc>) -> Result<Self, Refusal> {
        let configured = |step: &&Step| offers.iter().any(|offer| offer.channel == step.channel);
        let policy = start.policy;
        let (route, stages): (Vec<Step>, _) = match (start.workflow, start.channels) {
            (Some(workflow), _) => {
                let filtered = workflow.filtered(configured).unzip();
                (filtered.0.unwrap_or_default(), filtered.1)
            }
            (None, None) => {
                let usable = policy.route.iter().filter(configured);
                (usable.cloned().collect(), None)
            }
            (None, Some(channels)) => {
                let steps = channels
                    .iter()
                    .filter_map(|channel| policy.route.iter().find(|step| step.channel == *channel))
                    .filter(configured);
                (steps.cloned().collect(), None)
            }
        };
        if route.is_empty()
            || start
                .channels
                .is_some_and(|asked| asked.len() > route.len())
        {
            let open = policy
                .route
                .iter()
                .filter(configured)
                .map(|step| step.channel)
                .collect();
            return Err(Refusal::ChannelUnavailable {
                open: without_repeats(open),
            });
        }
        let max_checks = start
            .workflow
            .map_or(policy.max_checks, |it| it.max_checks.min(policy.max_checks));
        let mut verification = Self {
            id: start.id,
            project: start.project,
            version: 0,
            phone: Some(start.phone),
            code_hash: start.code_hash,
            is_sealed: false,
            code: Some(start.code),
            record: Record {
                country: start.country,
                status: Status::Pending,
                terms: Terms {
                    max_checks,
                    max_sends: policy.max_sends,
                    resend_after: policy.resend_after,
                    route,
                    begin_within: start.begin_within,
                    stages,
                },
                payload: start.payload,
                asked: start.asked,
                is_outside_code: start.is_outside_code,
                is_vouched_for: false,
                limit_keys: start.limit_keys,
                wording: start.wording,
                origin: start.origin,
                trace: None,
                sms_price: start.sms_price,
                attempts: Vec::new(),
                checks_used: 0,
                sends_used: 1,
                last_send_at: now,
                created_at: now,
                expires_at: span::after(now, start.ttl.unwrap_or(policy.ttl)),
                events: Vec::new(),
            },
            bookings: Vec::new(),
            events_stored: 0,
            attempts_stored: 0,
        };
        verification.note(now, EventKind::Created);
        verification.plan(Cursor::at(0), offers, now);
        verification.conclude(now);
        Ok(verification)
    }

    /// Queues another send at the visitor's request. Refuses if there is no provider that could take it now.
    pub fn resend(
        &mut self,
        asked: Resend,
        offers: &[Offer],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.may_resend(asked, offers, now)?;
        let current = self.newest().map_or(0, |attempt| usize::from(attempt.step));
        let route = &self.record.terms.route;
        let step = match asked.channel {
            _ if asked.next_stage => self.next_stage(),
            Some(channel) => route.iter().position(|step| step.channel == channel),
            None => Some(current + 1).filter(|next| *next < route.len()),
        };
        let mut resent = self.clone();
        resent.record.sends_used += 1;
        resent.record.last_send_at = now;
        resent.reopen(now);
        resent.note(now, EventKind::Resend);
        if resent.plan(Cursor::at(step.unwrap_or(current)), offers, now) {
            *self = resent;
            return Ok(());
        }
        // Every provider was skipped.
        Err(if resent.newest().is_some_and(Attempt::lacked_room) {
            Refusal::BudgetExhausted
        } else {
            let usable = |offer: &&Offer| offer.estimate.is_ok();
            let usable: Vec<Offer> = offers.iter().filter(usable).cloned().collect();
            Refusal::ChannelUnavailable {
                open: self.open_channels(&usable),
            }
        })
    }

    /// Adds steps that a resend may ask for: the start had restricted the route to others. The route itself does not go on to them, because
    /// they follow its end.
    pub fn admit_steps(&mut self, steps: &[Step]) {
        let route = &mut self.record.terms.route;
        for step in steps {
            if route.iter().all(|known| known.channel != step.channel) {
                route.push(step.clone());
            }
        }
    }

    /// Refuses as [`Verification::resend`] would, except for skipped providers, without changing anything.
    pub fn may_resend(
        &self,
        asked: Resend,
        offers: &[Offer],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_be_open(now)?;
        // Ordinals have eight bits: after 200 attempts, the fallbacks of one more resend must still fit.
        if self.sends_left() == 0 || self.record.attempts.len() >= 200 {
            return Err(Refusal::TooManySends);
        }
        let pause = asked.pause.unwrap_or(self.record.terms.resend_after);
        let from = span::due(span::after(self.record.last_send_at, pause), pause, now);
        if now < from {
            return Err(Refusal::ResendTooSoon(from));
        }
        let open = self.open_channels(offers);
        let current = self.newest().map_or(0, |attempt| usize::from(attempt.step));
        let there_is = match asked.channel {
            _ if asked.next_stage => self.next_stage().is_some(),
            Some(channel) => open.contains(&channel),
            None => asked.last_again || self.record.terms.route.get(current + 1).is_some(),
        };
        if there_is {
            Ok(())
        } else {
            Err(Refusal::ChannelUnavailable { open })
        }
    }

    /// The route's channels that have a provider.
    #[must_use]
    pub fn open_channels(&self, offers: &[Offer]) -> Vec<Channel> {
        let channels = self.record.terms.route.iter().map(|step| step.channel);
        without_repeats(
            channels
                .filter(|channel| offers.iter().any(|o| o.channel == *channel))
                .collect(),
        )
    }

    /// Queues the next attempt at or after the cursor, and records a failed one for each skipped provider. Returns
    /// whether an attempt was queued.
    pub(super) fn plan(&mut self, from: Cursor, offers: &[Offer], now: DateTime<Utc>) -> bool {
        let Cursor {
            step: first,
            mut after,
            barred,
        } = from;
        let begin_within = self.record.terms.begin_within;
        if begin_within.is_some_and(|within| now > span::after(self.record.created_at, within)) {
            return false;
        }
        for place in first..self.record.terms.route.len() {
            let channel = self.record.terms.route[place].channel;
            for offer in offers
                .iter()
                .filter(|o| o.channel == channel && !barred.contains(&channel))
            {
                if let Some(provider) = &after {
                    if offer.provider == *provider {
                        after = None;
                    }
                    continue;
                }
                let Some(ordinal) = self.next_ordinal() else {
                    return false;
                };
                let (status, reason, cost) = match offer.estimate {
                    Ok(money) => (AttemptStatus::Queued, None, Cost::estimated(money)),
                    Err(skip) => (
                        AttemptStatus::Failed,
                        Some(skip.into()),
                        Cost::free(offer.currency),
                    ),
                };
                self.enter_stage(place, now);
                self.record.attempts.push(Attempt {
                    ordinal,
                    step: u8::try_from(place).unwrap_or(u8::MAX),
                    channel,
                    provider: offer.provider.clone(),
                    abilities: Some(offer.abilities)
                        .filter(|abilities| *abilities != Abilities::usual_for(offer.channel)),
                    status,
                    reason,
                    cost,
                    holds: Vec::new(),
                    message_id: None,
                    created_at: now,
                    updated_at: now,
                    entries: 0,
                    ask: None,
                    bill: None,
                    follow_up: None,
                    gave_way: false,
                    follow_up_planned: false,
                });
                if status == AttemptStatus::Queued {
                    return true;
                }
                self.note_attempt(now, EventKind::AttemptFailed, Some(ordinal), reason);
            }
            after = None;
        }
        false
    }

    fn next_ordinal(&self) -> Option<u8> {
        self.newest()
            .map_or(Some(1), |last| last.ordinal.checked_add(1))
    }
}

impl From<Skip> for Reason {
    fn from(skip: Skip) -> Self {
        match skip {
            Skip::Paused => Self::Paused,
            Skip::NoPrice => Self::NoPrice,
            Skip::Budget => Self::BudgetExhausted,
            Skip::CodeNotCarried => Self::CodeNotCarried,
            Skip::Guard => Self::Guard,
        }
    }
}

fn without_repeats(mut channels: Vec<Channel>) -> Vec<Channel> {
    let mut seen = Vec::new();
    channels.retain(|channel| {
        let new = !seen.contains(channel);
        seen.push(*channel);
        new
    });
    channels
}
