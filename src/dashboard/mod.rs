//! Pages for people: sign-in, what was spent and what came of it, verifications, balances, the ledger, users; rendered here, usable without script.
//!
//! To add a page: a handler in `pages` that asks for the right it needs in its signature ([`access`]), its lines in [`routes`], a
//! place in the navigation ([`shell`]), and its words in both languages ([`text`]).

mod access;
mod assets;
mod cookies;
mod fault;
mod forms;
mod pages;
mod shell;
mod show;
mod text;
mod view;

use std::sync::Arc;

use actix_web::{guard, web};

/// What the dashboard is told once.
#[derive(Clone, Debug)]
pub struct Options {
    /// Without a trailing slash; https makes cookies secure.
    pub public_url: String,
    /// Said on every page.
    pub sandbox: bool,
}

/// Adds the dashboard to a server that has the gateway among its data.
pub fn routes(options: Options) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let options = Arc::new(options);
    move |config| map(config, web::Data::from(Arc::clone(&options)))
}

/// The URL map.
#[rustfmt::skip]
fn map(config: &mut web::ServiceConfig, options: web::Data<Options>) {
    use pages::{balances, costs, ledger, links, overview, preferences, sign_in, users, verification, verifications};
    let get = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    let post = web::post;
    config.service(web::scope("/dashboard")
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
        .route("/verifications", get().to(verifications::list))
        .route("/verifications/{id}", get().to(verification::show))
        .route("/ledger", get().to(ledger::list))
        .route("/ledger.csv", get().to(ledger::csv))
        .route("/costs", get().to(costs::costs))
        .route("/costs.csv", get().to(costs::costs_csv))
        .route("/costs.xlsx", get().to(costs::costs_xlsx))
        .route("/conversion", get().to(costs::conversion))
        .route("/statement", get().to(costs::statement))
        .route("/balances", get().to(balances::show))
        .route("/balances", post().to(balances::book))
        .route("/users", get().to(users::list))
        .route("/users", post().to(users::create))
        .route("/users/{id}/role", post().to(users::set_role))
        .route("/users/{id}/invite", post().to(users::invite))
        .route("/users/{id}/disable", post().to(users::disable))
        .route("/users/{id}/enable", post().to(users::enable))
        .route("/assets/{name}", get().to(assets::serve))
        .default_service(web::to(fault::nothing_here)));
}
