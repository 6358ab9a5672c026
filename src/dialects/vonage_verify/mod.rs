//! Vonage Verify, version 2, at `/vonage/v2/verify`: its official libraries work when their host is changed.
//!
//! JSON comes in and goes out, and faults are problems in Vonage's words. A workflow is the route of its verification, in stages. Facts come
//! from Vonage's libraries and their tests. A call is a file here, and its line in [`addresses`].

mod caller;
mod check;
mod fault;
mod fields;
mod request;
mod start;
mod steps;
mod workflow;

use std::sync::Arc;

use actix_web::web;
use serde_json::json;
use uuid::Uuid;

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
                "api_key": api_key(key.id),
                "api_secret": key.secret,
            }))
        },
        report: None,
    },
    mount,
};

fn mount(gateway: Gateway) -> Mount {
    let gateway = web::Data::new(gateway);
    Mount {
        prefix: PREFIX,
        routes: Arc::new(move |config| {
            config.app_data(gateway.clone());
            addresses(config);
        }),
        render: fault::render,
    }
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

/// What Vonage's clients call the key, which is the secret: eight hexadecimal digits of its id.
fn api_key(id: Uuid) -> String {
    id.simple().to_string().split_off(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_called_by_the_end_of_its_id() {
        let id = Uuid::from_u128(0x0199_3f0e_0000_7000_8000_0000_01ab_cdef);
        assert_eq!(api_key(id), "01abcdef");
    }
}
