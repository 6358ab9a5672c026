//! Answers that are saved as a file.

use std::error::Error;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::{Stream, TryStreamExt};

/// A CSV file (RFC 4180) of this name, sent as its parts come.
pub fn csv<E: Into<Box<dyn Error>> + 'static>(
    name: &str,
    parts: impl Stream<Item = Result<String, E>> + 'static,
) -> HttpResponse {
    let name = format!("attachment; filename=\"{name}\"");
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(Box::pin(parts.map_ok(Bytes::from)))
}
