//! Notices to projects: webhook endpoints ([`webhooks`]) and the messages sent to them ([`notify`]).

mod notify;
mod room;
mod webhooks;

pub(in crate::gateway) use notify::{Endpoint, note};
pub use room::Notices;
pub use webhooks::WebhookRequest;
