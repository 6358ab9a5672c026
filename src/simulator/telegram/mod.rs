//! The Telegram Gateway API as it is on the wire (core.telegram.org/gateway/api), with the quirks that were seen live.
//!
//! [`request`] is what is known about one request id and [`wire`] how it is written; [`send`] and [`ask`] are the methods.

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
    /// In any case, at the root or under `/telegram`, with any number of slashes.
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

/// Answers any request that no other route took.
pub(super) async fn answer(world: &Arc<World>, http: &HttpRequest, body: &[u8]) -> HttpResponse {
    let outcome = match Method::of_path(http.path()) {
        // Telegram names no error for a body that it cannot read: what stands in it is missing then.
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

/// The header is looked at first; that order is undocumented.
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

/// A planned change of a message has come: books the refund, and says what to report. Nothing, if the message took another way.
pub(super) fn happen(
    world: &World,
    request: &Mutex<Request>,
    change: Delivery,
    planned_for: DateTime<Utc>,
) -> Option<Report> {
    let (refund, report) = {
        let request = lock(request);
        if request.delivery(planned_for) != Some(change) {
            // Read is reported before delivered for some numbers: both are true by then.
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
