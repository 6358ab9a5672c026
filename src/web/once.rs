//! Requests that take effect once: the first one with a key runs, a repeat gets the answer of the first.
//!
//! Where keys are claimed and kept is the face's matter; here is what each outcome of a claim means.

use actix_web::HttpRequest;

use super::fault::{Fault, Kind};

const LONGEST_KEY: usize = 255;

/// The outcome of a claim. `T` releases the claim, `R` repeats the answer.
#[derive(Debug)]
pub enum Claim<T, R> {
    /// The key is new.
    Fresh(T),
    /// The same request succeeded before.
    Repeat(R),
    /// The first request with the key is still running.
    StillRunning,
    /// The key was used with another body.
    KeyReused,
}

/// The `Idempotency-Key` of a request, if it has one.
pub fn key(request: &HttpRequest) -> Result<Option<&str>, Fault> {
    let Some(key) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().ok();
    let key = key.filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    key.map(Some).ok_or_else(|| {
        Fault::new(
            Kind::Invalid,
            "Idempotency-Key must be 1 to 255 visible ASCII characters.",
        )
    })
}

/// Runs `first` under a fresh claim, which is released unless it succeeds; a repeat runs `again`.
pub async fn once<T: Clone, R, A, E: From<Fault>>(
    claim: Claim<T, R>,
    release: impl AsyncFnOnce(T),
    first: impl AsyncFnOnce(T) -> Result<A, E>,
    again: impl AsyncFnOnce(R) -> Result<A, E>,
) -> Result<A, E> {
    match claim {
        Claim::Fresh(ticket) => {
            let answer = first(ticket.clone()).await;
            if answer.is_err() {
                release(ticket).await;
            }
            answer
        }
        Claim::Repeat(kept) => again(kept).await,
        Claim::StillRunning => Err(E::from(Fault::new(
            Kind::StillRunning,
            "The first request with this Idempotency-Key is still running; retry shortly.",
        ))),
        Claim::KeyReused => Err(E::from(Fault::new(
            Kind::KeyReused,
            "This Idempotency-Key was used with another body; a new request needs a new key.",
        ))),
    }
}
