//! A site's own server, for the page's sign-up form: forwards its calls to the gateway with an API key, since a key does not
//! belong in a browser. Exactly the page's own calls are forwarded, see [`Call`].

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use uuid::Uuid;

use super::world::World;

/// The gateway that the simulator runs beside.
#[derive(Clone)]
pub struct Gateway {
    /// As others call it, without a trailing slash.
    pub url: String,
    /// Where it listens on this machine.
    pub address: SocketAddr,
    /// Anyone who can reach the page can use it: its scope should be `verify` alone.
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

/// One of the calls that the page makes. The address to call is built from this value, never from the text of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    PublicKeys,
    Start,
    Find(Uuid),
    Events(Uuid),
    Act(Uuid, &'static str),
}

impl Call {
    /// What a person can do with a verification.
    const ACTIONS: [&str; 3] = ["check", "resend", "cancel"];

    /// Reads a request target as it was sent, undecoded: an encoded character is in none of the page's addresses.
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
        return refuse(
            StatusCode::NOT_FOUND,
            "this simulator runs without a gateway",
        );
    };
    // Other sites' pages must not spend the key. A program sends no such header.
    let site = http.headers().get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return refuse(
            StatusCode::FORBIDDEN,
            "only the simulator's own page calls this",
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

/// Unbuffered: a stream of events stays one.
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

/// A fault in the shape of the gateway's own.
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
