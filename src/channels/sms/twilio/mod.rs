//! Twilio Messaging. `settings` has its keys, `provider` its wire.

mod provider;
mod settings;

pub use provider::Twilio;
pub use settings::{Sender, Settings};
