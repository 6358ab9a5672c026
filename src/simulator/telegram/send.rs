//! `sendVerificationMessage` and `checkSendAbility`, the methods that cost money.

use std::sync::{Arc, Mutex};

use reqwest::Url;

use super::request::{Delivery, Fate, Message, Request};
use super::wire::{Answer, Money, Refusal, RequestStatus};
use crate::simulator::callbacks;
use crate::simulator::digest::{TokenHash, random_digits};
use crate::simulator::numbers::{Number, Reports, Telegram};
use crate::simulator::params::Params;
use crate::simulator::phones;
use crate::simulator::reports::Event;
use crate::simulator::world::{World, lock};

/// A send whose parameters are all valid.
struct Outgoing {
    account: TokenHash,
    number: Number,
    /// The earlier `checkSendAbility` request, which already paid the fee.
    checked: Option<Arc<Mutex<Request>>>,
    code: String,
    ttl: Option<u32>,
    payload: Option<String>,
    callback: Option<Url>,
}

pub(super) async fn send(
    world: &Arc<World>,
    account: TokenHash,
    params: &Params,
) -> Result<Answer, Refusal> {
    let outgoing = parse(world, account, params)?;
    let number = outgoing.number;
    answer_as_the_number_does(world, number, move |world| accept(world, outgoing)).await
}

pub(super) async fn check_ability(
    world: &Arc<World>,
    account: TokenHash,
    params: &Params,
) -> Result<Answer, Refusal> {
    let number = phone_number(params)?;
    answer_as_the_number_does(world, number, move |world| {
        let (request, remaining) =
            lock(&world.requests).charge(account, |id| Request::new(id, account, number, None));
        let now = world.clock.now();
        Ok(lock(&request).status(now, Some(remaining)))
    })
    .await
}

async fn answer_as_the_number_does(
    world: &Arc<World>,
    number: Number,
    act: impl FnOnce(&World) -> Result<RequestStatus, Refusal> + Send + 'static,
) -> Result<Answer, Refusal> {
    match world.telegram_of(number) {
        Telegram::NotAvailable => Err(Refusal::PhoneNumberNotAvailable),
        Telegram::BalanceNotEnough => Err(Refusal::BalanceNotEnough),
        Telegram::FloodWait(seconds) => Err(Refusal::FloodWait(seconds)),
        Telegram::ServerError => Err(Refusal::ServerError),
        Telegram::Delivers | Telegram::NeverDelivers => act(world).map(Answer::Status),
        Telegram::BrokenAnswer => act(world).map(Answer::Broken),
        Telegram::Slow => {
            // In its own task, because actix drops the handler when the caller hangs up, while Telegram carries on.
            let late = Arc::clone(world);
            let acting = world.tasks.spawn_on(
                async move {
                    tokio::select! {
                        () = late.stopping.cancelled() => Err(Refusal::Stopping),
                        () = tokio::time::sleep(late.pace.slow_answer) => act(&late),
                    }
                },
                &world.runtime,
            );
            acting
                .await
                .map_err(|_| Refusal::Stopping)?
                .map(Answer::Status)
        }
    }
}

fn phone_number(params: &Params) -> Result<Number, Refusal> {
    params
        .get("phone_number")
        .and_then(Number::parse)
        .ok_or(Refusal::PhoneNumberInvalid)
}

/// If several parameters are invalid, the first one below is reported. Telegram's own order is unknown.
fn parse(world: &World, account: TokenHash, params: &Params) -> Result<Outgoing, Refusal> {
    let number = phone_number(params)?;
    let checked = match params.get("request_id") {
        None => None,
        Some(id) => {
            let request = lock(&world.requests).find(account, id)?;
            {
                let request = lock(&request);
                if request.number() != number {
                    return Err(Refusal::PhoneNumberMismatch);
                }
                if request.is_sent() {
                    return Err(Refusal::MessageAlreadySent);
                }
            }
            Some(request)
        }
    };
    let code = match (params.get("code"), params.get("code_length")) {
        (Some(code), _) => {
            let is_code = (4..=8).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_digit());
            is_code
                .then(|| code.to_owned())
                .ok_or(Refusal::CodeInvalid)?
        }
        (None, Some(length)) => {
            let length = length.trim().parse().ok();
            let length = length.filter(|length| (4..=8).contains(length));
            random_digits(length.ok_or(Refusal::CodeLengthInvalid)?)
        }
        (None, None) => return Err(Refusal::CodeLengthRequired),
    };
    let ttl = match params.get("ttl") {
        None => None,
        Some(text) => {
            let ttl = text.trim().parse().ok();
            let ttl = ttl.filter(|ttl| (30..=3600).contains(ttl));
            Some(ttl.ok_or(Refusal::TtlInvalid)?)
        }
    };
    let payload = params.get("payload").map(str::to_owned);
    if payload.as_ref().is_some_and(|payload| payload.len() > 128) {
        return Err(Refusal::PayloadInvalid);
    }
    let callback = match params.get("callback_url") {
        None => None,
        Some(text) => {
            let read = callbacks::read(text, &world.callbacks);
            Some(read.map_err(|_| Refusal::CallbackUrlInvalid)?)
        }
    };
    Ok(Outgoing {
        account,
        number,
        checked,
        code,
        ttl,
        payload,
        callback,
    })
}

/// Charges the fee, sends the message and schedules its reports.
fn accept(world: &World, outgoing: Outgoing) -> Result<RequestStatus, Refusal> {
    let now = world.clock.now();
    let number = outgoing.number;
    let fate = Fate::of(number, outgoing.ttl, now, &world.pace);
    let has_callback = outgoing.callback.is_some();
    let code = outgoing.code.clone();
    let message = Message {
        code: outgoing.code,
        payload: outgoing.payload,
        callback: outgoing.callback,
        sent: now,
        fate,
    };
    let (request, remaining) = match outgoing.checked {
        // Observed live: the free send after a check reports a balance of 0, whatever the account holds.
        Some(request) => {
            lock(&request).fill(message)?;
            (request, Money(0))
        }
        None => lock(&world.requests).charge(outgoing.account, |id| {
            Request::new(id, outgoing.account, number, Some(message))
        }),
    };
    let (id, status) = {
        let request = lock(&request);
        (request.id(), request.status(now, Some(remaining)))
    };
    if let Fate::Arrives { delivered, read } = fate {
        let message = phones::Message::Telegram {
            id,
            code,
            arrives: delivered,
            read,
        };
        lock(&world.phones).add(number, message);
    }
    plan(world, number, fate, has_callback, &request);
    Ok(status)
}

fn plan(
    world: &World,
    number: Number,
    fate: Fate,
    has_callback: bool,
    request: &Arc<Mutex<Request>>,
) {
    let add = |at, changes| {
        let request = Arc::clone(request);
        world.schedule.add(at, Event::Telegram { request, changes });
    };
    match (fate, number.behaviour().reports) {
        // Scheduled even without a callback, because this event books the refund.
        (Fate::Expires(at), _) => add(at, &[Delivery::Expired]),
        _ if !has_callback => {}
        (Fate::Arrives { delivered, read }, Reports::Normal | Reports::WronglySigned) => {
            add(delivered, &[Delivery::Delivered]);
            add(read, &[Delivery::Read]);
        }
        (Fate::Arrives { read, .. }, Reports::TwiceAndOutOfOrder) => {
            const READ_FIRST: &[Delivery] = &[
                Delivery::Read,
                Delivery::Read,
                Delivery::Delivered,
                Delivery::Delivered,
            ];
            add(read, READ_FIRST);
        }
        (Fate::Arrives { .. }, Reports::Never) | (Fate::Stays | Fate::Revoked(_), _) => {}
    }
}
