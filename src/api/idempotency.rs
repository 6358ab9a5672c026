//! `Idempotency-Key`: the first request with a key runs, a repeat gets the answer of the first. Only successes are kept.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::problem::Problem;
use crate::gateway::{Begun, Gateway, Replay, Ticket};
use crate::verification::id::ProjectId;
use crate::web::once::{self, Claim};

/// Runs `first` unless the request repeats an earlier one; then `again` renders the kept answer. It is `None` for the answer of
/// another operation, which no repeat of this one can have.
///
/// `scope`: the project and the path that the key belongs to. A path that names a verification needs no project.
pub async fn once(
    gateway: &Gateway,
    scope: (Option<ProjectId>, &str),
    request: &HttpRequest,
    body: &[u8],
    first: impl AsyncFnOnce(Option<Ticket>) -> Result<HttpResponse, Problem>,
    again: impl AsyncFnOnce(Replay) -> Option<Result<HttpResponse, Problem>>,
) -> Result<HttpResponse, Problem> {
    let Some(key) = once::key(request)? else {
        return first(None).await;
    };
    let begun = gateway
        .idempotency()
        .begin(scope.0, scope.1, key, body)
        .await;
    let claim = match begun.map_err(|trouble| Problem::of(trouble, gateway.now()))? {
        Begun::Fresh(ticket) => Claim::Fresh(ticket),
        Begun::Replay(replay) => Claim::Repeat(replay),
        Begun::InProgress => Claim::StillRunning,
        Begun::Mismatch => Claim::KeyReused,
    };
    once::once(
        claim,
        async |ticket| gateway.release(ticket).await,
        async |ticket| first(Some(ticket)).await,
        async |replay| {
            again(replay)
                .await
                .unwrap_or_else(|| Err(Problem::unavailable()))
        },
    )
    .await
}

/// A JSON answer with the status of the first request.
pub fn answer(status: u16, body: &impl Serialize) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).json(body)
}
