//! The Telegram Gateway API (core.telegram.org/gateway/api), including quirks observed on the live service.
//!
//! [`request`] holds the state of one request id, [`wire`] its JSON; [`send`] and [`ask`] implement the methods. A new
//! method is a variant of [`Method`] and a function in one of them.

mod ask;
mod request;
mod requests;
mod send;
mod wire;

use std::sync::{Arc, Mutex};

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};

use super::digest::TokenHash;
use super::params::Params;
use super::reports::Report;
use super::world::{World, lock};
pub(super) use request::{Delivery, Request};
pub use requests::FIRST_BALANCE;
pub(super) use requests::Requests;
use wire::{Answer, Refusal};

#[derive(Clone, Copy, Debug)]
enum Method {
    SendVerificationMessage,
    CheckSendAbility,
    CheckVerificationStatus,
    RevokeVerificationMessage,
}

impl Method {
    /// Case-insensitive, at the root or below `/telegram`, with any number of slashes.
    fn of_path(path: &str) -> Option<Self> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let mut name = segments.next()?;
        if name.eq_ignore_ascii_case("telegram") {
            name = segments.next()?;
        }
        if segments.next().is_some() {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            "sendverificationmessage" => Some(Self::SendVerificationMessage),
            "checksendability" => Some(Self::CheckSendAbility),
            "checkverificationstatus" => Some(Self::CheckVerificationStatus),
            "revokeverificationmessage" => Some(Self::RevokeVerificationMessage),
            _ => None,
        }
    }
}

/// Answers every request that no other route matched.
pub(super) async fn answer(world: &Arc<World>, http: &HttpRequest, body: &[u8]) -> HttpResponse {
    let outcome = match Method::of_path(http.path()) {
        // Telegram documents no error for an unreadable body, so its parameters count as missing.
        Some(method) if matches!(http.method().as_str(), "GET" | "POST") => {
            let params = Params::read(http, body).unwrap_or_default();
            call(world, method, http.headers(), &params).await
        }
        _ => Err(Refusal::UnknownMethod),
    };
    outcome.map_or_else(Refusal::into_response, Answer::into_response)
}

async fn call(
    world: &Arc<World>,
    method: Method,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Answer, Refusal> {
    let account = authenticate(world, headers, params)?;
    match method {
        Method::SendVerificationMessage => send::send(world, account, params).await,
        Method::CheckSendAbility => send::check_ability(world, account, params).await,
        Method::CheckVerificationStatus => ask::status(world, account, params),
        Method::RevokeVerificationMessage => ask::revoke(world, account, params),
    }
}

/// The header takes precedence over the parameter. Telegram documents no order.
fn authenticate(world: &World, headers: &HeaderMap, params: &Params) -> Result<TokenHash, Refusal> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty());
    let token = bearer
        .or_else(|| params.get("access_token"))
        .ok_or(Refusal::AccessTokenRequired)?;
    let token = TokenHash::of(token);
    match world.telegram_token {
        Some(expected) if expected != token => Err(Refusal::AccessTokenInvalid),
        _ => Ok(token),
    }
}

/// Handles a scheduled change: books the refund and returns the report. `None` if the message changed differently
/// meanwhile.
pub(super) fn happen(
    world: &World,
    request: &Mutex<Request>,
    change: Delivery,
    planned_for: DateTime<Utc>,
) -> Option<Report> {
    let (refund, report) = {
        let request = lock(request);
        if request.delivery(planned_for) != Some(change) {
            // Some numbers report `read` before `delivered`; both hold by then.
            let overtaken = change == Delivery::Delivered
                && request.delivery(planned_for) == Some(Delivery::Read);
            if !overtaken {
                return None;
            }
        }
        let refund = (change == Delivery::Expired).then(|| request.account());
        (refund, request.report(change, planned_for))
    };
    if let Some(account) = refund {
        lock(&world.requests).refund(account);
    }
    report
}
