//! The one table of all kinds of provider: a channel, the name of a kind, and the settings that are read and built for it.
//!
//! To add a kind: a line in [`CATALOG`], and its [`Settings`](super::kind::Settings) in its folder. To add a channel: an arm
//! in [`read`], which says where its accounts are configured.

use super::kind::{Configured, Kind, kind};
use super::settings::{self, Names};
use super::sms::{http, twilio};
use super::telegram;
use crate::ledger::rates::Unit;
use crate::money::Currency;
use crate::reader::{Checked, Reader, all};
use crate::verification::route::Channel;

#[rustfmt::skip]
pub const CATALOG: &[Kind] = &[
    kind::<telegram::Settings>(Channel::Telegram, "telegram"),
    kind::<http::Settings>    (Channel::Sms,      "http"),
    kind::<twilio::Settings>  (Channel::Sms,      "twilio"),
];

/// How a first account of a channel is configured, for faults.
#[must_use]
pub fn how_to_configure(channel: Channel) -> &'static str {
    match channel {
        Channel::Telegram => "set telegram.token",
        Channel::Sms => "add an [[sms.providers]]",
        Channel::Other(_) => "upgrade",
    }
}

/// Reads the accounts of all channels from the top of the configuration, in the order in which they are tried.
pub fn read(
    root: &mut Reader<'_>,
    reporting_currency: Checked<Currency>,
) -> Checked<Vec<Configured>> {
    let mut names = Names::default();
    let found = Channel::ALL.map(|channel| match channel {
        Channel::Telegram => {
            names.reserve(channel);
            let account = telegram::Settings::read_account(root)?;
            let build = |(account, settings)| Configured::new(account, settings);
            Ok(account.into_iter().map(build).collect())
        }
        Channel::Sms => settings::list(
            root,
            (channel, Unit::Segment),
            CATALOG,
            &mut names,
            reporting_currency,
        ),
        // It cannot be configured.
        Channel::Other(_) => Ok(Vec::new()),
    });
    all(found).map(|accounts| accounts.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../config/defaults.toml");
    const PAGE: &str = include_str!("../../docs/sms-providers.md");

    #[test]
    fn each_kind_is_in_the_manual_and_in_the_documentation() {
        for kind in CATALOG {
            let name = kind.name;
            let written = format!("kind = \"{name}\"");
            let documented = match kind.channel {
                Channel::Sms => MANUAL.contains(&written) && PAGE.contains(&written),
                Channel::Telegram => MANUAL.contains("\n[telegram]\n") && PAGE.contains(name),
                Channel::Other(_) => false,
            };
            assert!(
                documented,
                "{name} is missing in config/defaults.toml or docs/sms-providers.md"
            );
        }
    }

    #[test]
    fn the_manual_lists_the_channels_of_a_step() {
        let names = Channel::ALL.map(Channel::as_str).join(", ");
        assert!(
            MANUAL.contains(&format!("the channel ({names})")),
            "{names}"
        );
    }

    #[test]
    fn each_channel_has_a_kind_and_no_kind_is_listed_twice() {
        for channel in Channel::ALL {
            assert!(CATALOG.iter().any(|kind| kind.channel == channel));
        }
        for (place, kind) in CATALOG.iter().enumerate() {
            let twin = |other: &Kind| (other.channel, other.name) == (kind.channel, kind.name);
            assert!(!CATALOG[..place].iter().any(twin), "{}", kind.name);
        }
    }
}
