//! How a code leaves: one [`Provider`] for each account that carries a channel.
//!
//! A provider's words stay in its folder: what comes out is a [`Receipt`], a [`SendError`] that says what to do next, or a
//! [`Faults`]. Its capabilities are its [`Abilities`]; the settings common to all providers are its [`Account`], read in [`settings`].
//!
//! To add a kind of provider: a folder with `settings.rs` (its keys) and `provider.rs` (its wire), its `mod` and its line
//! in `KINDS` in the `mod.rs` above it, and its keys in `config/defaults.toml`, which is the manual. Nothing here has a
//! permissive default: each provider must say how its callbacks are authenticated.

pub mod catalog;
pub mod kind;
pub mod provider;
pub mod settings;
pub mod sms;
pub mod telegram;
pub mod transport;

pub use kind::{Configured, Surroundings};
pub use provider::{
    About, Account, Arrival, CallbackError, CallbackMethod, CallbackRequest, Draft, Examined,
    Incoming, Message, NoAnswer, Notice, Provider, Read, Reply,
};

pub use crate::verification::abilities::Abilities;
pub use crate::verification::attempt::{Receipt, Report, SendError};
