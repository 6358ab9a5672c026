//! Any SMS provider that speaks HTTP, by configuration alone. `settings` has its keys, `provider` its wire.

mod placeholder;
mod provider;
mod settings;

pub use provider::{ABILITIES, HttpSms};
pub use settings::{Body, Match, Method, ReportMap, Settings};
