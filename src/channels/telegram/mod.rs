//! Telegram Gateway. `settings` has its keys, `wire` its requests and answers, `words` what its words mean.

mod provider;
mod settings;
mod wire;
mod words;

pub use provider::{ABILITIES, Telegram};
pub use settings::Settings;

use super::kind::{Kind, kind};
use crate::verification::route::Channel;

pub const KINDS: &[Kind] = &[kind::<Settings>(Channel::Telegram, "telegram")];
