//! Every answer carries `x-request-id` and the headers that protect its reader; every request ends in time.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use tracing::Instrument;

use super::fault::{Fault, Kind, Render};
use crate::secret::random;

/// More than twice as long as any handler waits.
const LONGEST: Duration = Duration::from_secs(30);

static NAME: HeaderName = HeaderName::from_static("x-request-id");

/// Keeps the caller's id when it is a plain word, else makes one. `render` is the face's: it answers a request that does not
/// arrive in time.
pub async fn tag<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
    render: Render,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let given = request
        .headers()
        .get(&NAME)
        .filter(|value| is_plain(value))
        .cloned();
    let id = given.unwrap_or_else(made);
    // At the level of errors, so that every line that is logged meanwhile names the request.
    let span = tracing::error_span!("request", request_id = id.to_str().unwrap_or_default(), method = %request.method());
    // A live stream is answered at once and outlives this; a body that never ends does not.
    let answered = tokio::time::timeout(LONGEST, next.call(request).instrument(span.clone())).await;
    let mut response = answered
        .map_err(|_| Late {
            id: id.clone(),
            render,
        })??
        .map_into_boxed_body();
    response.headers_mut().insert(NAME.clone(), id);
    protect(response.headers_mut());
    let status = response.status().as_u16();
    // The route's pattern, never the path: a callback's path contains a token.
    let route = response.request().match_pattern();
    span.in_scope(|| {
        tracing::debug!(
            status,
            route = route.as_deref().unwrap_or("none"),
            "answered"
        );
    });
    if response.status().is_server_error() {
        metrics::counter!("pinroute_http_errors_total", "status" => status.to_string())
            .increment(1);
    }
    Ok(response)
}

/// The request did not arrive in time. The framework answers it, so it brings its headers along.
#[derive(Debug, thiserror::Error)]
#[error("the request did not arrive in time")]
struct Late {
    id: HeaderValue,
    render: Render,
}

impl ResponseError for Late {
    fn status_code(&self) -> StatusCode {
        StatusCode::REQUEST_TIMEOUT
    }

    fn error_response(&self) -> HttpResponse {
        let detail = format!("The request did not arrive within {} s.", LONGEST.as_secs());
        let mut response = (self.render)(&Fault::new(Kind::Timeout, detail));
        response.headers_mut().insert(NAME.clone(), self.id.clone());
        protect(response.headers_mut());
        response
    }
}

/// Keeps numbers and proofs out of caches, and pages out of frames. A header that a handler sets itself is kept.
fn protect(headers: &mut HeaderMap) {
    const PAGE: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, PAGE),
        (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (
            header::PERMISSIONS_POLICY,
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

fn is_plain(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

fn made() -> HeaderValue {
    let id = format!("{:032x}", u128::from_be_bytes(random()));
    HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("-"))
}
