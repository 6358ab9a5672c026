//! A site's own server, for the page's sign-up form: passes its calls on to the gateway with the API key, since a key never
//! lives in a browser. Only verifications and the public keys are passed on.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::world::World;

/// The gateway that the simulator runs beside.
#[derive(Clone)]
pub struct Gateway {
    /// As others call it, without a trailing slash.
    pub url: String,
    /// Where it listens on this machine.
    pub address: SocketAddr,
    pub api_key: String,
}

/// Without the key.
impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("url", &self.url)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What the gateway is told of a request besides its body, and what the page is told of the answer besides its.
const HEADERS: [header::HeaderName; 4] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::HeaderName::from_static("last-event-id"),
    header::HeaderName::from_static("idempotency-key"),
];
const ANSWERED: [header::HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::RETRY_AFTER,
    header::HeaderName::from_static("x-request-id"),
];

/// A stream of events lives as long as its verification, or is taken up again.
const LONGEST: Duration = Duration::from_hours(1);

pub(super) async fn forward(
    world: Data<World>,
    http: HttpRequest,
    path: Path<String>,
    body: Bytes,
) -> HttpResponse {
    let Some(gateway) = &world.gateway else {
        return refuse(
            StatusCode::NOT_FOUND,
            "this simulator runs without a gateway",
        );
    };
    // Other sites' pages must not spend the key; where a browser says nothing, it is none.
    let site = http.headers().get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return refuse(
            StatusCode::FORBIDDEN,
            "only the simulator's own page calls this",
        );
    }
    if !is_passed_on(http.method(), &path) {
        return refuse(
            StatusCode::NOT_FOUND,
            "only verifications and the public keys are passed on",
        );
    }
    let query = match http.query_string() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    let url = format!("http://{}/{path}{query}", gateway.address);
    let mut request = match *http.method() {
        Method::POST => world.outbound.post(url).body(body),
        _ => world.outbound.get(url),
    };
    request = request.timeout(LONGEST).bearer_auth(&gateway.api_key);
    for name in HEADERS {
        if let Some(value) = http.headers().get(&name) {
            request = request.header(name.as_str(), value.as_bytes());
        }
    }
    match request.send().await {
        Ok(answer) => pass_back(answer),
        Err(_) => refuse(StatusCode::BAD_GATEWAY, "the gateway does not answer"),
    }
}

fn is_passed_on(method: &Method, path: &str) -> bool {
    let verification = path
        .strip_prefix("v1/verifications")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match *method {
        Method::GET => verification || path == ".well-known/jwks.json",
        Method::POST => verification,
        _ => false,
    }
}

/// As it comes: a stream of events stays one.
fn pass_back(answer: reqwest::Response) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut back = HttpResponse::build(status);
    for name in ANSWERED {
        if let Some(value) = answer.headers().get(name.as_str()) {
            back.insert_header((name, value.as_bytes()));
        }
    }
    if status == StatusCode::NO_CONTENT {
        return back.finish();
    }
    let pieces = stream::try_unfold(answer, async |mut answer| {
        let piece = answer.chunk().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, answer)))
    });
    back.streaming(Box::pin(pieces))
}

/// As the gateway's own faults read.
fn refuse(status: StatusCode, detail: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("application/problem+json")
        .json(serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
            "code": "not_found",
        }))
}
