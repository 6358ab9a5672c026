//! Our REST API: its URL map, who may call what, its faults, its OpenAPI document.
//!
//! To add an operation: a handler in the file of its resource, its line in the URL map below (which gives the route, the methods
//! of its address and its place in the document), its row in `openapi/problems.rs` and its example in `openapi/examples/`.

mod audit;
mod body;
mod caller;
mod code;
mod finance;
mod forms;
mod guard;
mod idempotency;
mod integrations;
mod keys;
mod messages;
mod openapi;
mod page;
mod problem;
mod projects;
mod service;
mod subjects;
mod values;
mod verifications;
mod webhooks;

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

pub use service::Metrics;
pub use values::moment;
pub use verifications::json as verification_json;

use crate::gateway::Gateway;
use crate::web::{Address, Mount};
use finance::{balances, budgets, exchange_rates, ledger, rates, reports, unsettled};
use openapi::conventions::{Conventions, mark_sandbox, written};
use openapi::examples::Examples;
use openapi::problems::Problems;
use openapi::{callbacks, sets};
use problem::ProblemBody;
use service::{Document, Draining, Sandbox};
use verifications as v;
use webhooks as w;

/// The API's needs besides the gateway.
#[derive(Clone, Debug)]
pub struct Options {
    /// In a sandbox, the URL of the virtual phones, which the document links to. `None` on a live server.
    pub sandbox: Option<String>,
    /// Renders `/metrics`; `None` where metrics have a listener of their own.
    pub metrics: Option<Metrics>,
    /// From its cancellation on, the service says that it is not ready.
    pub draining: CancellationToken,
    /// Ends live streams.
    pub stop: CancellationToken,
}

/// The API: every address that no other face has.
#[must_use]
pub fn mount(gateway: Gateway, options: Options) -> Mount {
    let sandbox = Data::new(Sandbox(options.sandbox.is_some()));
    let document = Data::new(Document::new(match options.sandbox {
        Some(phones) => Box::new(move || sandbox_document(&phones)),
        None => Box::new(document),
    }));
    let draining = Data::new(Draining(options.draining));
    let (gateway, stop) = (Data::new(gateway), Data::new(options.stop));
    let metrics = options.metrics.map(metrics);
    Mount {
        prefix: "",
        routes: Arc::new(move |config| {
            config
                .app_data(gateway.clone())
                .app_data(document.clone())
                .app_data(sandbox.clone())
                .app_data(draining.clone())
                .app_data(stop.clone())
                .configure(addresses);
            if let Some(metrics) = &metrics {
                (metrics.routes)(config);
            }
        }),
        render: problem::render,
    }
}

/// `/metrics` and nothing else.
#[must_use]
pub fn metrics(metrics: Metrics) -> Mount {
    let metrics = Data::new(metrics);
    Mount {
        prefix: "",
        routes: Arc::new(move |config| {
            let address = Address::new("/metrics", problem::render);
            config
                .app_data(metrics.clone())
                .service(address.get(service::metrics));
        }),
        render: problem::render,
    }
}

/// Makes routes and the list of documented handlers from one table. Handlers after `document` are only described here: their
/// addresses are mounted elsewhere.
macro_rules! url_map {
    (
        $($path:literal { $($method:ident $($handler:ident)::+),+ })+
        undocumented $($hidden:literal $($page:ident)::+;)+
        document $($($described:ident)::+,)+
    ) => {
        fn addresses(config: &mut ServiceConfig) {
            let at = |path| Address::new(path, problem::render);
            config
                $(.service(at($path)$(.$method($($handler)::+))+))+
                $(.service(at($hidden).get($($page)::+)))+;
        }

        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Pinroute",
                description = include_str!("openapi/description.md"),
                license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
            ),
            paths($($($($handler)::+,)+)+ $($($described)::+,)+),
            components(schemas(
                ProblemBody, sets::VerificationStatus, sets::LedgerKind
            )),
            tags(
                (name = "Verifications", description = "Prove that a visitor owns a phone number. Scope `verify`."),
                (name = "Projects", description = "Projects, their policies and their keys. Scope `admin`."),
                (name = "Webhooks", description = "Events for a project's own server. Scope `admin`."),
                (name = "Guard", description = "Who is let through, and whom nothing is sent to. Scope `admin`."),
                (name = "Personal data", description = "What is kept about a phone number, and its erasure. Scope `admin`."),
                (name = "Integrations", description = "Identity servers and other programs that make codes themselves and have them delivered. Scope `admin`."),
                (name = "Audit", description = "Who changed what. Scope `admin`."),
                (name = "Finance", description = "Costs, reports, budgets and balances. Scope `finance`."),
                (name = "Callbacks", description = "Reports from providers, and codes from identity servers. Each authenticates in its own way."),
                (name = "Service", description = "Health, metrics, public keys and this document. No key."),
            ),
            modifiers(&Conventions, &Examples, &Problems),
        )]
        struct Api;

        #[cfg(test)]
        const MAP: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+])),+];
    };
}

#[rustfmt::skip]
url_map! {
    "/v1/verifications"                  { post v::start::start, get v::find::list }
    "/v1/verifications/{id}"             { get v::find::find }
    "/v1/verifications/{id}/check"       { post v::check::check }
    "/v1/verifications/{id}/resend"      { post v::resend::resend }
    "/v1/verifications/{id}/cancel"      { post v::cancel::cancel }
    "/v1/verifications/{id}/events"      { get v::events::events }
    "/v1/verifications/{id}/events/stream" { get v::events::stream_events }
    "/v1/messages/preview"               { post messages::preview }
    "/v1/projects"                       { post projects::create, get projects::list }
    "/v1/projects/{name}"                { get projects::find, patch projects::change }
    "/v1/keys"                           { post keys::create, get keys::list }
    "/v1/keys/{id}"                      { delete keys::revoke }
    "/v1/webhooks"                       { post w::create, get w::list }
    "/v1/webhooks/{id}"                  { get w::find, delete w::delete }
    "/v1/webhooks/{id}/rotate"           { post w::rotate }
    "/v1/webhooks/{id}/deliveries"       { get w::deliveries::list }
    "/v1/webhooks/{id}/test"             { post w::deliveries::test }
    "/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver" { post w::deliveries::redeliver }
    "/v1/integrations"                   { post integrations::create, get integrations::list }
    "/v1/integrations/{id}"              { get integrations::find, patch integrations::change, delete integrations::delete }
    "/v1/integrations/{id}/rotate"       { post integrations::rotate }
    "/v1/guard/lists"                    { post guard::lists::add, get guard::lists::list }
    "/v1/guard/lists/{id}"               { delete guard::lists::delete }
    "/v1/guard/decisions"                { get guard::decisions::list }
    "/v1/guard/decisions.csv"            { get guard::decisions::csv }
    "/v1/guard/blocks"                   { get guard::decisions::blocks }
    "/v1/guard/blocks/{id}"              { delete guard::decisions::end_block }
    "/v1/guard/cells"                    { get guard::decisions::cells }
    "/v1/guard/replays"                  { post guard::replays::start }
    "/v1/guard/replays/{id}"             { get guard::replays::find }
    "/v1/audit"                          { get audit::list }
    "/v1/audit.csv"                      { get audit::csv }
    "/v1/subjects/find"                  { post subjects::find }
    "/v1/subjects/erase"                 { post subjects::erase }
    "/v1/ledger"                         { get ledger::ledger }
    "/v1/ledger.csv"                     { get ledger::ledger_csv }
    "/v1/ledger/unsettled"               { get unsettled::list }
    "/v1/reports/costs"                  { get reports::costs }
    "/v1/reports/costs.csv"              { get reports::costs_csv }
    "/v1/reports/costs.xlsx"             { get reports::costs_xlsx }
    "/v1/reports/conversion"             { get reports::conversion }
    "/v1/reports/conversion.csv"         { get reports::conversion_csv }
    "/v1/reports/conversion.xlsx"        { get reports::conversion_xlsx }
    "/v1/exchange-rates"                 { get exchange_rates::list, put exchange_rates::put }
    "/v1/rates"                          { get rates::list, put rates::put }
    "/v1/budgets"                        { get budgets::list, put budgets::put }
    "/v1/balances"                       { get balances::list }
    "/v1/balances/{provider}/top-ups"    { post balances::top_up }
    "/v1/balances/{provider}/adjustments" { post balances::adjust }
    "/livez"                             { get service::livez }
    "/readyz"                            { get service::readyz }
    "/.well-known/jwks.json"             { get service::jwks }
    "/openapi.json"                      { get service::openapi }

    undocumented
    "/" service::to_docs;
    "/docs" service::to_docs;
    "/docs/{file:.*}" service::docs;

    document
    callbacks::signed, callbacks::by_token, callbacks::by_token_in_get, callbacks::hook, callbacks::hook_by_get, callbacks::verified,
    service::metrics,
}

/// OpenAPI 3.1 as indented JSON.
#[must_use]
pub fn document() -> String {
    written(Api::openapi())
}

fn sandbox_document(phones: &str) -> String {
    let mut document = Api::openapi();
    mark_sandbox(&mut document, phones);
    written(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_documented_under_its_own_address() {
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        for (path, methods) in MAP {
            let item = document["paths"][path].as_object();
            let mut documented: Vec<&String> = item.expect(path).keys().collect();
            let mut routed = methods.to_vec();
            documented.sort_unstable();
            routed.sort_unstable();
            assert_eq!(documented, routed, "{path}");
        }
    }

    /// Generators name a client after it.
    #[test]
    fn a_sandbox_says_what_it_is_in_the_description_and_keeps_the_title() {
        let document: serde_json::Value =
            serde_json::from_str(&sandbox_document("http://127.0.0.1:8081/")).unwrap();
        assert_eq!(document["info"]["title"], "Pinroute");
        let description = document["info"]["description"].as_str().unwrap();
        assert!(description.contains("sandbox"), "{description}");
    }

    #[test]
    fn every_operation_has_a_row_of_problems_and_every_row_an_operation() {
        let mut document = Api::openapi();
        let mut operations: Vec<String> = openapi::conventions::operations(&mut document)
            .filter_map(|operation| operation.operation_id.clone())
            .collect();
        let rows = openapi::problems::PROBLEMS.iter();
        let mut rows: Vec<&str> = rows.map(|(id, _)| *id).collect();
        operations.sort_unstable();
        rows.sort_unstable();
        assert_eq!(operations, rows);
    }
}
