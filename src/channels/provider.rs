//! The interface of a provider: its account, its abilities, and four verbs.

use std::cell::OnceCell;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::ledger::price::Prices;
use crate::ledger::rates::Unit;
use crate::message::{Wording, segments, text};
use crate::money::{Currency, Micros, Money};
use crate::verification::abilities::Abilities;
use crate::verification::attempt::{Receipt, Report, SendError};
use crate::verification::code::Code;
use crate::verification::id::AttemptId;
use crate::verification::phone::{Country, PhoneNumber};
use crate::verification::route::Channel;

/// The settings that every kind of provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Unique; it appears in attempts, ledger, metrics and callback URLs.
    pub name: String,
    pub channel: Channel,
    pub currency: Currency,
    /// As configured, for each unit.
    pub prices: Prices,
    /// What a price is multiplied by.
    pub unit: Unit,
    /// How long an answer may take.
    pub timeout: Duration,
    /// If less than this is left, webhooks are sent.
    pub balance_threshold: Option<Micros>,
}

impl Account {
    /// How many times the price a message costs.
    #[must_use]
    pub fn units(&self, draft: &Draft<'_>) -> u32 {
        match self.unit {
            Unit::Message => 1,
            Unit::Segment => draft.segments(),
        }
    }

    /// What a message is expected to cost by the configured prices; `None`: there is no price, so it must not be sent.
    #[must_use]
    pub fn estimate(&self, draft: &Draft<'_>) -> Option<Money> {
        self.prices
            .estimate(draft.country, self.units(draft), self.currency)
    }
}

/// One account with a company that carries a channel.
#[async_trait]
pub trait Provider: Send + Sync + std::fmt::Debug {
    fn account(&self) -> &Account;

    fn abilities(&self) -> Abilities;

    /// Of the account.
    fn name(&self) -> &str {
        &self.account().name
    }

    /// The name under which it sends, if it has one.
    fn sender(&self) -> Option<&str> {
        None
    }

    /// Whether it can carry this code, or this message.
    fn carries(&self, _draft: &Draft<'_>) -> bool {
        true
    }

    /// Sends once. Never retries a request that may have left.
    async fn send(&self, message: &Message<'_>) -> Result<Receipt, SendError>;

    /// The state of a message, and its price if that is only known later. Called only if the abilities say so.
    async fn ask(&self, _message_id: &str) -> Result<Report, NoAnswer> {
        Err(NoAnswer)
    }

    /// Notifies the provider how the verification ended. Called only if the abilities say so.
    async fn notify(&self, _message_id: &str, _notice: Notice<'_>) -> Result<(), NoAnswer> {
        Ok(())
    }

    /// Whether the account is accepted, and the provider's time if it told that.
    async fn examine(&self) -> (Examined, Option<DateTime<Utc>>);

    /// Authenticates, then parses, without I/O, and says what to answer.
    fn read_callback(
        &self,
        request: &CallbackRequest<'_>,
        arrival: &Arrival<'_>,
    ) -> Result<Read, CallbackError>;
}

/// What a provider says of its account, asked in a way that costs nothing and sends nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examined {
    /// The account is accepted.
    Accepted,
    /// The provider answers; it has no question about the account that costs nothing.
    Reached,
    /// The account is refused; what to do.
    Refused(String),
    /// An answer that says neither.
    Unclear(String),
    /// No answer.
    Away(String),
}

/// A message's text, rendered once when it is first asked for, and what its price depends on.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    pub country: Country,
    pub code: &'a Code,
    pub wording: &'a Wording,
    text: OnceCell<String>,
}

impl<'a> Draft<'a> {
    #[must_use]
    pub fn new(country: Country, code: &'a Code, wording: &'a Wording) -> Self {
        Self {
            country,
            code,
            wording,
            text: OnceCell::new(),
        }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        let render = || text::render(self.code.as_str(), self.wording);
        self.text.get_or_init(render)
    }

    /// How many SMS it takes.
    #[must_use]
    pub fn segments(&self) -> u32 {
        segments::count(self.text()).1
    }
}

/// One message to send.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub attempt: AttemptId,
    pub phone: &'a PhoneNumber,
    pub code: &'a Code,
    /// With the code in it.
    pub text: &'a str,
    /// How long it may wait to be delivered.
    pub ttl: Duration,
    /// Where the provider may report to.
    pub callback_url: &'a str,
}

/// How a verification ended, as far as the provider of one of its messages cares.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// The visitor entered this code.
    Success(&'a Code),
    /// It was canceled: the message should be revoked.
    Revoke,
}

/// The provider could not be asked, or did not understand; to be tried again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider gave no usable answer")]
pub struct NoAnswer;

/// A request to `/callbacks/…`, as it came.
#[derive(Clone, Copy, Debug)]
pub struct CallbackRequest<'a> {
    pub provider: &'a str,
    /// The last segment of the path, for providers that do not sign.
    pub token: Option<&'a str>,
    pub method: CallbackMethod,
    /// Lower-case names.
    pub headers: &'a [(String, String)],
    pub query: &'a str,
    pub body: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackMethod {
    Get,
    Post,
}

impl CallbackRequest<'_> {
    /// The refusal by a provider whose reports carry a token, of a request without one: it has no handshake either.
    #[must_use]
    pub fn without_token(&self) -> CallbackError {
        match self.method {
            CallbackMethod::Get => CallbackError::NoGet,
            CallbackMethod::Post => CallbackError::NotAuthentic,
        }
    }

    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the gateway knows about a callback.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub now: DateTime<Utc>,
    /// The attempt that the path's token names; the token has been checked.
    pub attempt: Option<AttemptId>,
    /// The address that was called, as it was given to the provider.
    pub url: &'a str,
}

/// What was in a callback, and what its caller wants to read once that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub reports: Vec<Incoming>,
    pub reply: Reply,
}

impl Read {
    /// Answered with an empty 200.
    #[must_use]
    pub fn reports(reports: Vec<Incoming>) -> Self {
        Self {
            reports,
            reply: Reply::default(),
        }
    }
}

/// The answer to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub content_type: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            status: 200,
            content_type: None,
            body: Vec::new(),
        }
    }
}

/// A report and its subject.
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
    /// The address does not accept GET; this provider has no handshake.
    #[error("the callback's method is not supported")]
    NoGet,
}
