//! One request id: what was sent with it, and what has become of that by a given time.

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

/// So many wrong codes are answered `code_invalid`; after them nothing is valid any more. Telegram's own number is unpublished.
const WRONG_CODES: u32 = 5;

/// The state of a message, in Telegram's words.
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

/// What will become of a message, decided when it is accepted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Arrives {
        delivered: DateTime<Utc>,
        read: DateTime<Utc>,
    },
    Expires(DateTime<Utc>),
    /// Never delivered, and without a ttl never given up.
    Stays,
    /// Revoked while it was not yet delivered.
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

/// Since `checkSendAbility` or, without one, since the message was sent.
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

    /// What `checkSendAbility` has paid for is sent, once.
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

    /// What the user typed is judged. Each check stands for itself: a valid code stays valid.
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

    /// Closes the code's window at once; takes the message back if it has not arrived. Says whether anything changed.
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

    /// The report of a change, if it is to be made.
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

/// Without the code, the payload and the token.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
