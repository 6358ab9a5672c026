//! Calls from outside: providers' reports, and identity servers that have codes delivered. Each authenticates in its own way; none has an
//! API key.
//!
//! A new inlet is a file here and its address in [`mounts`]; the API's document describes it.

mod callbacks;
mod fault;
mod hooks;

use actix_web::web;

use crate::gateway::Gateway;
use crate::web::{Address, Mount, problem};

/// The faces of providers, below `/callbacks`, and of identity servers, below `/hooks`.
#[must_use]
pub fn mounts(gateway: &Gateway) -> [Mount; 2] {
    let mount = |prefix, addresses| Mount::of(prefix, gateway.clone(), addresses, problem::render);
    [mount("/callbacks", of_providers), mount("/hooks", of_hosts)]
}

fn of_hosts(config: &mut web::ServiceConfig) {
    let at = |path| Address::new(path, problem::render);
    config
        .service(
            at("/hooks/{kind}/{id}")
                .get_without_head(hooks::deliver_by_get)
                .post(hooks::deliver),
        )
        .service(at("/hooks/{kind}/{id}/verified").post(hooks::verified));
}

fn of_providers(config: &mut web::ServiceConfig) {
    let at = |path| Address::new(path, problem::render);
    config
        .service(
            at("/callbacks/{provider}")
                .get_without_head(callbacks::handshake)
                .post(callbacks::signed),
        )
        .service(
            at("/callbacks/{provider}/{token}")
                .get_without_head(callbacks::by_token_in_get)
                .post(callbacks::by_token),
        );
}
