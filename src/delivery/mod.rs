//! How a code leaves the house: one [`Provider`] for each account that carries a channel.
//!
//! A provider's words stay in its file: what comes out is a [`Receipt`], a [`SendError`] that says what to do next, or a
//! [`Report`]. To add an SMS provider: a file under `sms/` and a line in its table. Nothing here has a permissive default:
//! whoever adds a provider must say how its callbacks are authenticated.

pub mod http;
pub mod sms;
pub mod telegram;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use crate::verification::attempt::{Receipt, Report, SendError};

use crate::ledger::price::Prices;
use crate::message::Wording;
use crate::money::{Currency, Money};
use crate::verification::code::Code;
use crate::verification::id::AttemptId;
use crate::verification::phone::{Country, PhoneNumber};
use crate::verification::route::Channel;

/// One account with someone who carries a channel.
#[async_trait]
pub trait Provider: Send + Sync + std::fmt::Debug {
    /// As it appears in attempts, ledger and metrics.
    fn name(&self) -> &str;
    fn channel(&self) -> Channel;
    fn currency(&self) -> Currency;

    /// As configured, for each segment.
    fn prices(&self) -> &Prices;

    /// How many times the price a message costs: one where it is paid for as a whole.
    fn segments(&self, draft: &Draft<'_>) -> u32;

    /// What a message is expected to cost by the configured prices; `None`: there is none, so it must not be sent.
    fn estimate(&self, draft: &Draft<'_>) -> Option<Money> {
        self.prices()
            .estimate(draft.country, self.segments(draft), self.currency())
    }

    /// Sends once. Never retries what may have left.
    async fn send(&self, message: &Message<'_>) -> Result<Receipt, SendError>;

    /// What became of a message.
    async fn ask(&self, message_id: &str) -> Result<Report, NoAnswer>;

    /// Tells that the visitor entered the code.
    async fn report_success(&self, message_id: &str, code: &Code) -> Result<(), NoAnswer>;

    /// Takes back a message that may be seen.
    async fn revoke(&self, message_id: &str) -> Result<(), NoAnswer>;

    /// Authenticates, then parses, without I/O.
    fn read_callback(&self, raw: &RawCallback<'_>) -> Result<Vec<Incoming>, CallbackError>;
}

/// What a price depends on.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    pub country: Country,
    pub code: &'a Code,
    pub wording: &'a Wording,
}

/// One message to send.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub attempt: AttemptId,
    pub phone: &'a PhoneNumber,
    pub draft: Draft<'a>,
    /// How long it may wait to be delivered.
    pub ttl: Duration,
    /// Where the provider may report to.
    pub callback_url: &'a str,
}

/// The provider could not be asked, or did not understand; to be tried again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider gave no usable answer")]
pub struct NoAnswer;

/// A request to `/callbacks/…`, as it came.
#[derive(Clone, Copy, Debug)]
pub struct RawCallback<'a> {
    pub now: DateTime<Utc>,
    /// The attempt that the path's token names; the token has been checked.
    pub attempt: Option<AttemptId>,
    /// The address that was called, as it was given to the provider.
    pub url: &'a str,
    pub headers: &'a [(String, String)],
    pub query: &'a str,
    pub body: &'a [u8],
}

impl RawCallback<'_> {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A report and whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub about: About,
    pub report: Report,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Attempt(AttemptId),
    /// The provider's own id, and the number's digits, for a report that does not name our attempt.
    Message {
        message_id: String,
        digits: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    #[error("the callback is not authentic")]
    NotAuthentic,
    /// Well signed, but too old or from the future: changes nothing, and the status is asked.
    #[error("the callback's time is more than 300 s off")]
    Stale(Vec<Incoming>),
    #[error("the callback cannot be read: {0}")]
    Malformed(String),
}
