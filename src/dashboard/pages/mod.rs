//! One file for each page, or for few that belong together.

pub mod account;
pub mod balances;
pub mod budgets;
pub mod costs;
pub mod exchange;
pub mod keys;
pub mod ledger;
pub mod links;
pub mod overview;
pub mod preferences;
pub mod rates;
pub mod sign_in;
pub mod statement;
pub mod users;
pub mod verification;
pub mod verifications;
pub mod webhook;
pub mod webhooks;

// what they share
mod charts;
mod figures;
mod filters;
mod list;
