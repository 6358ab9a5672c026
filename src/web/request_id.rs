//! Every request has an id and a place in a trace, and ends in time; every answer carries `x-request-id` and the headers that
//! protect its reader.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use tracing::Instrument;

use super::account::Account;
use super::fault::{Fault, Kind, Render};
use crate::secret::random;
use crate::trace::{self, Context, Stage, TraceId, Tracer};

/// More than twice as long as any handler waits.
const LONGEST: Duration = Duration::from_secs(30);

static NAME: HeaderName = HeaderName::from_static("x-request-id");

/// Keeps the caller's id when it is a plain word, else makes one, and the caller's trace when it is well-formed. `face` renders
/// the answer to a request that does not arrive in time.
pub async fn tag<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
    face: Face,
    tracer: Option<Tracer>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let parent = parent(request.headers());
    let given = request
        .headers()
        .get(&NAME)
        .filter(|value| is_plain(value))
        .cloned();
    let is_given = given.is_some();
    let (id, new) = match given {
        Some(id) => (
            id,
            TraceId(if parent.is_some() { [0; 16] } else { random() }),
        ),
        None => made(),
    };
    let shown = match &parent {
        Some(parent) => Some(parent.trace.to_string()),
        None => is_given.then(|| new.to_string()),
    };
    let request_id = id.to_str().unwrap_or_default();
    // A trace that begins with a new id has the same.
    let trace_id = shown.as_deref().unwrap_or(request_id);
    // At the level of errors, so that every line that is logged meanwhile names the request.
    let span = tracing::error_span!(target: "pinroute::span", "request", request_id, trace_id, method = %request.method());
    let (stage, context) = match &tracer {
        Some(tracer) => {
            let (stage, context) = tracer.request(parent.as_ref(), new);
            (stage, Some(context))
        }
        None => (Stage::none(), parent),
    };
    if let Some(context) = context {
        trace::adopt(&span, context);
    }
    let account = Account::open(&request, face.name, stage);
    // A live stream is answered at once and outlives this; a body that never ends does not.
    let answered = tokio::time::timeout(LONGEST, next.call(request).instrument(span.clone())).await;
    let answered = answered.unwrap_or_else(|_| {
        Err(Error::from(Late {
            id: id.clone(),
            render: face.render,
        }))
    });
    let mut response = match answered {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => {
            if let Some(account) = account {
                let status = error.as_response_error().status_code();
                account.close(status, None, request_id, trace_id);
            }
            return Err(error);
        }
    };
    let status = response.status();
    match account {
        Some(account) => account.close(status, Some(response.request()), request_id, trace_id),
        None => span.in_scope(|| {
            // The route's pattern, never the path: a callback's path contains a token.
            tracing::debug!(
                status = status.as_u16(),
                route = response
                    .request()
                    .match_pattern()
                    .as_deref()
                    .unwrap_or("none"),
                "answered"
            );
        }),
    }
    response.headers_mut().insert(NAME.clone(), id);
    protect(response.headers_mut());
    if status.is_server_error() {
        metrics::counter!("pinroute_http_errors_total", "status" => status.as_u16().to_string())
            .increment(1);
    }
    Ok(response)
}

/// The face that a request is for.
#[derive(Clone, Copy)]
pub struct Face {
    pub name: &'static str,
    pub render: Render,
}

/// The caller's place in a trace.
fn parent(headers: &HeaderMap) -> Option<Context> {
    static PARENT: HeaderName = HeaderName::from_static("traceparent");
    static STATE: HeaderName = HeaderName::from_static("tracestate");
    headers.get(&PARENT)?;
    let values = |name| headers.get_all(name).map(HeaderValue::as_bytes);
    Context::read(values(&PARENT), values(&STATE))
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

/// A new id, as digits and as bytes.
fn made() -> (HeaderValue, TraceId) {
    let id = random();
    let digits = format!("{:032x}", u128::from_be_bytes(id));
    let value = HeaderValue::from_str(&digits).unwrap_or_else(|_| HeaderValue::from_static("-"));
    (value, TraceId(id))
}
