//! Calls from outside: providers' reports. Each provider authenticates in its own way; none has an API key.
//!
//! A new inlet is a file here and its address in [`mount`]; the API's document describes it.

mod callbacks;
mod fault;

use std::sync::Arc;

use actix_web::web;

use crate::gateway::Gateway;
use crate::web::{Address, Mount, problem};

/// The face of providers, below `/callbacks`.
#[must_use]
pub fn mount(gateway: Gateway) -> Mount {
    let gateway = web::Data::new(gateway);
    Mount {
        prefix: "/callbacks",
        routes: Arc::new(move |config| {
            config.app_data(gateway.clone());
            addresses(config);
        }),
        render: problem::render,
    }
}

/// The URL map.
fn addresses(config: &mut web::ServiceConfig) {
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
