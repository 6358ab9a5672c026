//! `Idempotency-Key`: the first request with a key runs, a repeat is told the same answer, and only successes are kept.

use actix_web::{HttpRequest, HttpResponse};

use super::problem::{Code, Problem};
use crate::gateway::{Access, Begun, Gateway, Replay, Ticket};
use crate::verification::id::ProjectId;

const LONGEST_KEY: usize = 255;

/// Runs `first` unless the request repeats an earlier one; then the kept answer is told again.
///
/// `scope`: the project and the path that the key belongs to. A path that names a verification needs no project.
pub async fn once(
    gateway: &Gateway,
    access: &Access,
    scope: (Option<ProjectId>, &str),
    request: &HttpRequest,
    body: &[u8],
    first: impl AsyncFnOnce(Option<Ticket>) -> Result<HttpResponse, Problem>,
) -> Result<HttpResponse, Problem> {
    let Some(key) = request.headers().get("idempotency-key") else {
        return first(None).await;
    };
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=LONGEST_KEY).contains(&key.len()))
        .ok_or_else(|| {
            Problem::new(
                Code::InvalidRequest,
                "Idempotency-Key must be 1 to 255 visible ASCII characters.",
            )
        })?;
    let begun = gateway.begin(scope.0, scope.1, key, body).await;
    match begun.map_err(|trouble| Problem::of(trouble, gateway.now()))? {
        Begun::Fresh(ticket) => {
            let answer = first(Some(ticket.clone())).await;
            if !answer
                .as_ref()
                .is_ok_and(|response| response.status().is_success())
            {
                gateway.release(ticket).await;
            }
            answer
        }
        Begun::Replay(replay) => tell_again(gateway, access, &replay).await,
        Begun::InProgress => Err(Problem::new(
            Code::IdempotencyInProgress,
            "The first request with this Idempotency-Key still runs; repeat a little later.",
        )),
        Begun::Mismatch => Err(Problem::new(
            Code::IdempotencyMismatch,
            "This Idempotency-Key was used with another body; a new request needs a new key.",
        )),
    }
}

async fn tell_again(
    gateway: &Gateway,
    access: &Access,
    replay: &Replay,
) -> Result<HttpResponse, Problem> {
    let fault = |trouble| Problem::of(trouble, gateway.now());
    match replay {
        Replay::Verification { id, status, reused } => {
            let verification = gateway.find(access, *id).await.map_err(fault)?;
            Ok(super::verifications::answer(
                *status,
                &verification,
                *reused,
            ))
        }
        Replay::Check { .. } => match gateway.checked_again(access, replay).await.map_err(fault)? {
            Some(checked) => Ok(super::verifications::checked(checked)),
            None => Err(Problem::unavailable()),
        },
        Replay::Project { name, status } => {
            super::projects::tell_again(gateway, access, name, *status).await
        }
        Replay::Key { id, sealed } => super::keys::tell_again(gateway, access, *id, sealed).await,
        Replay::Webhook { id, status } => {
            super::webhooks::tell_again(gateway, access, *id, *status).await
        }
        Replay::Entry { id } => super::finance::balances::tell_again(gateway, *id).await,
        Replay::Delivery { id } => {
            super::webhooks::deliveries::tell_again(gateway, access, *id).await
        }
    }
}
