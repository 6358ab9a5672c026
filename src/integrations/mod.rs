//! Connections with other programs: identity servers that make codes themselves and only have them delivered (hooks), and applications
//! of Vonage's clients. Here is what each kind signs, sends and is configured with; no I/O, no clock.
//!
//! To add an identity server that signs in a way of its own: a file with its signature and its body, a [`Kind`], and its line in
//! [`hosts`]. One that authenticates by a token needs a [`Preset`] only.

mod application;
mod authgear;
mod generic;
mod hosts;
mod kind;
mod order;
mod paste;
mod preset;
mod secrets;
mod settings;
mod signature;
mod supabase;
mod token;
mod zitadel;

/// How many a project may have.
pub const MOST: usize = 50;

pub use application::{Application, PublicKey};
pub use hosts::{authentic, international, order};
pub use kind::Kind;
pub use order::{Content, Order, Unread};
pub use paste::{HIDDEN, paste};
pub use preset::Preset;
pub use secrets::{SecretFault, check_secret, new_secret};
pub use settings::{Auth, AuthKind, Faults, FieldNames, Method, Settings, SmsText};
pub use signature::Signed;
pub use token::{Token, signed};
