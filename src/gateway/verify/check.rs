//! Checks the code that a visitor entered.

use super::draws::WRONG_CODES;
use super::persist::{Needs, Transition};
use super::room::{SECOND_LOOK, Verify};
use crate::abuse::limits;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Replay, Ticket};
use crate::trace::Stage;
use crate::verification::code::Code;
use crate::verification::id::VerificationId;
use crate::verification::{Refusal, Status, Verdict, Verification};

/// The result of an evaluated check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub id: VerificationId,
    /// The verification's status after the check.
    pub status: String,
    pub valid: bool,
    pub checks_left: u32,
    /// The signed token, if the code was correct.
    pub proof: Option<String>,
}

impl Verify {
    /// Runs as a task of the gateway, where each of its waits costs less than in a thread of the web server.
    pub async fn check(
        &self,
        access: &Access,
        id: VerificationId,
        code: &Code,
        ticket: Option<&Ticket>,
    ) -> Result<Checked, Error> {
        let (verify, access) = (self.clone(), access.clone());
        let (code, ticket) = (code.clone(), ticket.cloned());
        let mut stage = self.core().stage("check");
        let inner = stage.inner();
        let work = async move {
            let ticket = ticket.as_ref();
            let checked = verify.check_here(&access, id, &code, ticket, &mut stage);
            let checked = checked.await;
            stage.conclude(match &checked {
                Ok(checked) if checked.valid => "right",
                Ok(_) => "wrong",
                Err(error) => error.outcome(),
            });
            checked
        };
        let checked = self.core().spawn_within(inner, work).await;
        checked.unwrap_or(Err(Error::Internal))
    }

    async fn check_here(
        &self,
        access: &Access,
        id: VerificationId,
        code: &Code,
        ticket: Option<&Ticket>,
        stage: &mut Stage,
    ) -> Result<Checked, Error> {
        let typed = self.code_hash(id, code);
        let v = self.find_own(access, id).await?;
        if stage.is_open() {
            stage.set("pinroute.verification", id.to_string());
            stage.link(v.record.trace.as_deref());
        }
        v.may_check(self.core().now())?;
        let Some(phone) = &v.phone else {
            return Err(Refusal::NotPending(v.record.status).into());
        };
        // A wrong code counts against the limits before it is evaluated, so that parallel guesses cannot exceed them. A right
        // one only needs room.
        let policy = self.core().directory.policy(v.project);
        let draws = limits::for_check(&policy.limits, v.project, self.number_key(&v));
        let whose = (v.project, phone);
        let is_right = v.code_hash == typed;
        let taken = self.draw(whose, draws, is_right, WRONG_CODES).await?;
        let taken = match taken {
            Ok(taken) => taken,
            Err(exhausted) => {
                // Parallel checks count before their results are known. Wait for them: the verification's own refusal,
                // such as "no checks left", takes precedence over the limit.
                tokio::time::sleep(SECOND_LOOK).await;
                Box::pin(self.read(id))
                    .await?
                    .may_check(self.core().now())?;
                return Err(Error::Limited(exhausted));
            }
        };
        let checked = self.update(v, Needs::Nothing, |v, _, now| {
            let verdict = v.check(&typed, now)?;
            let answer = Checked {
                id,
                status: v.record.status.as_str().to_owned(),
                valid: verdict == Verdict::Approved,
                checks_left: v.checks_left(),
                proof: None,
            };
            let replay = Replay::Check {
                id,
                status: answer.status.clone(),
                valid: answer.valid,
                checks_left: answer.checks_left,
            };
            let completion = self.core().idempotency.completion(ticket, &replay);
            Ok(Transition::Changed(answer, completion))
        });
        match checked.await {
            Ok(done) => {
                let answer = done.outcome.clone();
                let v = self.go_on(done);
                let result = if answer.valid { "right" } else { "wrong" };
                metrics::counter!("pinroute_checks_total", "result" => result).increment(1);
                Ok(Checked {
                    proof: self.proof(&v),
                    ..answer
                })
            }
            Err(error) => {
                if matches!(error, Error::Refused(_)) {
                    Box::pin(self.core().shared.limits.give_back(taken)).await;
                }
                Err(error)
            }
        }
    }

    /// The same result again, for a request repeated with the same idempotency key.
    pub async fn checked_again(
        &self,
        access: &Access,
        replay: &Replay,
    ) -> Result<Option<Checked>, Error> {
        let Replay::Check {
            id,
            status,
            valid,
            checks_left,
        } = replay
        else {
            return Ok(None);
        };
        let v = self.find_whole(access, *id).await?;
        let proof = if *valid { self.proof(&v) } else { None };
        Ok(Some(Checked {
            id: *id,
            status: status.clone(),
            valid: *valid,
            checks_left: *checks_left,
            proof,
        }))
    }

    fn proof(&self, v: &Verification) -> Option<String> {
        let phone = v.phone.as_ref()?;
        match v.record.status {
            Status::Approved { at, channel } if !v.record.is_vouched_for => {
                Some(super::proof::sign(
                    &self.core().vault,
                    &self.core().settings.public_url,
                    (v, phone),
                    channel,
                    at,
                ))
            }
            _ => None,
        }
    }
}
