//! Notices to projects: their webhooks, and the messages that are sent there ([`notify`]).

mod notify;
mod room;
mod webhooks;

pub use room::Notices;
pub use webhooks::WebhookRequest;
