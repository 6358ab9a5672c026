//! The dashboard for staff: costs and conversion, verifications, balances, the ledger, budgets, rates, keys, webhooks, users.
//! Rendered on the server; works without script.
//!
//! To add a page: see [`pages`].

mod assets;
mod frame;
mod options;
mod pages;
mod text;

pub use options::Options;
pub use pages::mount;
