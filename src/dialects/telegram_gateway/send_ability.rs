//! `checkSendAbility`: whether a code can be sent. Nothing is stored, sent or charged.

use serde_json::value::RawValue;

use super::answer::Ability;
use super::caller::Call;
use super::fault::{Fault, Word};
use super::{request_id, send};

pub fn check(call: &Call) -> Result<Box<RawValue>, Fault> {
    let to = send::number(call)?;
    let verify = call.gateway.verify();
    if !verify.can_reach(call.project, &to) {
        return Err(Word::PhoneNumberNotAvailable.into());
    }
    let id = request_id::give_out(&call.gateway, call.project, &to.phone);
    Ok(Ability::of(id, &to.phone).json())
}
