//! Vonage Verify, version 2, at `/vonage/v2/verify`: its official libraries work when their host is changed.
//!
//! JSON comes in and goes out, and faults are problems in Vonage's words. A workflow is the route of its verification, in stages. Facts come
//! from Vonage's libraries and their tests. A call is a file here, and its line in [`addresses`].

mod caller;
mod check;
mod fault;
mod fields;
mod reports;
mod request;
mod start;
mod steps;
mod wire;
mod workflow;

use actix_web::web;
use serde_json::json;

use crate::dialects::offered::Offered;
use crate::gateway::{Dialect, Gateway};
use crate::verification::asked::Face;
use crate::web::{Address, Mount};

const PREFIX: &str = "/vonage";

pub const OFFERED: Offered = Offered {
    dialect: Dialect {
        name: "vonage",
        face: Face::Vonage,
        credentials: |key| {
            Some(json!({
                "base_url": format!("{}{PREFIX}", key.public_url),
                "api_key": wire::api_key(key.id),
                "api_secret": key.secret,
            }))
        },
        reports: Some(reports::REPORTS),
    },
    mount,
};

fn mount(gateway: Gateway) -> Mount {
    Mount::of(PREFIX, gateway, addresses, fault::render)
}

/// The URL map.
fn addresses(config: &mut web::ServiceConfig) {
    let at = |path: &str| Address::new(&format!("{PREFIX}/v2/verify{path}"), fault::render);
    config
        // The libraries differ in the slash.
        .service(at("").post(start::start))
        .service(at("/").post(start::start))
        .service(at("/{id}").post(check::check).delete(steps::cancel))
        .service(at("/{id}/next_workflow").post(steps::next))
        // As the library for Java writes it.
        .service(at("/{id}/next-workflow").post(steps::next));
}
