//! Phone numbers, and the table of magic ones: a number's last four digits decide its behaviour.

use std::fmt;

use serde::Serialize;

/// A well-formed E.164 number: 7 to 15 digits, no leading zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Number(u64);

impl Number {
    /// Accepts `+998901234567`, the bare digits, and a `+` that a query string has decoded to a space.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('+').unwrap_or(text);
        let well_formed = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if well_formed {
            digits.parse().ok().map(Self)
        } else {
            None
        }
    }

    /// Without `+`, as Telegram writes it.
    pub(super) fn digits(self) -> String {
        self.0.to_string()
    }

    pub(super) fn is_magic(self) -> bool {
        let ending = self.0 % 10_000;
        MAGIC.iter().any(|behaviour| behaviour.ending == ending)
    }

    pub(super) fn behaviour(self) -> &'static Behaviour {
        let ending = self.0 % 10_000;
        MAGIC
            .iter()
            .find(|behaviour| behaviour.ending == ending)
            .unwrap_or(&ORDINARY)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "+{}", self.0)
    }
}

/// Telegram's reaction to a send or check for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telegram {
    Delivers,
    NeverDelivers,
    NotAvailable,
    BalanceNotEnough,
    /// Seconds.
    FloodWait(u32),
    /// Answers HTTP 500 and sends nothing.
    ServerError,
    /// Answers late, and accepts the message only then, even if the caller has disconnected.
    Slow,
    /// Sends the message, but truncates the answer.
    BrokenAnswer,
}

/// How a message's reports are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reports {
    Normal,
    TwiceAndOutOfOrder,
    Never,
    WronglySigned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sms {
    Delivers,
    Undelivered,
    Refused,
}

#[derive(Debug)]
pub(super) struct Behaviour {
    ending: u64,
    pub(super) telegram: Telegram,
    pub(super) reports: Reports,
    pub(super) sms: Sms,
    /// The key of the page's text, after `magic_telegram_`.
    about_telegram: &'static str,
    /// The key of the page's text, after `magic_sms_`.
    about_sms: &'static str,
}

const ORDINARY: Behaviour = Behaviour {
    ending: 0,
    telegram: Telegram::Delivers,
    reports: Reports::Normal,
    sms: Sms::Delivers,
    about_telegram: "delivered",
    about_sms: "delivered",
};

pub(super) const MAGIC: [Behaviour; 12] = [
    Behaviour {
        ending: 1,
        telegram: Telegram::NotAvailable,
        about_telegram: "no_account",
        ..ORDINARY
    },
    Behaviour {
        ending: 2,
        telegram: Telegram::NeverDelivers,
        about_telegram: "never",
        ..ORDINARY
    },
    Behaviour {
        ending: 3,
        telegram: Telegram::BalanceNotEnough,
        about_telegram: "no_balance",
        ..ORDINARY
    },
    Behaviour {
        ending: 4,
        telegram: Telegram::FloodWait(7),
        about_telegram: "flood",
        ..ORDINARY
    },
    Behaviour {
        ending: 5,
        telegram: Telegram::ServerError,
        about_telegram: "server_error",
        ..ORDINARY
    },
    Behaviour {
        ending: 6,
        telegram: Telegram::Slow,
        about_telegram: "slow",
        ..ORDINARY
    },
    Behaviour {
        ending: 7,
        telegram: Telegram::BrokenAnswer,
        about_telegram: "broken_answer",
        ..ORDINARY
    },
    Behaviour {
        ending: 8,
        telegram: Telegram::NotAvailable,
        sms: Sms::Undelivered,
        about_telegram: "no_account",
        about_sms: "undelivered",
        ..ORDINARY
    },
    Behaviour {
        ending: 9,
        telegram: Telegram::NotAvailable,
        sms: Sms::Refused,
        about_telegram: "no_account",
        about_sms: "refused",
        ..ORDINARY
    },
    Behaviour {
        ending: 10,
        reports: Reports::TwiceAndOutOfOrder,
        about_telegram: "twice",
        about_sms: "twice",
        ..ORDINARY
    },
    Behaviour {
        ending: 11,
        reports: Reports::Never,
        about_telegram: "silent",
        about_sms: "silent",
        ..ORDINARY
    },
    Behaviour {
        ending: 12,
        reports: Reports::WronglySigned,
        about_telegram: "wrongly_signed",
        ..ORDINARY
    },
];

/// A row of the table on the page. Its descriptions are keys of the page's texts, which are translated.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// `None`: every other number.
    ends_with: Option<String>,
    telegram: &'static str,
    sms: &'static str,
}

pub(super) fn table() -> Vec<Row> {
    let row = |ends_with, behaviour: &Behaviour| Row {
        ends_with,
        telegram: behaviour.about_telegram,
        sms: behaviour.about_sms,
    };
    let ordinary = row(None, &ORDINARY);
    let magic = MAGIC
        .iter()
        .map(|behaviour| row(Some(format!("{:04}", behaviour.ending)), behaviour));
    std::iter::once(ordinary).chain(magic).collect()
}
