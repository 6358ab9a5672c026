//! One request id: its message and the message's state at a given time.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Url;

use super::requests::FEE;
use super::wire::{Money, Refusal, RequestStatus, Status};
use crate::simulator::Pace;
use crate::simulator::digest::TokenHash;
use crate::simulator::numbers::{Number, Reports, Telegram};
use crate::simulator::reports::{Kind, Report};
use crate::simulator::world::after;

/// Wrong codes answered with `code_invalid`; after that no code is valid. Telegram does not publish its limit.
const WRONG_CODES: u32 = 5;

/// Telegram's delivery states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Delivery {
    Sent,
    Delivered,
    Read,
    Expired,
    Revoked,
}

impl Delivery {
    fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A message's future, decided when it is accepted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Arrives {
        delivered: DateTime<Utc>,
        read: DateTime<Utc>,
    },
    Expires(DateTime<Utc>),
    /// Never delivered and, lacking a ttl, never expired.
    Stays,
    /// Revoked before delivery.
    Revoked(DateTime<Utc>),
}

impl Fate {
    pub(super) fn of(
        number: Number,
        ttl: Option<u32>,
        accepted: DateTime<Utc>,
        pace: &Pace,
    ) -> Self {
        let deadline = ttl.map(|seconds| {
            let length = Duration::from_secs(u64::from(seconds));
            let scaled = Duration::try_from_secs_f64(length.as_secs_f64() * pace.ttl_scale);
            after(accepted, scaled.unwrap_or(length))
        });
        let delivered = after(accepted, pace.delivered_after);
        let arrives = number.behaviour().telegram != Telegram::NeverDelivers;
        match deadline {
            Some(deadline) if !arrives || deadline < delivered => Self::Expires(deadline),
            None if !arrives => Self::Stays,
            _ => Self::Arrives {
                delivered,
                read: after(accepted, pace.read_after).max(delivered),
            },
        }
    }

    fn at(self, sent: DateTime<Utc>, now: DateTime<Utc>) -> (Delivery, DateTime<Utc>) {
        match self {
            Self::Arrives { read, .. } if read <= now => (Delivery::Read, read),
            Self::Arrives { delivered, .. } if delivered <= now => (Delivery::Delivered, delivered),
            Self::Expires(at) if at <= now => (Delivery::Expired, at),
            Self::Revoked(at) if at <= now => (Delivery::Revoked, at),
            _ => (Delivery::Sent, sent),
        }
    }
}

pub(super) struct Message {
    pub(super) code: String,
    pub(super) payload: Option<String>,
    pub(super) callback: Option<Url>,
    pub(super) sent: DateTime<Utc>,
    pub(super) fate: Fate,
}

/// A request id's state. Created by `checkSendAbility`, or by the send if no check preceded it.
pub(in crate::simulator) struct Request {
    id: u64,
    account: TokenHash,
    number: Number,
    message: Option<Message>,
    verification: Option<Status>,
    wrong_codes: u32,
}

impl Request {
    pub(super) fn new(
        id: u64,
        account: TokenHash,
        number: Number,
        message: Option<Message>,
    ) -> Self {
        Self {
            id,
            account,
            number,
            message,
            verification: None,
            wrong_codes: 0,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn account(&self) -> TokenHash {
        self.account
    }

    pub(super) fn number(&self) -> Number {
        self.number
    }

    /// Attaches the message that `checkSendAbility` paid for. Works once.
    pub(super) fn fill(&mut self, message: Message) -> Result<(), Refusal> {
        if self.message.is_some() {
            return Err(Refusal::MessageAlreadySent);
        }
        self.message = Some(message);
        Ok(())
    }

    pub(super) fn is_sent(&self) -> bool {
        self.message.is_some()
    }

    pub(super) fn delivery(&self, now: DateTime<Utc>) -> Option<Delivery> {
        let message = self.message.as_ref()?;
        Some(message.fate.at(message.sent, now).0)
    }

    /// Compares the code that the user entered. A valid code stays valid on later checks.
    pub(super) fn check(&mut self, code: &str, now: DateTime<Utc>) {
        let is_over = self.delivery(now) == Some(Delivery::Expired)
            || matches!(&self.verification, Some(status) if status.status == "expired");
        let is_right = self
            .message
            .as_ref()
            .is_some_and(|message| message.code == code);
        let status = if is_over {
            "expired"
        } else if self.wrong_codes >= WRONG_CODES {
            "code_max_attempts_exceeded"
        } else if is_right {
            "code_valid"
        } else {
            self.wrong_codes += 1;
            "code_invalid"
        };
        self.verification = Some(Status {
            status,
            updated_at: now.timestamp(),
            code_entered: Some(code.to_owned()),
        });
    }

    /// Expires the code, and revokes the message if it is undelivered. Returns the delivery state if anything changed.
    pub(super) fn revoke(&mut self, now: DateTime<Utc>) -> Option<Delivery> {
        let delivery = self.delivery(now)?;
        let is_closed = self
            .verification
            .as_ref()
            .is_some_and(|status| matches!(status.status, "expired" | "code_valid"));
        if delivery == Delivery::Sent
            && let Some(message) = &mut self.message
        {
            message.fate = Fate::Revoked(now);
        } else if is_closed {
            return None;
        }
        if !is_closed {
            self.verification = Some(Status {
                status: "expired",
                updated_at: now.timestamp(),
                code_entered: None,
            });
        }
        self.delivery(now)
    }

    pub(super) fn status(&self, now: DateTime<Utc>, remaining: Option<Money>) -> RequestStatus {
        let delivery = self
            .message
            .as_ref()
            .map(|message| message.fate.at(message.sent, now));
        self.write(delivery, remaining)
    }

    /// The report of a change; `None` without a callback URL or if this number never reports.
    pub(super) fn report(&self, change: Delivery, at: DateTime<Utc>) -> Option<Report> {
        let message = self.message.as_ref()?;
        let url = message.callback.clone()?;
        let key = match self.number.behaviour().reports {
            Reports::Never => return None,
            Reports::WronglySigned => self.account.forged(),
            Reports::Normal | Reports::TwiceAndOutOfOrder => self.account,
        };
        let happened = match (change, message.fate) {
            (Delivery::Delivered, Fate::Arrives { delivered, .. }) => delivered,
            _ => message.fate.at(message.sent, at).1,
        };
        let body = serde_json::to_string(&self.write(Some((change, happened)), None)).ok()?;
        Some(Report {
            url,
            body,
            kind: Kind::Telegram(key),
            tries: 0,
        })
    }

    fn write(
        &self,
        delivery: Option<(Delivery, DateTime<Utc>)>,
        remaining: Option<Money>,
    ) -> RequestStatus {
        let is_refunded = matches!(delivery, Some((Delivery::Expired, _)));
        RequestStatus {
            request_id: self.id.to_string(),
            phone_number: self.number.digits(),
            request_cost: FEE,
            is_refunded: is_refunded.then_some(true),
            remaining_balance: remaining,
            delivery_status: delivery.map(|(delivery, at)| Status {
                status: delivery.word(),
                updated_at: at.timestamp(),
                code_entered: None,
            }),
            verification_status: self.verification.clone(),
            payload: self
                .message
                .as_ref()
                .and_then(|message| message.payload.clone()),
        }
    }
}

/// Omits the code, the payload and the token.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
