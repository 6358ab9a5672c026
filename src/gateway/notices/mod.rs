//! Notices to projects: webhook endpoints ([`webhooks`]) and the messages sent to them ([`notify`]). The operator's sinks get the same
//! events ([`sinks`]).

mod notify;
mod outlet;
mod room;
mod sinks;
mod webhooks;

pub(in crate::gateway) use notify::{Endpoint, OneByOne, note};
pub use room::Notices;
pub use webhooks::WebhookRequest;
