//! The pages, in folders that match the navigation; their addresses; and the navigation itself.
//!
//! To add a page: a file with a handler whose signature names the right it needs ([`rights`]); its module, its routes in [`map`]
//! and its row in [`SECTIONS`] here; and its words in each language (`text`).

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web;

use super::frame::sections::{Group, Section};
use super::frame::{answers, fault, identify, rights};
use super::{Options, assets};
use crate::access::Right;
use crate::gateway::Gateway;
use crate::web::{Mount, get};
use access::{audit, integration, integrations, keys, users, webhook, webhooks};
use money::{balances, costs, ledger, reversal, statement};
use person::{account, links, preferences, sign_in};
use rules::{budgets, exchange, rates};
use traffic::{decisions, guard, lists, scope, switches, verification, verifications};

pub mod overview;

pub mod traffic {
    pub mod decisions;
    pub mod guard;
    pub mod lists;
    pub mod ranges;
    pub mod rules;
    pub mod scope;
    pub mod switches;
    pub mod verification;
    pub mod verifications;
}

pub mod money {
    pub mod balances;
    pub mod costs;
    pub mod ledger;
    pub mod reversal;
    pub mod statement;
}

pub mod rules {
    pub mod budgets;
    pub mod exchange;
    pub mod rates;
}

pub mod access {
    pub mod audit;
    pub mod integration;
    pub mod integrations;
    pub mod keys;
    pub mod users;
    pub mod webhook;
    pub mod webhooks;
}

/// Signing in, and a user's own settings.
pub mod person {
    pub mod account;
    pub mod links;
    pub mod preferences;
    pub mod sign_in;
}

/// Parts shared by several pages.
mod parts {
    pub mod accounts;
    pub mod charts;
    pub mod figures;
    pub mod filters;
    pub mod guard;
    pub mod jobs;
    pub mod list;
}

/// The navigation, in order; rows of one group must be adjacent.
#[rustfmt::skip]
const SECTIONS: &[Section] = &[
    Section { group: Group::Top, path: overview::PATH, right: Right::Money, title: |t| t.money.overview,
        icon: "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z" },
    Section { group: Group::Traffic, path: verifications::PATH, right: Right::Verifications, title: |t| t.verifications,
        icon: "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.500-7-10V6zM9 12l2 2 4-4" },
    Section { group: Group::Traffic, path: costs::CONVERSION, right: Right::Money, title: |t| t.money.conversion,
        icon: "M3 5h18l-7 8v6l-4 2v-8z" },
    Section { group: Group::Traffic, path: scope::PATH, right: Right::Verifications, title: |t| t.guard.guard,
        icon: "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.500-7-10V6zM12 8v5M12 16h.01" },
    Section { group: Group::Traffic, path: decisions::PATH, right: Right::Verifications, title: |t| t.guard.decisions,
        icon: "M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01" },
    Section { group: Group::Traffic, path: lists::PATH, right: Right::Verifications, title: |t| t.guard.lists,
        icon: "M4 6h10M4 12h7M4 18h7M15 15l2 2 4-5" },
    Section { group: Group::Money, path: costs::PATH, right: Right::Money, title: |t| t.money.costs,
        icon: "M4 20V4M4 20h16M8 16v-5M12 16V7M16 16v-8" },
    Section { group: Group::Money, path: statement::PATH, right: Right::Money, title: |t| t.money.statement,
        icon: "M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5" },
    Section { group: Group::Money, path: balances::PATH, right: Right::Money, title: |t| t.money.balances,
        icon: "M3 7h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM3 7l12-4v4M16 13h2" },
    Section { group: Group::Money, path: ledger::PATH, right: Right::Ledger, title: |t| t.ledger,
        icon: "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6" },
    Section { group: Group::Rules, path: budgets::PATH, right: Right::Rules, title: |t| t.money.budgets,
        icon: "M12 3a9 9 0 1 0 9 9M12 3v9h9M16 3.600a9 9 0 0 1 4.400 4.400" },
    Section { group: Group::Rules, path: rates::PATH, right: Right::Rules, title: |t| t.rules.rates,
        icon: "M4 4h7l9 9-7 7-9-9zM8 8h.01" },
    Section { group: Group::Rules, path: exchange::PATH, right: Right::Rules, title: |t| t.rules.exchange,
        icon: "M4 8h14l-4-4M20 16H6l4 4" },
    Section { group: Group::Access, path: keys::PATH, right: Right::Keys, title: |t| t.access.keys,
        icon: "M8 15a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 11h9M18 11v4M15 11v2" },
    Section { group: Group::Access, path: webhook::PATH, right: Right::Keys, title: |t| t.access.webhooks,
        icon: "M4 12h4l3-7 3 14 3-7h3" },
    Section { group: Group::Access, path: integration::PATH, right: Right::Keys, title: |t| t.integrations.integrations,
        icon: "M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0zM12 18v3" },
    Section { group: Group::Access, path: users::PATH, right: Right::Users, title: |t| t.users,
        icon: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3 20c0-3.500 2.500-5.500 6-5.500s6 2 6 5.500M16 4.500a3.500 3.500 0 0 1 0 6M18 15c2 .8 3 2.500 3 5" },
    Section { group: Group::Access, path: audit::PATH, right: Right::Audit, title: |t| t.audit.audit,
        icon: "M7 3h10v4H7zM5 5h2M17 5h2v16H5V5M9 12h6M9 16h4" },
];

/// Mounts the dashboard below `/dashboard`.
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

/// The routes.
#[rustfmt::skip]
fn map(config: &mut web::ServiceConfig, options: web::Data<Options>) {
    let post = web::post;
    config.service(web::scope("/dashboard")
        .wrap(from_fn(rights::log))
        .wrap(from_fn(answers::over_https_alone))
        .app_data(options)
        .app_data(web::Data::new(SECTIONS))
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
        .route("/guard", get().to(guard::show))
        .route("/guard/rules/{rule}/{mode}", post().to(switches::switch))
        .route("/guard/blocks/{id}/end", post().to(switches::unblock))
        .route("/guard/decisions", get().to(decisions::list))
        .route("/guard/decisions.csv", get().to(decisions::csv))
        .route("/guard/lists", get().to(lists::list))
        .route("/guard/lists", post().to(lists::add))
        .route("/guard/lists/{id}/remove", post().to(lists::remove))
        .route("/ledger", get().to(ledger::list))
        .route("/ledger.csv", get().to(ledger::csv))
        .route("/ledger/{id}/reverse", post().to(reversal::reverse))
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
        .route("/integrations", get().to(integrations::list))
        .route("/integrations", post().to(integrations::create))
        .route("/integrations/{id}", get().to(integration::show))
        .route("/integrations/{id}/secret", post().to(integration::keep_secret))
        .route("/integrations/{id}/rotate", post().to(integration::rotate))
        .route("/integrations/{id}/delete", post().to(integration::delete))
        .route("/users", get().to(users::list))
        .route("/users", post().to(users::create))
        .route("/users/{id}/role", post().to(users::set_role))
        .route("/users/{id}/invite", post().to(users::invite))
        .route("/users/{id}/disable", post().to(users::disable))
        .route("/users/{id}/enable", post().to(users::enable))
        .route("/audit", get().to(audit::list))
        .route("/audit.csv", get().to(audit::csv))
        .route("/assets/{name}", get().to(assets::serve))
        .default_service(web::to(identify::nothing_here)));
}
