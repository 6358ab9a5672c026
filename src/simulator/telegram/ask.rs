//! `checkVerificationStatus` and `revokeVerificationMessage`: free methods that act on an existing request.

use std::sync::{Arc, Mutex};

use super::request::{Delivery, Request};
use super::wire::{Answer, Refusal};
use crate::simulator::digest::TokenHash;
use crate::simulator::params::Params;
use crate::simulator::reports::Event;
use crate::simulator::world::{World, lock};

/// Longest code accepted for checking. Valid codes have at most 8 digits.
const LONGEST_CODE: usize = 32;

pub(super) fn status(
    world: &World,
    account: TokenHash,
    params: &Params,
) -> Result<Answer, Refusal> {
    let request = find(world, account, params)?;
    let now = world.clock.now();
    let mut request = lock(&request);
    if let Some(code) = params.get("code") {
        if code.len() > LONGEST_CODE {
            return Err(Refusal::CodeInvalid);
        }
        request.check(code, now);
    }
    Ok(Answer::Status(request.status(now, None)))
}

pub(super) fn revoke(
    world: &World,
    account: TokenHash,
    params: &Params,
) -> Result<Answer, Refusal> {
    let request = find(world, account, params)?;
    let now = world.clock.now();
    let (delivery, report, id, number) = {
        let mut request = lock(&request);
        let delivery = request.revoke(now);
        let report = delivery.and_then(|delivery| request.report(delivery, now));
        (delivery, report, request.id(), request.number())
    };
    if delivery == Some(Delivery::Revoked) {
        lock(&world.phones).take_back(number, id);
    }
    if let Some(report) = report {
        world.schedule.add(now, Event::Post(vec![report]));
    }
    Ok(Answer::Revoked)
}

fn find(
    world: &World,
    account: TokenHash,
    params: &Params,
) -> Result<Arc<Mutex<Request>>, Refusal> {
    let id = params.get("request_id").ok_or(Refusal::RequestIdRequired)?;
    lock(&world.requests).find(account, id)
}
