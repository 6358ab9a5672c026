//! Shared HTTP code: the server and its routes, request ids, addresses and their methods, JSON and form fields,
//! credentials, cookies, the client's address, live streams, files, requests that take effect once.
//!
//! A face is a module that answers HTTP in its own words: our API, callbacks of providers, the dashboard. It hands the server a
//! [`Mount`], and turns each [`Fault`] of the kit into an answer of its own shape; nothing here writes or rewrites an answer that
//! a client reads. No face names another one.

pub mod account;
pub mod address;
pub mod body;
pub mod client;
pub mod cookies;
pub mod credentials;
pub mod fault;
pub mod fields;
pub mod file;
mod meter;
pub mod once;
pub mod parts;
pub mod problem;
pub mod query;
mod request_id;
pub mod server;
pub mod site;
pub mod sse;

pub use address::{Address, get};
pub use body::Body;
pub use fault::{Challenge, Fault, FieldFault, Kind, Render};
pub use fields::Fields;
pub use query::Query;
pub use server::{Mount, ServerOptions, serve};
pub use site::Site;
