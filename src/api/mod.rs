//! The API: which address does what, who may call it, and how faults read.
//!
//! To add an address: a line in [`routes`], a handler in the file of its resource, its line in `openapi`.

mod callbacks;
mod caller;
mod finance;
mod idempotency;
mod input;
mod keys;
mod messages;
mod openapi;
mod problem;
mod projects;
mod request_id;
mod service;
mod verifications;
mod webhooks;

use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, Resource, Route, guard, web};
use tokio_util::sync::CancellationToken;

pub use openapi::document;
pub use service::Metrics;
pub use verifications::json as verification_json;

use crate::dashboard;
use crate::gateway::Gateway;
use problem::{Code, Problem};

/// What the servers are told once.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that answer requests.
    pub workers: usize,
    /// How long requests in flight may take at shutdown.
    pub grace: std::time::Duration,
    /// Said on every page and in `/readyz`.
    pub sandbox: bool,
    /// The pages for people.
    pub dashboard: dashboard::Options,
    /// Renders `/metrics`.
    pub metrics: Metrics,
    /// Metrics have a listener of their own.
    pub metrics_elsewhere: bool,
}

/// Serves the API on a bound listener. `stop` ends live streams.
pub fn serve(
    listener: std::net::TcpListener,
    gateway: Gateway,
    options: Options,
    stop: CancellationToken,
) -> std::io::Result<actix_web::dev::Server> {
    let (workers, grace) = (options.workers, options.grace.as_secs() + 1);
    let server = HttpServer::new(move || {
        let metrics_here = !options.metrics_elsewhere;
        App::new()
            .app_data(web::Data::new(gateway.clone()))
            .app_data(web::Data::new(stop.clone()))
            .app_data(web::Data::new(options.clone()))
            .app_data(web::PayloadConfig::new(input::BODY_LIMIT))
            .wrap(from_fn(request_id::tag))
            .configure(routes)
            .configure(dashboard::routes(options.dashboard.clone()))
            .configure(move |config| {
                if metrics_here {
                    config.service(only("/metrics", "GET, HEAD").route(get().to(service::metrics)));
                }
            })
            .default_service(web::to(|| async { not_found() }))
    });
    Ok(server
        .workers(workers)
        .shutdown_timeout(grace)
        .disable_signals()
        .listen(listener)?
        .run())
}

/// Serves nothing but `/metrics`.
pub fn serve_metrics(
    listener: std::net::TcpListener,
    options: Options,
) -> std::io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(options.clone()))
            .service(only("/metrics", "GET, HEAD").route(get().to(service::metrics)))
            .default_service(web::to(|| async { not_found() }))
    });
    Ok(server
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)?
        .run())
}

/// The URL map.
#[rustfmt::skip]
fn routes(config: &mut web::ServiceConfig) {
    use finance::{balances, budgets, exchange_rates, ledger, rates, reports, unsettled};
    use verifications as v;
    use webhooks as w;
    config
        .service(only("/v1/verifications", "GET, HEAD, POST").route(get().to(v::find::list)).route(web::post().to(v::start::start)))
        .service(only("/v1/verifications/{id}", "GET, HEAD").route(get().to(v::find::find)))
        .service(only("/v1/verifications/{id}/check", "POST").route(web::post().to(v::check::check)))
        .service(only("/v1/verifications/{id}/resend", "POST").route(web::post().to(v::resend::resend)))
        .service(only("/v1/verifications/{id}/cancel", "POST").route(web::post().to(v::cancel::cancel)))
        .service(only("/v1/verifications/{id}/events", "GET, HEAD").route(get().to(v::events::events)))
        .service(only("/v1/messages/preview", "POST").route(web::post().to(messages::preview)))
        .service(only("/v1/projects", "GET, HEAD, POST").route(get().to(projects::list)).route(web::post().to(projects::create)))
        .service(only("/v1/projects/{name}", "GET, HEAD, PATCH").route(get().to(projects::find)).route(web::patch().to(projects::change)))
        .service(only("/v1/keys", "GET, HEAD, POST").route(get().to(keys::list)).route(web::post().to(keys::create)))
        .service(only("/v1/keys/{id}", "DELETE").route(web::delete().to(keys::revoke)))
        .service(only("/v1/webhooks", "GET, HEAD, POST").route(get().to(w::list)).route(web::post().to(w::create)))
        .service(only("/v1/webhooks/{id}", "DELETE, GET, HEAD").route(get().to(w::find)).route(web::delete().to(w::delete)))
        .service(only("/v1/webhooks/{id}/rotate", "POST").route(web::post().to(w::rotate)))
        .service(only("/v1/webhooks/{id}/test", "POST").route(web::post().to(w::deliveries::test)))
        .service(only("/v1/webhooks/{id}/deliveries", "GET, HEAD").route(get().to(w::deliveries::list)))
        .service(only("/v1/webhooks/{id}/deliveries/{delivery}/redeliver", "POST").route(web::post().to(w::deliveries::redeliver)))
        .service(only("/v1/ledger", "GET, HEAD").route(get().to(ledger::ledger)))
        .service(only("/v1/ledger/unsettled", "GET, HEAD").route(get().to(unsettled::list)))
        .service(only("/v1/reports/costs", "GET, HEAD").route(get().to(reports::costs)))
        .service(only("/v1/reports/conversion", "GET, HEAD").route(get().to(reports::conversion)))
        .service(only("/v1/exchange-rates", "GET, HEAD, PUT").route(get().to(exchange_rates::list)).route(web::put().to(exchange_rates::put)))
        .service(only("/v1/rates", "GET, HEAD, PUT").route(get().to(rates::list)).route(web::put().to(rates::put)))
        .service(only("/v1/budgets", "GET, HEAD, PUT").route(get().to(budgets::list)).route(web::put().to(budgets::put)))
        .service(only("/v1/balances", "GET, HEAD").route(get().to(balances::list)))
        .service(only("/v1/balances/{provider}/top-ups", "POST").route(web::post().to(balances::top_up)))
        .service(only("/v1/balances/{provider}/adjustments", "POST").route(web::post().to(balances::adjust)))
        .service(only("/callbacks/{provider}", "POST").route(web::post().to(callbacks::signed)))
        .service(only("/callbacks/{provider}/{token}", "GET, POST").route(web::get().to(callbacks::by_token_in_get)).route(web::post().to(callbacks::by_token)))
        .service(only("/.well-known/jwks.json", "GET, HEAD").route(get().to(service::jwks)))
        .service(only("/livez", "GET, HEAD").route(get().to(service::livez)))
        .service(only("/readyz", "GET, HEAD").route(get().to(service::readyz)))
        .service(only("/openapi.json", "GET, HEAD").route(get().to(service::openapi)))
        .service(only("/docs", "GET, HEAD").route(get().to(service::docs)))
        .service(only("/", "GET, HEAD").route(get().to(service::root)))
        .service(service::swagger());
}

/// GET, and HEAD with it (RFC 9110, section 9.1).
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// An address that answers any other method with 405 and what it takes; OPTIONS with the same list.
fn only(path: &'static str, allow: &'static str) -> Resource {
    let options = move || async move {
        HttpResponse::NoContent()
            .insert_header((header::ALLOW, allow))
            .finish()
    };
    let other = move || async move { Err::<&str, _>(Problem::method_not_allowed(allow)) };
    web::resource(path)
        .route(web::method(Method::OPTIONS).to(options))
        .default_service(web::to(other))
}

fn not_found() -> Result<&'static str, Problem> {
    Err(Problem::new(
        Code::NotFound,
        "Nothing is at this address; /docs lists what there is.",
    ))
}
