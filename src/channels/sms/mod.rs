//! SMS: the kinds of provider that carry it, a folder each.
//!
//! To add a kind: its folder, its `mod`, and its line in [`KINDS`].

mod form;
pub mod http;
pub mod twilio;

use super::kind::{Kind, kind};
use crate::verification::route::Channel;

#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    kind::<http::Settings>  (Channel::Sms, "http"),
    kind::<twilio::Settings>(Channel::Sms, "twilio"),
];
