//! Plays a site's server for the page's sign-up form: forwards its calls to the gateway with an API key, which does not
//! belong in a browser. Only the page's own calls are forwarded; to add one, extend [`Call`].

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use uuid::Uuid;

use super::world::World;

/// The gateway that the simulator runs with.
#[derive(Clone)]
pub struct Gateway {
    /// Public URL, without a trailing slash.
    pub url: String,
    /// Listening address on this machine.
    pub address: SocketAddr,
    /// Anyone who can reach the page can use this key, so it should have only the scope `verify`.
    pub api_key: String,
}

/// Omits the key.
impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("url", &self.url)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Request headers passed on to the gateway.
const HEADERS: [header::HeaderName; 4] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::HeaderName::from_static("last-event-id"),
    header::HeaderName::from_static("idempotency-key"),
];
/// Response headers passed back to the page.
const ANSWERED: [header::HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::RETRY_AFTER,
    header::HeaderName::from_static("x-request-id"),
];

/// Timeout of a forwarded call. An event stream normally ends with its verification; after a timeout the page
/// reconnects.
const LONGEST: Duration = Duration::from_hours(1);

/// A call that the page makes. The gateway URL is built from this value, never from the request's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    PublicKeys,
    Start,
    Find(Uuid),
    Events(Uuid),
    Act(Uuid, &'static str),
}

impl Call {
    /// A visitor's actions on a verification.
    const ACTIONS: [&str; 3] = ["check", "resend", "cancel"];

    /// Parses the raw request target. None of the page's URLs needs percent-encoding, so encoded ones do not match.
    fn read(method: &Method, path: &str, query: Option<&str>) -> Option<Self> {
        if query.is_some() {
            return None;
        }
        let parts: Vec<&str> = path.strip_prefix("/site/")?.split('/').collect();
        let id = |text: &str| Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
        match (method.as_str(), parts.as_slice()) {
            ("GET", [".well-known", "jwks.json"]) => Some(Self::PublicKeys),
            ("POST", ["v1", "verifications"]) => Some(Self::Start),
            ("GET", ["v1", "verifications", of]) => Some(Self::Find(id(of)?)),
            ("GET", ["v1", "verifications", of, "events"]) => Some(Self::Events(id(of)?)),
            ("POST", ["v1", "verifications", of, action]) => {
                let known = Self::ACTIONS.into_iter().find(|known| known == action)?;
                Some(Self::Act(id(of)?, known))
            }
            _ => None,
        }
    }

    fn path(self) -> String {
        match self {
            Self::PublicKeys => "/.well-known/jwks.json".to_owned(),
            Self::Start => "/v1/verifications".to_owned(),
            Self::Find(id) => format!("/v1/verifications/{id}"),
            Self::Events(id) => format!("/v1/verifications/{id}/events"),
            Self::Act(id, action) => format!("/v1/verifications/{id}/{action}"),
        }
    }
}

pub(super) async fn forward(world: Data<World>, http: HttpRequest, body: Bytes) -> HttpResponse {
    let Some(gateway) = &world.gateway else {
        return refuse(StatusCode::NOT_FOUND, "this simulator has no gateway");
    };
    // Other sites' pages must not use the key. Programs do not send this header.
    let site = http.headers().get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return refuse(
            StatusCode::FORBIDDEN,
            "only the simulator's own page may call this",
        );
    }
    let Some(call) = Call::read(http.method(), http.uri().path(), http.uri().query()) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "only the calls of the simulator's own page are forwarded",
        );
    };
    let url = format!("http://{}{}", gateway.address, call.path());
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

/// Streams the body, so that events arrive as they happen.
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

/// An error in the gateway's own format (`application/problem+json`).
pub(super) fn refuse(status: StatusCode, detail: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("application/problem+json")
        .json(serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
            "code": if status == StatusCode::FORBIDDEN { "forbidden" } else { "not_found" },
        }))
}
