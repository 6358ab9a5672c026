//! Problem details (RFC 9457), for the faces that answer faults in this shape.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use serde::Serialize;

use super::fault::{Challenge, Fault, Kind};

pub const CONTENT_TYPE: &str = "application/problem+json";

/// Names the kind of a fault: a URN that ends with its code.
pub const TYPE: &str = "urn:pinroute:problem:";

/// Status, code and title of a fault of the kit.
#[rustfmt::skip]
#[must_use]
pub fn row(kind: &Kind) -> (u16, &'static str, &'static str) {
    match kind {
        Kind::Unauthorized(_)      => (401, "unauthorized",            "Missing or invalid API key"),
        Kind::Invalid              => (400, "invalid_request",         "Invalid request"),
        Kind::NotFound             => (404, "not_found",               "Not found"),
        Kind::MethodNotAllowed(_)  => (405, "method_not_allowed",      "Method not allowed"),
        Kind::Timeout              => (408, "request_timeout",         "Request timed out"),
        Kind::TooLarge             => (413, "payload_too_large",       "Request body too large"),
        Kind::UnsupportedMediaType => (415, "unsupported_media_type",  "Unsupported content type or encoding"),
        Kind::StillRunning         => (409, "idempotency_in_progress", "First request with this Idempotency-Key still running"),
        Kind::KeyReused            => (422, "idempotency_mismatch",    "Idempotency-Key reused with another body"),
        Kind::Unavailable          => (503, "service_unavailable",     "Service unavailable"),
        Kind::Internal             => (500, "internal_error",          "Internal error"),
    }
}

/// The headers that HTTP asks for with some faults.
pub fn headers(response: &mut HttpResponse, kind: &Kind) {
    match kind {
        Kind::Unauthorized(challenge) => add_headers(response, Some(*challenge), None, None),
        Kind::MethodNotAllowed(allow) => add_headers(response, None, None, Some(allow)),
        Kind::Unavailable => add_headers(response, None, Some(1), None),
        _ => {}
    }
}

/// `WWW-Authenticate`, `Retry-After` in seconds, and `Allow`, as far as they are given.
pub fn add_headers(
    response: &mut HttpResponse,
    challenge: Option<Challenge>,
    retry_after: Option<u64>,
    allow: Option<&str>,
) {
    let headers = response.headers_mut();
    if let Some(challenge) = challenge {
        headers.insert(header::WWW_AUTHENTICATE, challenge.header());
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = allow.and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(header::ALLOW, allow);
    }
}

/// Writes a body of a problem with its media type.
pub fn written(status: u16, body: &impl Serialize) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status).json(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

/// A problem without members of its own.
#[must_use]
pub fn plain(status: u16, code: &'static str, title: &'static str, detail: &str) -> HttpResponse {
    let body = Body {
        kind: format!("{TYPE}{code}"),
        title,
        status,
        detail,
        code,
    };
    written(status, &body)
}

/// A fault of the kit as a problem, for a face that adds nothing of its own.
#[must_use]
pub fn render(fault: &Fault) -> HttpResponse {
    let (status, code, title) = row(&fault.kind);
    let mut response = plain(status, code, title, &fault.detail);
    headers(&mut response, &fault.kind);
    response
}
