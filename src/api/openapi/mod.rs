//! The OpenAPI document, generated from the handlers.
//!
//! A handler says its path, its parameters, its body and its successes. What several share stands here: problems and headers in
//! [`problems`], examples in [`examples`], closed sets in [`sets`], parameters in [`parameters`].

mod examples;
pub mod parameters;
mod problems;
pub mod sets;

use utoipa::openapi::path::Operation;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{RefOr, Required, Server};
use utoipa::{Modify, OpenApi};

use examples::Examples;
use problems::Problems;

use super::finance::{balances, budgets, exchange_rates, ledger, rates, reports, unsettled};
use super::problem::ProblemBody;
use super::{callbacks, keys, messages, projects, service, verifications as v, webhooks as w};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pinroute",
        description = include_str!("description.md"),
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    paths(
        v::start::start, v::find::list, v::find::find, v::check::check, v::resend::resend, v::cancel::cancel, v::events::events,
        messages::preview,
        projects::create, projects::list, projects::find, projects::change, keys::create, keys::list, keys::revoke,
        w::create, w::list, w::find, w::delete, w::rotate, w::deliveries::list, w::deliveries::test, w::deliveries::redeliver,
        ledger::ledger, unsettled::list, reports::costs, reports::conversion, exchange_rates::list, exchange_rates::put,
        rates::list, rates::put, budgets::list, budgets::put,
        balances::list, balances::top_up, balances::adjust,
        callbacks::signed, callbacks::by_token, callbacks::by_token_in_get,
        service::livez, service::readyz, service::metrics, service::jwks, service::openapi,
    ),
    components(schemas(ProblemBody, sets::VerificationStatus, sets::LedgerKind, sets::LedgerFormat, sets::ReportFormat)),
    tags(
        (name = "Verifications", description = "Prove that a visitor owns a phone number. Scope `verify`."),
        (name = "Projects", description = "Who sends, by which rules, with which keys. Scope `admin`."),
        (name = "Webhooks", description = "Where a project's own server is told what happens. Scope `admin`."),
        (name = "Finance", description = "What it cost. Scope `finance`."),
        (name = "Callbacks", description = "What providers call; sites have no use for it. No key: each provider authenticates in its own way."),
        (name = "Service", description = "What runs the service rather than uses it. No key."),
    ),
    modifiers(&Conventions, &Examples, &Problems),
)]
struct Api;

/// A body is needed unless the operation stands here.
#[rustfmt::skip]
const BODY_IS_OPTIONAL: [&str; 6] = [
    "resendVerification", "cancelVerification", "receiveReport", "rotateWebhook", "testWebhook", "redeliverWebhook",
];

const SANDBOX: &str = "**This is a sandbox**: no message leaves, and nothing is paid for. Codes arrive at simulated phones; \
    the program said at its start where they are, and which key to use.";

/// What holds for every operation.
struct Conventions;

impl Modify for Conventions {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for operation in operations(document) {
            // Said aloud, so that no generator takes the lack of a key for an oversight.
            operation.security.get_or_insert_default();
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if let Some(RefOr::T(RequestBody { required, .. })) = &mut operation.request_body
                && BODY_IS_OPTIONAL.contains(&id)
            {
                *required = Some(Required::False);
            }
        }
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key of one project, or of the whole instance: `pinroute keys create --project NAME --scope verify` makes one. \
                Its scopes are `verify` (verifications), `finance` (the ledger; numbers masked) and `admin` (everything); an \
                operation names the one that it asks for.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

fn operations(document: &mut utoipa::openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    let items = document.paths.paths.values_mut();
    items.flat_map(|item| {
        [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.put,
            &mut item.delete,
        ]
        .into_iter()
        .flatten()
    })
}

fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// OpenAPI 3.1 as indented JSON, for whoever serves it himself.
#[must_use]
pub fn document() -> String {
    written(api())
}

/// The same, saying that it is a sandbox's.
pub fn sandbox_document() -> String {
    let mut document = api();
    let text = document.info.description.take().unwrap_or_default();
    document.info.title.push_str(" (sandbox)");
    document.info.description = Some(format!("{SANDBOX}\n\n{text}"));
    written(document)
}

/// The server is wherever the document was fetched from: also behind a tunnel or another name.
fn written(mut document: utoipa::openapi::OpenApi) -> String {
    document.servers = Some(vec![Server::new("/")]);
    document
        .to_pretty_json()
        .expect("the document is made of texts and lists")
}
