//! The conventions of all operations of the document, and how it is written.

use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr, Required, Server};

/// Operations whose body may be left out. Those with `NoChoices` declare none at all: a client then sends none.
const BODY_IS_OPTIONAL: [&str; 2] = ["resendVerification", "receiveReport"];

/// Applies to every operation.
pub struct Conventions;

impl Modify for Conventions {
    fn modify(&self, document: &mut OpenApi) {
        for operation in operations(document) {
            // Explicit, so that no generator takes the lack of a key for an oversight.
            operation.security.get_or_insert_default();
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if let Some(RefOr::T(body)) = &mut operation.request_body
                && BODY_IS_OPTIONAL.contains(&id)
            {
                body.required = Some(Required::False);
            }
        }
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key of one project, or of the whole instance: `pinroute keys create --project NAME --scope verify` creates one. \
                Its scopes are `verify` (verifications), `finance` (the ledger; numbers masked) and `admin` (everything); each \
                operation names the scope that it requires.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// All operations of a document.
pub fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
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

/// Marks a document as a sandbox's, and links to its virtual phones. Its title stays, since generated clients are named after
/// it.
pub fn mark_sandbox(document: &mut OpenApi, phones: &str) {
    let text = document.info.description.take().unwrap_or_default();
    document.info.description = Some(format!(
        "**This is a sandbox**: no message is sent, and nothing is charged. Codes arrive at [virtual phones]({phones}); the \
         program prints an API key at startup.\n\n{text}"
    ));
}

/// As indented JSON. The server is the one that the document was fetched from, also behind a tunnel or another name.
pub fn written(mut document: OpenApi) -> String {
    document.servers = Some(vec![Server::new("/")]);
    document
        .to_pretty_json()
        .expect("the document is made of texts and lists")
}
