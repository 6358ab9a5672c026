//! Who may do what: scopes of API keys, roles of users, the rights a page needs, and the one table that joins roles and rights.
//!
//! To add a right: a variant of [`Right`] and its row in [`may`]. To add a role: a variant of [`Role`] and its column in [`may`].

mod right;
mod role;
mod scope;

pub use right::{Right, may};
pub use role::Role;
pub use scope::Scope;
