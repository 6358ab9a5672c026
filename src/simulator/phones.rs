//! Virtual phones: the messages that arrived at each number.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::numbers::Number;

const MESSAGES_PER_PHONE: usize = 200;
const PHONES: usize = 10_000;
const MESSAGES: usize = 100_000;
/// Limits of the page and of `GET /phones`.
const SHOWN_PHONES: usize = 50;
const SHOWN_MESSAGES: usize = 10;

#[derive(Clone, Debug)]
pub(super) enum Message {
    /// `id` is the Telegram request's, by which a revocation finds the message.
    Telegram {
        id: u64,
        code: String,
        arrives: DateTime<Utc>,
        read: DateTime<Utc>,
    },
    Sms {
        text: String,
        arrives: DateTime<Utc>,
    },
}

/// A message as rendered in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    channel: &'static str,
    text: String,
    code: Option<String>,
    at: String,
    status: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Phone {
    phone_number: String,
    messages: Vec<Shown>,
}

#[derive(Debug, Default)]
struct Inbox {
    /// The key in `Phones::by_use`.
    used: u64,
    /// Newest last.
    messages: VecDeque<Message>,
}

/// Bounded memory: 10,000 phones, 200 messages per phone, 100,000 in all. The least recently used phone and the oldest
/// message are dropped first.
#[derive(Debug, Default)]
pub(super) struct Phones {
    inboxes: HashMap<Number, Inbox>,
    by_use: BTreeMap<u64, Number>,
    uses: u64,
    messages: usize,
}

impl Phones {
    /// Stores a message. It stays invisible until its `arrives` time.
    pub(super) fn add(&mut self, number: Number, message: Message) {
        self.uses += 1;
        let inbox = self.inboxes.entry(number).or_default();
        self.by_use.remove(&inbox.used);
        inbox.used = self.uses;
        self.by_use.insert(self.uses, number);
        inbox.messages.push_back(message);
        self.messages += 1;
        if inbox.messages.len() > MESSAGES_PER_PHONE {
            inbox.messages.pop_front();
            self.messages -= 1;
        }
        while self.inboxes.len() > PHONES || self.messages > MESSAGES {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                return;
            };
            if let Some(inbox) = self.inboxes.remove(&oldest) {
                self.messages -= inbox.messages.len();
            }
        }
    }

    /// Removes a Telegram message that was revoked before it arrived.
    pub(super) fn take_back(&mut self, number: Number, request: u64) {
        if let Some(inbox) = self.inboxes.get_mut(&number) {
            let before = inbox.messages.len();
            inbox.messages.retain(
                |message| !matches!(message, Message::Telegram { id, .. } if *id == request),
            );
            self.messages -= before - inbox.messages.len();
        }
    }

    /// The messages that have arrived at a number, newest first.
    pub(super) fn arrived(&self, number: Number, now: DateTime<Utc>) -> Vec<Shown> {
        self.inboxes
            .get(&number)
            .map(|inbox| inbox.arrived(now, MESSAGES_PER_PHONE))
            .unwrap_or_default()
    }

    /// The most recently used phones that have received anything, with their newest messages.
    pub(super) fn recent(&self, now: DateTime<Utc>) -> Vec<Phone> {
        self.by_use
            .values()
            .rev()
            .filter_map(|number| {
                let messages = self.inboxes.get(number)?.arrived(now, SHOWN_MESSAGES);
                (!messages.is_empty()).then(|| Phone {
                    phone_number: number.to_string(),
                    messages,
                })
            })
            .take(SHOWN_PHONES)
            .collect()
    }
}

impl Inbox {
    fn arrived(&self, now: DateTime<Utc>, limit: usize) -> Vec<Shown> {
        let mut messages: Vec<_> = self
            .messages
            .iter()
            .rev()
            .filter(|message| message.arrives() <= now)
            .collect();
        messages.sort_by_key(|message| std::cmp::Reverse(message.arrives()));
        messages
            .into_iter()
            .take(limit)
            .map(|message| message.shown(now))
            .collect()
    }
}

impl Message {
    fn arrives(&self) -> DateTime<Utc> {
        match self {
            Self::Telegram { arrives, .. } | Self::Sms { arrives, .. } => *arrives,
        }
    }

    fn shown(&self, now: DateTime<Utc>) -> Shown {
        let at = self.arrives().to_rfc3339_opts(SecondsFormat::Millis, true);
        match self {
            Self::Telegram { code, read, .. } => Shown {
                channel: "telegram",
                text: format!("Your code is {code}"),
                code: Some(code.clone()),
                at,
                status: if *read <= now { "read" } else { "delivered" },
            },
            Self::Sms { text, .. } => Shown {
                channel: "sms",
                text: text.clone(),
                code: code_in(text),
                at,
                status: "delivered",
            },
        }
    }
}

/// The first run of 4 to 8 digits.
fn code_in(text: &str) -> Option<String> {
    text.split(|character: char| !character.is_ascii_digit())
        .find(|run| (4..=8).contains(&run.len()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn sms(text: &str, arrives: DateTime<Utc>) -> Message {
        Message::Sms {
            text: text.to_owned(),
            arrives,
        }
    }

    #[test]
    fn the_code_is_the_first_run_of_four_to_eight_digits() {
        assert_eq!(code_in("Код 123: 482913").as_deref(), Some("482913"));
        assert_eq!(code_in("123456789 then 1234").as_deref(), Some("1234"));
        assert_eq!(code_in("no code"), None);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_dropped_first() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let mut phones = Phones::default();
        let busy = Number::parse("15550000100").unwrap();
        for index in 0..250 {
            phones.add(busy, sms(&format!("{index:04}"), now));
        }
        let arrived = phones.arrived(busy, now);
        assert_eq!(arrived.len(), 200);
        assert_eq!(arrived[0].text, "0249");
        for index in 0..u64::try_from(PHONES).unwrap() {
            let number = Number::parse(&(15_551_000_000 + index).to_string()).unwrap();
            phones.add(number, sms("1234", now));
        }
        assert_eq!(phones.inboxes.len(), PHONES);
        assert_eq!(phones.by_use.len(), PHONES);
        assert_eq!(phones.messages, PHONES);
        assert!(phones.arrived(busy, now).is_empty());
    }

    #[test]
    fn a_message_is_hidden_until_it_arrives() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let later = now + TimeDelta::seconds(1);
        let mut phones = Phones::default();
        let number = Number::parse("+15550000100").unwrap();
        phones.add(number, sms("1234", later));
        assert!(phones.arrived(number, now).is_empty());
        assert!(phones.recent(now).is_empty());
        assert_eq!(phones.recent(later).len(), 1);
    }
}
