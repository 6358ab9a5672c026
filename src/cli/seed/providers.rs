//! The sandbox's providers, as the seed plays them.

use crate::channels::{sms::http, telegram};
use crate::verification::abilities::Abilities;
use crate::verification::route::Channel;

/// How many there are.
pub const PROVIDERS: usize = 2;

/// Name, channel and abilities of each.
pub fn providers() -> [(&'static str, Channel, Abilities); PROVIDERS] {
    [
        ("telegram", Channel::Telegram, telegram::ABILITIES),
        ("simulator", Channel::Sms, http::ABILITIES),
    ]
}
