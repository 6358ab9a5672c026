//! Every answer carries `x-request-id`, and every framework fault leaves as a problem.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use tracing::Instrument;

use super::problem::{Code, Problem};
use crate::secret::random;

/// Twice over what any handler waits for.
const LONGEST: Duration = Duration::from_secs(30);

static NAME: HeaderName = HeaderName::from_static("x-request-id");

/// Takes the caller's id over when it is a plain word, else makes one.
pub async fn tag<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let given = request
        .headers()
        .get(&NAME)
        .filter(|value| is_plain(value))
        .cloned();
    let id = given.unwrap_or_else(made);
    let span = tracing::debug_span!("request", id = id.to_str().unwrap_or_default(), method = %request.method());
    // A live stream is answered at once and goes on beyond this; a body that never ends does not.
    let answered = tokio::time::timeout(LONGEST, next.call(request).instrument(span.clone())).await;
    let mut response = answered
        .map_err(|_| Late(id.clone()))??
        .map_into_boxed_body();
    if let Some(problem) = unread(&response) {
        response = ServiceResponse::new(response.request().clone(), problem.error_response());
    }
    response.headers_mut().insert(NAME.clone(), id);
    protect(response.headers_mut());
    let status = response.status().as_u16();
    // The route's pattern, never the path: a callback's holds a token.
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

/// The request did not arrive in time. Its answer is made by the framework, so it brings its headers along.
#[derive(Debug, thiserror::Error)]
#[error("the request did not arrive in time")]
struct Late(HeaderValue);

impl ResponseError for Late {
    fn status_code(&self) -> StatusCode {
        StatusCode::REQUEST_TIMEOUT
    }

    fn error_response(&self) -> HttpResponse {
        let detail = format!("The request did not arrive within {} s.", LONGEST.as_secs());
        let mut response = Problem::new(Code::RequestTimeout, detail).error_response();
        response.headers_mut().insert(NAME.clone(), self.0.clone());
        protect(response.headers_mut());
        response
    }
}

/// Numbers and proofs stay out of caches, and pages out of frames; what a handler says itself stands.
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

/// The framework's own faults have no problem body yet.
fn unread(response: &ServiceResponse<BoxBody>) -> Option<Problem> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    // A page of the dashboard says it in its own words.
    let ours = kind.is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/problem+json") || kind.starts_with(b"text/html")
    });
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    Some(match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            Code::PayloadTooLarge,
            format!(
                "A body may have {} bytes at most.",
                super::input::BODY_LIMIT
            ),
        ),
        StatusCode::NOT_FOUND => Problem::new(
            Code::NotFound,
            "Nothing is at this address; /docs lists what there is.",
        ),
        status if status.is_client_error() => {
            Problem::new(Code::InvalidRequest, "The request cannot be read.")
        }
        _ => Problem::unavailable(),
    })
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
