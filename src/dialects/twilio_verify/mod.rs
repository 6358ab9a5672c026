//! Twilio Verify, version 2, at `/twilio/v2`: its official libraries work when their address is changed.
//!
//! A service is a project. Forms come in, JSON goes out, with every field that Twilio has; where Pinroute lacks something, the field has
//! Twilio's default. Facts come from Twilio's API description and documentation. A resource is a file here, and its line in [`addresses`].

mod answer;
mod attempts;
mod caller;
mod checks;
mod fault;
mod form;
mod list;
mod rate_limits;
mod safe_list;
mod services;
mod sid;
mod templates;
mod verifications;
mod wire;

use actix_web::web;
use serde_json::json;

use crate::dialects::offered::Offered;
use crate::gateway::{Dialect, Gateway};
use crate::verification::asked::Face;
use crate::web::{Address, Mount};
use wire::PREFIX;

pub const OFFERED: Offered = Offered {
    dialect: Dialect {
        name: "twilio",
        face: Face::Twilio,
        credentials: |key| {
            // A key of the whole instance has no account.
            let (project, policy) = (key.project?, key.policy?);
            Some(json!({
                "base_url": format!("{}{PREFIX}", key.public_url),
                "account_sid": sid::account(project, policy),
                "api_key_sid": sid::written("SK", key.id),
                "api_key_secret": key.secret,
                "service_sid": sid::service(project, policy),
                "sms": policy.twilio.sms,
            }))
        },
        reports: None,
    },
    mount,
};

fn mount(gateway: Gateway) -> Mount {
    Mount::of(PREFIX, gateway, addresses, fault::render)
}

/// The URL map.
fn addresses(config: &mut web::ServiceConfig) {
    let at = |path: &str| Address::new(&format!("{PREFIX}/v2{path}"), fault::render);
    config
        .service(at("/Services").get(services::list).post(services::create))
        .service(
            at("/Services/{service}")
                .get(services::fetch)
                .post(services::update)
                .delete(services::delete),
        )
        .service(at("/Services/{service}/Verifications").post(verifications::create))
        .service(
            at("/Services/{service}/Verifications/{id}")
                .get(verifications::fetch)
                .post(verifications::update),
        )
        .service(at("/Services/{service}/VerificationCheck").post(checks::check))
        .service(
            at("/Services/{service}/RateLimits")
                .get(rate_limits::list)
                .post(rate_limits::create),
        )
        .service(
            at("/Services/{service}/RateLimits/{limit}")
                .get(rate_limits::fetch)
                .post(rate_limits::update)
                .delete(rate_limits::delete),
        )
        .service(
            at("/Services/{service}/RateLimits/{limit}/Buckets")
                .get(rate_limits::list_buckets)
                .post(rate_limits::create_bucket),
        )
        .service(
            at("/Services/{service}/RateLimits/{limit}/Buckets/{bucket}")
                .get(rate_limits::fetch_bucket)
                .post(rate_limits::update_bucket)
                .delete(rate_limits::delete_bucket),
        )
        .service(at("/Attempts").get(attempts::list))
        .service(at("/Attempts/Summary").get(attempts::summary))
        .service(at("/Attempts/{id}").get(attempts::fetch))
        .service(at("/Templates").get(templates::list))
        .service(at("/SafeList/Numbers").post(safe_list::add))
        .service(
            at("/SafeList/Numbers/{number}")
                .get(safe_list::find)
                .delete(safe_list::remove),
        );
}
