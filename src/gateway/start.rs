//! Starts a verification: durable first, then sent, then answered.

use std::time::Duration;

use tokio::sync::watch;

use super::idempotency::{Replay, Ticket};
use super::{Gateway, LeasePlan, Trouble};
use crate::abuse::limits;
use crate::channels::Draft;
use crate::secret::random;
use crate::storage::{CommitError, Write};
use crate::verification::attempt::Attempt;
use crate::verification::code::{Code, CodeHash};
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::phone::{Country, PhoneNumber};
use crate::verification::route::Channel;
use crate::verification::{Start, Verification, Wording, text};

/// How often a start may lose what is left of a budget to others before it counts as none.
const LOST_AT_MOST: u8 = 8;

/// What a site asks for.
#[derive(Clone, Debug)]
pub struct StartRequest {
    pub project: ProjectId,
    pub phone: PhoneNumber,
    pub country: Country,
    /// A code that the site made itself.
    pub code: Option<Code>,
    pub code_length: Option<u8>,
    pub ttl: Option<Duration>,
    pub channels: Option<Vec<Channel>>,
    pub payload: Option<String>,
    pub wording: Wording,
    pub client_ip: Option<String>,
    /// How long the answer may wait for the first provider.
    pub wait: Duration,
}

#[derive(Debug)]
pub struct Started {
    pub verification: Verification,
    /// There was a pending one like it; nothing was sent.
    pub reused: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the project does not admit numbers of {0}")]
    CountryBlocked(Country),
    #[error("no budget has room for a send")]
    BudgetExhausted,
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Gateway {
    /// Runs on the gateway's own runtime: a caller who goes away between the commit and the send leaves nothing half done.
    pub async fn start(
        &self,
        request: StartRequest,
        ticket: Option<Ticket>,
    ) -> Result<Started, StartError> {
        let gateway = self.clone();
        let work = async move { gateway.start_here(request, ticket.as_ref()).await };
        let started = self.0.tasks.spawn_on(work, &self.0.runtime).await;
        started.unwrap_or_else(|_| Err(Trouble::Unavailable.into()))
    }

    async fn start_here(
        &self,
        request: StartRequest,
        ticket: Option<&Ticket>,
    ) -> Result<Started, StartError> {
        let policy = self.0.directory.policy(request.project);
        if !policy.countries.admits(request.country) {
            return Err(StartError::CountryBlocked(request.country));
        }
        let number = self
            .0
            .vault
            .lookup(&[b"number", request.phone.as_str().as_bytes()]);
        let reuse_key = self.reuse_key(&request);
        // A pending one like it may be due to expire: then it makes room, and the start is tried again.
        let (mut tries, mut lost) = (3, 0);
        while tries > 0 {
            let mut v = self.begin_verification(&request, number)?;
            if v.lacks_room() {
                // A page reload still finds the verification that it began.
                return match self.find_reusable(reuse_key).await? {
                    Some(existing) => Ok(self.reused(existing, ticket).await?),
                    None => Err(StartError::BudgetExhausted),
                };
            }
            let ip = request.client_ip.as_deref();
            let draws = limits::for_create(&policy.limits, request.project, &compact(number), ip);
            let taken = match self.0.shared.limits.take(draws).await {
                Ok(taken) => taken,
                // A page reload at the limit still finds the verification that it began.
                Err(exhausted) => match self.find_or_await_reusable(reuse_key).await? {
                    Some(existing) => return Ok(self.reused(existing, ticket).await?),
                    None => return Err(Trouble::Limited(exhausted).into()),
                },
            };
            let sending = v.begin_sending(self.now());
            let lease = if sending.is_some() {
                LeasePlan::Hold
            } else {
                LeasePlan::NotOurs
            };
            let replay = Replay::Verification {
                id: v.id,
                status: 201,
                reused: false,
            };
            let completion = self.completion(ticket, &replay);
            match self
                .keep(&mut v, Write::Insert, reuse_key, lease, completion)
                .await
            {
                Ok(_) => {
                    metrics::counter!("pinroute_verifications_total").increment(1);
                    let verification = match sending {
                        Some(ordinal) => self.send_and_wait(v, ordinal, request.wait).await,
                        None => v,
                    };
                    return Ok(Started {
                        verification,
                        reused: false,
                    });
                }
                Err(CommitError::Exists) => {
                    tries -= 1;
                    self.0.shared.limits.give_back(taken).await;
                    if let Some(existing) = self.find_reusable(reuse_key).await? {
                        return Ok(self.reused(existing, ticket).await?);
                    }
                }
                // What is left is known by now: the next plan passes over what has no room.
                // Whoever loses the last of it again and again has none.
                Err(CommitError::NoRoom) => {
                    self.0.shared.limits.give_back(taken).await;
                    lost += 1;
                    if lost == LOST_AT_MOST {
                        return Err(StartError::BudgetExhausted);
                    }
                }
                Err(_) => return Err(Trouble::Unavailable.into()),
            }
        }
        Err(Trouble::Unavailable.into())
    }

    fn begin_verification(
        &self,
        request: &StartRequest,
        number: [u8; 16],
    ) -> Result<Verification, Trouble> {
        let now = self.now();
        let policy = self.0.directory.policy(request.project);
        let id = VerificationId::new(now, random());
        let length = request.code_length.unwrap_or(policy.code_length);
        let code = match &request.code {
            Some(own) => own.clone(),
            None => Code::generate(length, u64::from_be_bytes(random())),
        };
        let ttl = request.ttl.unwrap_or(policy.ttl);
        let wording = request.wording.clone();
        let wording = text::choose(wording, &policy.templates, request.country, ttl);
        let draft = Draft::new(request.country, &code, &wording);
        let offers = self.offers(request.project, &draft, number, None);
        let sms_price = self.sms_price(&draft);
        let start = Start {
            id,
            project: request.project,
            phone: request.phone.clone(),
            country: request.country,
            code_hash: self.code_hash(id, &code),
            code,
            payload: request.payload.clone(),
            wording,
            sms_price,
            policy: &policy,
            ttl: request.ttl,
            channels: request.channels.as_deref(),
        };
        Ok(Verification::start(start, &offers, now)?)
    }

    /// Sends on the runtime, so that a caller who goes away stops nothing, and answers with the newest state that is kept.
    async fn send_and_wait(&self, v: Verification, ordinal: u8, wait: Duration) -> Verification {
        let (progress, mut seen) = watch::channel(v.clone());
        self.spawn_work(v, Some(ordinal), Some(progress));
        let settled = |v: &Verification| {
            !v.record
                .attempts
                .iter()
                .any(|a: &Attempt| a.status.in_flight())
        };
        // Ends when nothing is in flight, when the work ends, when the caller has waited enough, or at shutdown.
        tokio::select! {
            _ = tokio::time::timeout(wait, seen.wait_for(settled)) => {}
            () = self.0.stop.cancelled() => {}
        }
        seen.borrow().clone()
    }

    async fn find_reusable(&self, reuse_key: [u8; 16]) -> Result<Option<Verification>, Trouble> {
        let Some(found) = self.0.db.find_pending(reuse_key).await? else {
            return Ok(None);
        };
        let found = self.up_to_date(found).await?;
        Ok(found.is_pending().then_some(found))
    }

    /// The draws of a double click's twins may fill the limit before the first of them is stored: then it is looked for twice.
    async fn find_or_await_reusable(
        &self,
        reuse_key: [u8; 16],
    ) -> Result<Option<Verification>, Trouble> {
        if let Some(found) = self.find_reusable(reuse_key).await? {
            return Ok(Some(found));
        }
        tokio::time::sleep(super::SECOND_LOOK).await;
        self.find_reusable(reuse_key).await
    }

    async fn reused(
        &self,
        verification: Verification,
        ticket: Option<&Ticket>,
    ) -> Result<Started, Trouble> {
        let replay = Replay::Verification {
            id: verification.id,
            status: 200,
            reused: true,
        };
        self.complete_alone(ticket.cloned(), &replay).await?;
        Ok(Started {
            verification,
            reused: true,
        })
    }

    /// One pending verification per project, number, payload and own code.
    fn reuse_key(&self, request: &StartRequest) -> [u8; 16] {
        let present = |text: Option<&str>| match text {
            Some(text) => format!("={text}"),
            None => String::new(),
        };
        self.0.vault.lookup(&[
            b"reuse",
            request.project.0.as_bytes(),
            request.phone.as_str().as_bytes(),
            present(request.payload.as_deref()).as_bytes(),
            present(request.code.as_ref().map(Code::as_str)).as_bytes(),
        ])
    }

    pub(super) fn code_hash(&self, id: VerificationId, code: &Code) -> CodeHash {
        CodeHash(self.0.vault.code_hash(id.uuid().as_bytes(), code.as_str()))
    }
}

/// A number's key as text.
pub(super) fn compact(number: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(number).simple().to_string()
}
