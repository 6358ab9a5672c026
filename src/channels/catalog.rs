//! The kinds of provider of each channel, and where the accounts of a channel are configured.
//!
//! To add a kind: a line in the `KINDS` of its channel, and its [`Settings`](super::kind::Settings) in its folder. To add a
//! channel: its kinds in [`CATALOG`], and an arm in each `match` here.

use super::kind::{Configured, Kind};
use super::provider::Account;
use super::settings::{self, Names};
use super::{sms, telegram};
use crate::ledger::rates::Unit;
use crate::money::Currency;
use crate::reader::{Checked, Reader, all};
use crate::verification::route::Channel;

/// By channel.
pub const CATALOG: [&[Kind]; Channel::ALL.len()] = [telegram::KINDS, sms::KINDS];

/// How a first account of a channel is configured, for faults.
#[must_use]
pub fn how_to_configure(channel: Channel) -> &'static str {
    match channel {
        Channel::Telegram => "set telegram.token",
        Channel::Sms => "add an [[sms.providers]]",
        Channel::Other(_) => "upgrade",
    }
}

/// What configured an account, for faults.
#[must_use]
pub fn describe(account: &Account) -> String {
    match account.channel {
        Channel::Telegram => "telegram.token".to_owned(),
        Channel::Sms | Channel::Other(_) => {
            format!("{} provider `{}`", account.channel.label(), account.name)
        }
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
            sms::KINDS,
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
        for kind in CATALOG.concat() {
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
        for (channel, kinds) in Channel::ALL.into_iter().zip(CATALOG) {
            assert!(!kinds.is_empty(), "{channel}");
            for (place, kind) in kinds.iter().enumerate() {
                assert_eq!(kind.channel, channel, "{}", kind.name);
                let twin = |other: &Kind| other.name == kind.name;
                assert!(!kinds[..place].iter().any(twin), "{}", kind.name);
            }
        }
    }
}
