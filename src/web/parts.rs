//! The fields of a `multipart/form-data` body (RFC 7578).

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::stream;

/// Why a body is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a valid multipart form")]
pub struct Broken;

/// Names and texts, in the order of the body; `None` for a field that is not a text. `None` as a whole: the body is of another type.
pub async fn read(
    request: &HttpRequest,
    body: &[u8],
) -> Option<Result<Vec<(String, Option<String>)>, Broken>> {
    let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = multer::parse_boundary(kind).ok()?;
    let whole = Bytes::copy_from_slice(body);
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(whole)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut fields = Vec::new();
    loop {
        match parts.next_field().await {
            Ok(None) => return Some(Ok(fields)),
            Ok(Some(part)) => {
                let name = part.name().map(str::to_owned);
                let Ok(bytes) = part.bytes().await else {
                    return Some(Err(Broken));
                };
                fields.extend(name.map(|name| (name, String::from_utf8(bytes.to_vec()).ok())));
            }
            Err(_) => return Some(Err(Broken)),
        }
    }
}
