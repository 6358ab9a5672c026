//! Starts a verification: stores it, then sends, then answers.

use std::time::Duration;

use tokio::sync::watch;

use super::draws::SENDS;
use super::guard::Target;
use super::paid::{hold_back, plans_paid};
use super::persist::{LeasePlan, Proposal, Step, Verb};
use super::request::{StartError, StartRequest, Started};
use super::room::Verify;
use super::traced::note;
use crate::abuse::guard::verdict::{Outcome, Verdict};
use crate::abuse::limits::{self, Exhausted};
use crate::channels::Draft;
use crate::gateway::error::Error;
use crate::gateway::shared::{Replay, Ticket};
use crate::secret::random;
use crate::shared_state::Taken;
use crate::storage::{Lost, WITH_TRACE, Write};
use crate::trace;
use crate::verification::asked::{Face, LimitKey};
use crate::verification::attempt::Attempt;
use crate::verification::code::{Code, CodeHash};
use crate::verification::id::VerificationId;
use crate::verification::origin::Origin;
use crate::verification::policy::Policy;
use crate::verification::{Start, Verification};

/// Counts lost commits, so that a start gives up after 8 budget refusals or 3 conflicts with a pending verification
/// that has the same reuse key.
#[derive(Default)]
struct Tries {
    budget: u8,
    place: u8,
}

impl Tries {
    fn count(&mut self, lost: Lost) -> Result<(), StartError> {
        match lost {
            Lost::NoRoom => {
                self.budget += 1;
                if self.budget == 8 {
                    return Err(StartError::BudgetExhausted);
                }
            }
            Lost::Exists | Lost::Stale => {
                self.place += 1;
                if self.place == 3 {
                    return Err(Error::Unavailable.into());
                }
            }
        }
        Ok(())
    }
}

pub(super) enum Begun {
    /// A new verification, with the attempt that is stored as `sending`.
    Began(VerificationId, Option<u8>),
    /// An equivalent pending verification exists.
    Reused,
}

impl Verify {
    /// Runs as a task of the gateway, so that a caller who disconnects between commit and send leaves nothing half
    /// done.
    pub async fn start(
        &self,
        request: StartRequest,
        ticket: Option<Ticket>,
    ) -> Result<Started, StartError> {
        let verify = self.clone();
        let mut stage = self.core().stage("start");
        let inner = stage.inner();
        let work = async move {
            let started = verify.start_here(request, ticket.as_ref()).await;
            let fault = match &started {
                Err(StartError::Failed(error)) => Some(error),
                _ => None,
            };
            let v = started.as_ref().ok();
            note(&mut stage, v.map(|it| (&it.verification, it.reused)), fault);
            started
        };
        let started = self.core().spawn_within(inner, work).await;
        started.unwrap_or_else(|_| Err(Error::Internal.into()))
    }

    async fn start_here(
        &self,
        request: StartRequest,
        ticket: Option<&Ticket>,
    ) -> Result<Started, StartError> {
        let policy = self.core().directory.policy(request.project);
        let origin = self.origin(&request);
        self.guard(&request, &policy, &origin)?;
        let mut start = Starting {
            verify: self,
            number: self.number_hash(&request.to.phone),
            reuse_key: self.reuse_key(&request),
            request: &request,
            policy: &policy,
            origin: &origin,
            ticket,
            taken: None,
            excused: None,
            tries: Tries::default(),
        };
        let committed = self.commit(&mut start).await?;
        match committed.outcome {
            Begun::Reused => Ok(Box::pin(self.reused(committed.v, ticket)).await?),
            Begun::Began(_, sending) => {
                if !committed.v.is_message() {
                    metrics::counter!("pinroute_verifications_total").increment(1);
                }
                let verification = match sending {
                    Some(ordinal) => self.send_and_wait(committed.v, ordinal, request.wait).await,
                    None => committed.v,
                };
                Ok(Started {
                    verification,
                    reused: false,
                })
            }
        }
    }

    pub(super) fn begin_verification(
        &self,
        request: &StartRequest,
        policy: &Policy,
        number: [u8; 16],
        (origin, verdict): (Origin, &Verdict),
    ) -> Result<Verification, Error> {
        let now = self.core().now();
        let id = request
            .id
            .unwrap_or_else(|| VerificationId::new(now, random()));
        let length = request.code_length.unwrap_or(policy.code_length);
        let code = match &request.code {
            Some(own) => own.clone(),
            None => Code::generate(length, u64::from_be_bytes(random())),
        };
        // A code is good for at least as long as the stage that sends it.
        let stage = request.workflow.as_ref().map(|workflow| workflow.each);
        let ttl = stage.or(request.ttl).unwrap_or(policy.ttl);
        let wording = self.wording(request, policy, &code, ttl);
        let draft = Draft::new(request.to.country, &code, &wording);
        let mut offers = self.offers(request.project, &draft, number, None);
        hold_back(&mut offers, verdict);
        let sms_price = self.sms_price(&draft);
        let start = Start {
            id,
            project: request.project,
            phone: request.to.phone.clone(),
            country: request.to.country,
            code_hash: self.code_hash(id, &code),
            code,
            limit_keys: self.limit_keys(&request.limit_keys, policy),
            is_outside_code: request.code.is_some(),
            payload: request.payload.clone(),
            asked: request.asked.clone(),
            wording,
            origin: Some(origin),
            sms_price,
            policy,
            ttl: request.ttl,
            channels: request.channels.as_deref(),
            begin_within: request.begin_within,
            workflow: request.workflow.as_ref(),
        };
        let mut v = Verification::start(start, &offers, now)?;
        if self.core().all_read(WITH_TRACE) {
            v.record.trace = trace::current().map(Box::new);
        }
        Ok(v)
    }

    /// Sends, waits for the outcome for at most `wait`, and returns the newest stored state. What is left then goes on in a task
    /// of its own.
    async fn send_and_wait(&self, v: Verification, ordinal: u8, wait: Duration) -> Verification {
        let (progress, mut seen) = watch::channel(v.clone());
        let mut work = self.boxed_work(v, Some(ordinal), Some(progress));
        let settled = |v: &Verification| {
            !v.record
                .attempts
                .iter()
                .any(|a: &Attempt| a.status.in_flight())
        };
        // Until the work ends, nothing is in flight, `wait` is over, or the process stops.
        tokio::select! {
            biased;
            () = &mut work => {}
            _ = tokio::time::timeout(wait, seen.wait_for(settled)) => {
                self.core().spawn(work);
            }
            () = self.core().stop.cancelled() => {
                self.core().spawn(work);
            }
        }
        seen.borrow().clone()
    }

    pub(in crate::gateway) fn code_hash(&self, id: VerificationId, code: &Code) -> CodeHash {
        CodeHash(
            self.core()
                .vault
                .code_hash(id.uuid().as_bytes(), code.as_str()),
        )
    }
}

/// A start in the commit loop.
pub(super) struct Starting<'a> {
    pub(super) verify: &'a Verify,
    pub(super) request: &'a StartRequest,
    pub(super) policy: &'a Policy,
    pub(super) origin: &'a Origin,
    ticket: Option<&'a Ticket>,
    pub(super) number: [u8; 16],
    reuse_key: [u8; 16],
    /// What the previous proposal took from the limits.
    pub(super) taken: Option<Taken>,
    /// And one of the sends of an owner's exception.
    excused: Option<Taken>,
    tries: Tries,
}

impl Starting<'_> {
    /// A start that the guard denies draws on the limits all the same, and gets one answer whatever the reason. A reloaded page still
    /// gets the verification that it started.
    async fn denied(
        &mut self,
        target: Target<'_>,
        verdict: Verdict,
    ) -> Result<Step<Begun>, StartError> {
        let verify = self.verify;
        if let Some(existing) = verify.find_reusable(self.reuse_key).await? {
            return Ok(Step::Nothing(existing, Begun::Reused));
        }
        let keys = verify.limit_keys(&self.request.limit_keys, self.policy);
        let facts = verify.facts(target);
        // Beyond a limit too, since a number on a list gets no other answer; but without a row.
        match self.draw(&keys).await? {
            Ok(_) => verify.deny(facts, target.phone, verdict),
            Err(_) => verify.count_denied(&facts, &verdict),
        }
        Err(Error::Blocked.into())
    }

    /// Draws on the limits of a start, or says which is exhausted.
    async fn draw(&self, keys: &[LimitKey]) -> Result<Result<Taken, Exhausted>, Error> {
        let (request, limits) = (self.request, &self.policy.limits);
        let (project, ip) = (request.project, request.visitor.ip);
        let draws = limits::for_create(limits, project, self.number, ip, keys);
        let whose = (project, &request.to.phone);
        self.verify.draw(whose, draws, false, SENDS).await
    }

    /// A new verification to store, and to send at once.
    fn write(&self, mut v: Verification, verdict: Verdict) -> Step<Begun> {
        let core = self.verify.core();
        let sending = v.begin_sending(core.now());
        let replay = Replay::Verification {
            id: v.id,
            status: 201,
            reused: false,
        };
        Step::Write(Proposal {
            write: Write::Insert,
            reuse_key: self.reuse_key,
            lease: match sending {
                Some(_) => LeasePlan::Hold,
                None => LeasePlan::NotOurs,
            },
            outcome: Begun::Began(v.id, sending),
            v,
            idempotency: core.idempotency.completion(self.ticket, &replay),
            verdict: Some(Box::new(verdict)),
        })
    }

    /// Whether the id that the caller was given before has been used. That comes before limits and budgets: the caller must not take
    /// their refusal for "nothing was sent".
    async fn is_id_used(&self) -> Result<bool, StartError> {
        let Some(id) = self.request.id else {
            return Ok(false);
        };
        let found = self.verify.core().db.find(id).await.map_err(Error::from)?;
        Ok(found.is_some())
    }
}

impl Verb for Starting<'_> {
    type Outcome = Begun;
    type Error = StartError;

    async fn propose(&mut self, lost: Option<Lost>) -> Result<Step<Begun>, StartError> {
        let verify = self.verify;
        verify.give_back_exception(&mut self.excused).await;
        let proposed = self.proposed(lost).await;
        if !matches!(proposed, Ok(Step::Write(_))) {
            verify.give_back_exception(&mut self.excused).await;
        }
        proposed
    }

    fn unanswered(&mut self, _change: i64, outcome: &Begun) {
        if let Begun::Began(id, _) = outcome {
            self.verify.may_be_stored(*id);
        }
    }
}

impl Starting<'_> {
    async fn proposed(&mut self, lost: Option<Lost>) -> Result<Step<Begun>, StartError> {
        let (verify, reuse_key) = (self.verify, self.reuse_key);
        let (core, request) = (verify.core(), self.request);
        let reuse = |existing| Ok(Step::Nothing(existing, Begun::Reused));
        if let Some(lost) = lost {
            if let Some(taken) = self.taken.take() {
                Box::pin(core.shared.limits.give_back(taken)).await;
            }
            if lost == Lost::Exists && request.id.is_some() {
                return Err(StartError::IdUsed);
            }
            if lost == Lost::Exists
                && let Some(existing) = Box::pin(verify.find_reusable(reuse_key)).await?
            {
                return reuse(existing);
            }
            self.tries.count(lost)?;
        }
        if self.is_id_used().await? {
            return Err(StartError::IdUsed);
        }
        let target = verify.target_of(request, self.policy, self.origin);
        let mut verdict = verify.judge(target, &self.policy.guard).await?;
        if verdict.outcome == Outcome::Deny {
            return Box::pin(self.denied(target, verdict)).await;
        }
        let mut v = self.begin(&verdict)?;
        // Of what may come by Telegram, a fallback uses it.
        if verdict.is_owner && plans_paid(&v) {
            let whose = (request.project, &request.to.phone);
            let can_challenge = target.has_challenge_channel;
            let used = verify.use_exception(whose, can_challenge, &mut verdict);
            self.excused = Box::pin(used).await?;
            if verdict.outcome == Outcome::Deny {
                return Box::pin(self.denied(target, verdict)).await;
            }
            if !verdict.is_owner {
                v = self.begin(&verdict)?;
            }
        }
        if v.lacks_room() {
            // A reloaded page still gets the verification that it started.
            let existing = Box::pin(verify.find_reusable(reuse_key)).await?;
            return reuse(existing.ok_or(StartError::BudgetExhausted)?);
        }
        // These callers get the refusal at once and will retry, so nothing is stored and no limit is drawn on.
        if v.is_refused() && matches!(v.face(), Face::Integration { .. } | Face::Vonage) {
            let existing = Box::pin(verify.find_reusable(reuse_key)).await?;
            let is_for_now = v.waits_for_provider();
            return reuse(existing.ok_or(StartError::Undeliverable { is_for_now })?);
        }
        match self.draw(&v.record.limit_keys).await? {
            Ok(taken) => self.taken = Some(taken),
            // So does a repeated request beyond the limit.
            Err(exhausted) => {
                let existing = Box::pin(verify.find_or_await_reusable(reuse_key)).await?;
                if existing.is_none() && self.is_id_used().await? {
                    return Err(StartError::IdUsed);
                }
                if existing.is_none()
                    && exhausted.is_by_number_alone()
                    && let Some(v) = Box::pin(self.reserved(&verdict)).await?
                {
                    verify.give_back_exception(&mut self.excused).await;
                    return Ok(self.write(v, verdict));
                }
                return reuse(existing.ok_or(Error::Limited(exhausted))?);
            }
        }
        Ok(self.write(v, verdict))
    }

    fn begin(&self, verdict: &Verdict) -> Result<Verification, Error> {
        let judged = (self.origin.clone(), verdict);
        self.verify
            .begin_verification(self.request, self.policy, self.number, judged)
    }
}
