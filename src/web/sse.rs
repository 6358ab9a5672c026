//! Live streams to clients: server-sent events (WHATWG HTML, section 9.2).

use std::convert::Infallible;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::Stream;

pub const CONTENT_TYPE: &str = "text/event-stream";

/// Keeps a proxy from closing the connection.
pub const COMMENT: &str = ": still here\n\n";

/// One event. `data` is a single line.
#[must_use]
pub fn event(id: u32, kind: &str, data: &str) -> String {
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n")
}

/// How long a client waits before it connects again.
#[must_use]
pub fn retry(milliseconds: u32) -> String {
    format!("retry: {milliseconds}\n\n")
}

/// Whether `Accept` names the type, and not with a weight of nothing.
#[must_use]
pub fn wants_stream(request: &HttpRequest) -> bool {
    text(request, header::ACCEPT.as_str()).is_some_and(|accept| {
        accept.split(',').any(|range| {
            let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
            let refused = matches!(parameters.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            kind.trim().eq_ignore_ascii_case(CONTENT_TYPE) && !refused
        })
    })
}

/// The last event that the client has; 0 without one.
#[must_use]
pub fn last_event_id(request: &HttpRequest) -> u32 {
    let last = text(request, "last-event-id");
    last.and_then(|id| id.trim().parse().ok()).unwrap_or(0)
}

/// Ends the stream: a browser's `EventSource` does not reconnect after this status (HTML standard, 9.2.3).
#[must_use]
pub fn over() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// Answers with a stream of events.
pub fn stream(lines: impl Stream<Item = Result<Bytes, Infallible>> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(CONTENT_TYPE)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "accept"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(Box::pin(lines))
}

fn text<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}
