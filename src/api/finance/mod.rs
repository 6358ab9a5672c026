//! Money: balances, budgets, the ledger, rates and reports; scope `finance` to read, `admin` to change.
//!
//! A new resource is a file here, its row in the URL map of the API, and its examples.

pub mod balances;
pub mod budgets;
pub mod exchange_rates;
pub mod ledger;
pub mod rates;
pub mod reports;
pub mod unsettled;
