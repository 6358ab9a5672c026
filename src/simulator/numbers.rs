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
    about_telegram: &'static str,
    about_sms: &'static str,
}

const ORDINARY: Behaviour = Behaviour {
    ending: 0,
    telegram: Telegram::Delivers,
    reports: Reports::Normal,
    sms: Sms::Delivers,
    about_telegram: "sent, delivered after 1 s, read after 3 s",
    about_sms: "delivered",
};

pub(super) const MAGIC: [Behaviour; 12] = [
    Behaviour {
        ending: 1,
        telegram: Telegram::NotAvailable,
        about_telegram: "no account: PHONE_NUMBER_NOT_AVAILABLE, free",
        ..ORDINARY
    },
    Behaviour {
        ending: 2,
        telegram: Telegram::NeverDelivers,
        about_telegram: "accepted, never delivered: expired and refunded at the ttl",
        ..ORDINARY
    },
    Behaviour {
        ending: 3,
        telegram: Telegram::BalanceNotEnough,
        about_telegram: "BALANCE_NOT_ENOUGH",
        ..ORDINARY
    },
    Behaviour {
        ending: 4,
        telegram: Telegram::FloodWait(7),
        about_telegram: "FLOOD_WAIT_7",
        ..ORDINARY
    },
    Behaviour {
        ending: 5,
        telegram: Telegram::ServerError,
        about_telegram: "HTTP 500; nothing is sent",
        ..ORDINARY
    },
    Behaviour {
        ending: 6,
        telegram: Telegram::Slow,
        about_telegram: "answers after 30 s and sends the message then, even if the caller has hung up",
        ..ORDINARY
    },
    Behaviour {
        ending: 7,
        telegram: Telegram::BrokenAnswer,
        about_telegram: "sends the message and reports, but answers with broken JSON",
        ..ORDINARY
    },
    Behaviour {
        ending: 8,
        telegram: Telegram::NotAvailable,
        sms: Sms::Undelivered,
        about_telegram: "PHONE_NUMBER_NOT_AVAILABLE, free",
        about_sms: "accepted, then undelivered",
        ..ORDINARY
    },
    Behaviour {
        ending: 9,
        telegram: Telegram::NotAvailable,
        sms: Sms::Refused,
        about_telegram: "PHONE_NUMBER_NOT_AVAILABLE, free",
        about_sms: "refused, error_code 7",
        ..ORDINARY
    },
    Behaviour {
        ending: 10,
        reports: Reports::TwiceAndOutOfOrder,
        about_telegram: "delivered and read; each report is sent twice, read before delivered",
        about_sms: "delivered; the report is sent twice",
        ..ORDINARY
    },
    Behaviour {
        ending: 11,
        reports: Reports::Never,
        about_telegram: "delivered and read, but never reported; the status must be polled",
        about_sms: "delivered, but never reported",
        ..ORDINARY
    },
    Behaviour {
        ending: 12,
        reports: Reports::WronglySigned,
        about_telegram: "delivered and read; reports carry a wrong signature",
        ..ORDINARY
    },
];

/// A row of the table on the page.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    ends_with: String,
    telegram: &'static str,
    sms: &'static str,
}

pub(super) fn table() -> Vec<Row> {
    let row = |ends_with, behaviour: &Behaviour| Row {
        ends_with,
        telegram: behaviour.about_telegram,
        sms: behaviour.about_sms,
    };
    let ordinary = row("anything else".to_owned(), &ORDINARY);
    let magic = MAGIC
        .iter()
        .map(|behaviour| row(format!("{:04}", behaviour.ending), behaviour));
    std::iter::once(ordinary).chain(magic).collect()
}
