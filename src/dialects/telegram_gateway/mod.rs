//! The Telegram Gateway API at `/telegram-gateway`: its four methods, by GET and POST.
//!
//! Public clients send parameters in the query, as a form, as JSON or in several parts, and read errors from an answer with HTTP 200. Facts about the
//! API come from Telegram's documentation and from observed traffic. A method is a file here, and its line in [`call`].

mod answer;
mod caller;
mod fault;
mod parameters;
mod report;
mod request_id;
mod revoke;
mod send;
mod send_ability;
mod status;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::dialects::offered::Offered;
use crate::gateway::{Dialect, Gateway};
use crate::verification::asked::Face;
use crate::web::{Address, Body, Mount};
use answer::Answer;
use caller::Call;
use fault::{Fault, Word};
use parameters::Parameters;

pub const OFFERED: Offered = Offered {
    dialect: Dialect {
        name: "telegram",
        face: Face::Telegram,
        credentials: |key| {
            Some(json!({
                "base_url": format!("{}{PREFIX}", key.public_url),
                "access_token": key.secret,
            }))
        },
        reports: Some(report::REPORTS),
    },
    mount,
};

const PREFIX: &str = "/telegram-gateway";

fn mount(gateway: Gateway) -> Mount {
    Mount::of(PREFIX, gateway, addresses, fault::render)
}

fn addresses(config: &mut web::ServiceConfig) {
    // Some clients write two slashes before the method.
    let any = Address::new(&format!("{PREFIX}/{{method:.*}}"), fault::render);
    config.service(any.get_without_head(call).post(call));
}

async fn call(
    gateway: web::Data<Gateway>,
    method: web::Path<String>,
    request: HttpRequest,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let method = method.trim_matches('/').to_ascii_lowercase();
    let parameters = Parameters::read(&request, &body).await?;
    let call = Call::authenticate(&gateway, &request, parameters).await?;
    let result = match method.as_str() {
        "sendverificationmessage" => send::send(&call).await,
        "checksendability" => send_ability::check(&call),
        "checkverificationstatus" => status::check(&call).await,
        "revokeverificationmessage" => revoke::revoke(&call).await,
        _ => Err(Word::UnknownMethod.into()),
    }?;
    Ok(HttpResponse::Ok().json(Answer::of(result)))
}
