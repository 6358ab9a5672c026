//! Pages for people: what was spent and what came of it, verifications, balances, the ledger; budgets, rates, keys, webhooks,
//! users. Rendered here, usable without script.
//!
//! To add a page: a handler in `pages` that asks for the right it needs in its signature ([`access`]), its lines in [`routes`], a
//! place in the navigation ([`shell`]), and its words in both languages ([`text`]).

mod access;
mod assets;
mod fault;
mod fields;
mod forms;
mod pages;
mod shell;
mod show;
mod text;
mod view;

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web;

use crate::gateway::Gateway;
use crate::web::{Mount, Site, get};

/// What the dashboard is told once.
#[derive(Clone, Debug)]
pub struct Options {
    pub site: Site,
    /// Said on every page.
    pub sandbox: bool,
}

/// The face of people, below `/dashboard`.
#[must_use]
pub fn mount(gateway: Gateway, options: Options) -> Mount {
    let options = Arc::new(options);
    let gateway = web::Data::new(gateway);
    Mount {
        prefix: "/dashboard",
        routes: Arc::new(move |config| {
            config.app_data(gateway.clone());
            map(config, web::Data::from(Arc::clone(&options)));
        }),
        render: fault::render,
    }
}

/// The URL map.
#[rustfmt::skip]
fn map(config: &mut web::ServiceConfig, options: web::Data<Options>) {
    use pages::{account, balances, budgets, costs, exchange, keys, ledger, links, overview, preferences, rates, sign_in, statement, users,
        verification, verifications, webhook, webhooks};
    let post = web::post;
    config.service(web::scope("/dashboard")
        .wrap(from_fn(access::log))
        .app_data(options)
        .route("", get().to(overview::show))
        .route("/", get().to(overview::show))
        .route("/sign-in", get().to(sign_in::form))
        .route("/sign-in", post().to(sign_in::sign_in))
        .route("/sign-out", post().to(sign_in::sign_out))
        .route("/link/{token}", get().to(links::enter_form))
        .route("/link/{token}", post().to(links::enter))
        .route("/password/{token}", get().to(links::password_form))
        .route("/password/{token}", post().to(links::set_password))
        .route("/setup/{token}", get().to(links::setup_form))
        .route("/setup/{token}", post().to(links::set_up))
        .route("/preferences", post().to(preferences::keep))
        .route("/account", get().to(account::show))
        .route("/account/password", post().to(account::change_password))
        .route("/account/sessions", post().to(account::end_sessions))
        .route("/verifications", get().to(verifications::list))
        .route("/verifications/{id}", get().to(verification::show))
        .route("/ledger", get().to(ledger::list))
        .route("/ledger.csv", get().to(ledger::csv))
        .route("/costs", get().to(costs::costs))
        .route("/costs.csv", get().to(costs::costs_csv))
        .route("/costs.xlsx", get().to(costs::costs_xlsx))
        .route("/conversion", get().to(costs::conversion))
        .route("/conversion.csv", get().to(costs::conversion_csv))
        .route("/conversion.xlsx", get().to(costs::conversion_xlsx))
        .route("/statement", get().to(statement::show))
        .route("/balances", get().to(balances::show))
        .route("/balances", post().to(balances::book))
        .route("/budgets", get().to(budgets::list))
        .route("/budgets", post().to(budgets::set))
        .route("/budgets/remove", post().to(budgets::remove))
        .route("/budgets/follow", post().to(budgets::follow))
        .route("/rates", get().to(rates::list))
        .route("/rates", post().to(rates::set))
        .route("/exchange-rates", get().to(exchange::list))
        .route("/exchange-rates", post().to(exchange::set))
        .route("/keys", get().to(keys::list))
        .route("/keys", post().to(keys::create))
        .route("/keys/{id}/revoke", post().to(keys::revoke))
        .route("/webhooks", get().to(webhooks::list))
        .route("/webhooks", post().to(webhooks::create))
        .route("/webhooks/{id}", get().to(webhook::show))
        .route("/webhooks/{id}/test", post().to(webhook::test))
        .route("/webhooks/{id}/rotate", post().to(webhook::rotate))
        .route("/webhooks/{id}/delete", post().to(webhook::delete))
        .route("/webhooks/{id}/deliveries/{delivery}/redeliver", post().to(webhook::redeliver))
        .route("/users", get().to(users::list))
        .route("/users", post().to(users::create))
        .route("/users/{id}/role", post().to(users::set_role))
        .route("/users/{id}/invite", post().to(users::invite))
        .route("/users/{id}/disable", post().to(users::disable))
        .route("/users/{id}/enable", post().to(users::enable))
        .route("/assets/{name}", get().to(assets::serve))
        .default_service(web::to(fault::nothing_here)));
}
