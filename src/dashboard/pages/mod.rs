//! One file for each page, or for few that belong together.

pub mod balances;
pub mod costs;
pub mod figures;
pub mod ledger;
pub mod links;
pub mod overview;
pub mod preferences;
pub mod sign_in;
pub mod users;
pub mod verification;
pub mod verifications;
