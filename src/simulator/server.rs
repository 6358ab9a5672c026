//! Routes, and the virtual phones as JSON.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{HttpServiceFactory, Server};
use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Route};
use serde::Serialize;

use super::assets::ASSETS;
use super::numbers::{self, Number};
use super::world::{World, lock};
use super::{host, live, site, sms, telegram};

const LARGEST_BODY: usize = 64 * 1024;

pub(super) fn run(listener: TcpListener, world: Arc<World>) -> io::Result<Server> {
    let world = Data::from(world);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(world.clone())
            .app_data(web::PayloadConfig::new(LARGEST_BODY))
            .wrap(from_fn(host::of_this_network))
            .configure(routes)
    })
    .workers(1)
    .disable_signals()
    .keep_alive(Duration::from_secs(75))
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    Ok(server)
}

fn routes(config: &mut ServiceConfig) {
    for asset in &ASSETS {
        let answer = async || asset.answer();
        config.service(by_our_name(asset.path, web::get().to(answer)));
    }
    config
        .service(by_our_name("/live", web::get().to(live::events)))
        .service(by_our_name("/site/{path:.*}", web::to(site::forward)))
        .service(by_our_name("/settings", web::get().to(settings)))
        .service(by_our_name("/pauses", web::get().to(pauses)))
        .service(by_our_name(
            "/without-telegram",
            web::post().to(without_telegram),
        ))
        .route("/livez", web::get().to(livez))
        .route("/phones", web::get().to(phones))
        .route("/phones/{number}/messages", web::get().to(messages))
        .route("/sms/send", web::get().to(send_sms))
        .route("/sms/send", web::post().to(send_sms))
        .default_service(web::to(call_telegram));
}

/// A route for the page alone, restricted to our own host names; see [`host`].
fn by_our_name(path: &'static str, route: Route) -> impl HttpServiceFactory {
    web::resource(path)
        .wrap(from_fn(host::of_this_machine))
        .route(route)
}

async fn pauses(world: Data<World>) -> HttpResponse {
    listed(live::pauses(&world).await)
}

/// From now on the numbers that begin so have no Telegram: `{"prefix":"+99890778"}`.
async fn without_telegram(
    world: Data<World>,
    http: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    let body = match readable(&http, body) {
        Ok(body) => body,
        Err((status, error)) => {
            return HttpResponse::build(status).json(serde_json::json!({ "error": error }));
        }
    };
    let read: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let prefix = read.as_ref().and_then(|read| read["prefix"].as_str());
    let digits = prefix.and_then(|prefix| prefix.strip_prefix('+'));
    match digits.filter(|digits| {
        (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    }) {
        Some(digits) => {
            lock(&world.without_telegram).insert(digits.to_owned());
            HttpResponse::NoContent().finish()
        }
        None => HttpResponse::BadRequest().json(
            serde_json::json!({ "error": "prefix: must be a plus sign and up to 15 digits" }),
        ),
    }
}

async fn send_sms(
    world: Data<World>,
    http: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    match readable(&http, body) {
        Ok(body) => sms::answer(&world, &http, &body),
        Err((status, error)) => HttpResponse::build(status)
            .json(serde_json::json!({ "status": "error", "error": error })),
    }
}

async fn call_telegram(
    world: Data<World>,
    http: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    match readable(&http, body) {
        Ok(body) => telegram::answer(&world.into_inner(), &http, &body).await,
        Err((status, error)) => {
            HttpResponse::build(status).json(serde_json::json!({ "ok": false, "error": error }))
        }
    }
}

/// The body, unless it is too large or incomplete, or another site's page made a browser send it: the simulator needs
/// no key, so other sites must not be able to trigger its requests.
fn readable(
    http: &HttpRequest,
    body: Result<Bytes, actix_web::Error>,
) -> Result<Bytes, (StatusCode, &'static str)> {
    let site = http.headers().get("sec-fetch-site");
    if site.is_some_and(|site| site == "cross-site") {
        return Err((StatusCode::FORBIDDEN, "CROSS_SITE_REQUEST"));
    }
    body.map_err(|error| match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => (StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE"),
        _ => (StatusCode::BAD_REQUEST, "BODY_UNREADABLE"),
    })
}

async fn messages(world: Data<World>, path: web::Path<String>) -> HttpResponse {
    // The router leaves `%2B` encoded, because `+` is a reserved character.
    let given = path.into_inner();
    let digits = given
        .strip_prefix("%2B")
        .or_else(|| given.strip_prefix("%2b"))
        .unwrap_or(&given);
    let Some(number) = Number::parse(digits) else {
        return HttpResponse::BadRequest()
            .content_type("application/problem+json")
            .json(serde_json::json!({
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": "not an E.164 phone number: + and 7 to 15 digits",
                "code": "invalid_request",
            }));
    };
    let items = lock(&world.phones).arrived(number, world.clock.now());
    listed(items)
}

async fn phones(world: Data<World>) -> HttpResponse {
    let items = lock(&world.phones).recent(world.clock.now());
    listed(items)
}

fn listed<T: Serialize>(items: T) -> HttpResponse {
    #[derive(Serialize)]
    struct Items<T> {
        items: T,
    }
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(Items { items })
}

async fn settings(world: Data<World>) -> HttpResponse {
    #[derive(Serialize)]
    struct Settings<'a> {
        gateway_url: Option<&'a str>,
        /// The page shows it in `curl` lines. It is a sandbox key and opens nothing real.
        api_key: Option<&'a str>,
        numbers: Vec<numbers::Row>,
    }
    let gateway = world.gateway.as_ref();
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(Settings {
            gateway_url: gateway.map(|gateway| gateway.url.as_str()),
            api_key: gateway.map(|gateway| gateway.api_key.as_str()),
            numbers: numbers::table(),
        })
}

async fn livez() -> &'static str {
    "ok"
}
