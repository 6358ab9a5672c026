//! `checkVerificationStatus`: reports, and with a `code` checks it.

use serde_json::value::RawValue;

use super::answer::{self, RequestStatus, Verdict};
use super::caller::Call;
use super::fault::{Fault, Word};
use super::request_id;
use crate::gateway::Error;
use crate::verification::code::Code;
use crate::verification::digits::fold;
use crate::verification::id::VerificationId;
use crate::verification::{Status, Verification};

pub async fn check(call: &Call) -> Result<Box<RawValue>, Fault> {
    let (id, code) = (id(call)?, call.parameters.take("code", Word::CodeInvalid)?);
    let verify = call.gateway.verify();
    let verdict = match code {
        None => None,
        Some(text) => Some(evaluate(call, id, &text).await?),
    };
    let v = verify.find_own(&call.access, id).await?;
    let mut status = RequestStatus::of(&v, &answer::converter(&call.gateway));
    if let Some(verdict) = verdict {
        status.evaluated(verdict, call.gateway.now());
    }
    Ok(status.json())
}

/// What a visitor typed is a wrong code if it cannot be one, and then uses up no check.
async fn evaluate(call: &Call, id: VerificationId, text: &str) -> Result<Verdict, Fault> {
    let verify = call.gateway.verify();
    let Some(code) = Code::parse(&fold(text)) else {
        let v = verify.find_own(&call.access, id).await?;
        return Ok(over(&v));
    };
    match verify.check(&call.access, id, &code, None).await {
        Ok(checked) if checked.valid => Ok(Verdict::Valid),
        Ok(checked) if checked.checks_left == 0 => Ok(Verdict::NoMoreAttempts),
        Ok(_) => Ok(Verdict::Invalid),
        Err(Error::Refused(_)) => {
            let v = verify.find_own(&call.access, id).await?;
            if verify.repeats_check(&v, &code).await? {
                return Ok(Verdict::Valid);
            }
            Ok(over(&v))
        }
        Err(error) => Err(error.into()),
    }
}

/// The verdict on a code that is not compared. A code is good for one approval, so a later one is not valid.
fn over(v: &Verification) -> Verdict {
    match v.record.status {
        Status::Approved { .. } | Status::Pending | Status::Failed => Verdict::Invalid,
        Status::Locked => Verdict::NoMoreAttempts,
        Status::Expired | Status::Canceled => Verdict::Expired,
    }
}

/// The request that the call is about.
pub fn id(call: &Call) -> Result<VerificationId, Fault> {
    let text = call.parameters.take("request_id", Word::RequestIdInvalid)?;
    Ok(request_id::read(&text.ok_or(Word::RequestIdRequired)?)?)
}
