//! The result of a call: a verification as Telegram describes a request. Clients break on fields that Telegram does not have, so there are none.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Number;
use serde_json::value::{RawValue, to_raw_value};

use super::request_id;
use crate::gateway::Gateway;
use crate::money::{Currency, Micros, Money};
use crate::verification::attempt::{Attempt, AttemptStatus};
use crate::verification::cost::CostState;
use crate::verification::event::EventKind;
use crate::verification::id::VerificationId;
use crate::verification::phone::PhoneNumber;
use crate::verification::route::Channel;
use crate::verification::{Status, Verification};

/// Converts at the newest rate; `None`: there is none.
pub type Convert<'a> = dyn Fn(Money, Currency) -> Option<Micros> + Sync + 'a;

pub fn converter(gateway: &Gateway) -> impl Fn(Money, Currency) -> Option<Micros> + Sync {
    let now = gateway.now();
    move |money, to| gateway.finance().convert(money, to, now)
}

/// As JSON, with the fields in the order in which Telegram has them.
pub fn written(result: &impl Serialize) -> Box<RawValue> {
    to_raw_value(result).expect("it is texts, numbers and flags")
}

/// The answer to a call that succeeds.
#[derive(Debug, Serialize)]
pub struct Answer {
    ok: bool,
    result: Box<RawValue>,
}

impl Answer {
    pub fn of(result: Box<RawValue>) -> Self {
        Self { ok: true, result }
    }
}

/// The answer to `checkSendAbility`.
#[derive(Debug, Serialize)]
pub struct Ability {
    request_id: String,
    phone_number: String,
    request_cost: Number,
}

impl Ability {
    pub fn of(id: VerificationId, phone: &PhoneNumber) -> Self {
        Self {
            request_id: request_id::text(id),
            phone_number: phone.digits().to_owned(),
            request_cost: number(Micros::ZERO),
        }
    }

    pub fn json(&self) -> Box<RawValue> {
        written(self)
    }
}

#[derive(Debug, Serialize)]
pub struct RequestStatus {
    request_id: String,
    /// Without a plus sign.
    phone_number: String,
    request_cost: Number,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_refunded: bool,
    delivery_status: Stamped,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_status: Option<Stamped>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

#[derive(Debug, Serialize)]
struct Stamped {
    status: &'static str,
    /// Seconds since 1970.
    updated_at: i64,
}

impl Stamped {
    fn at(status: &'static str, at: DateTime<Utc>) -> Self {
        Self {
            status,
            updated_at: at.timestamp(),
        }
    }
}

/// What came of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    Invalid,
    NoMoreAttempts,
    Expired,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Valid => "code_valid",
            Self::Invalid => "code_invalid",
            Self::NoMoreAttempts => "code_max_attempts_exceeded",
            Self::Expired => "expired",
        }
    }
}

impl RequestStatus {
    pub fn of(v: &Verification, convert: &Convert<'_>) -> Self {
        let (cost, is_refunded) = cost(v, convert);
        Self {
            request_id: request_id::text(v.id),
            phone_number: v
                .phone
                .as_ref()
                .map_or_else(String::new, |phone| phone.digits().to_owned()),
            request_cost: number(cost),
            is_refunded,
            delivery_status: delivery(v),
            verification_status: verdict(v),
            payload: v.record.payload.clone(),
        }
    }

    /// The code of this very call was evaluated.
    pub fn evaluated(&mut self, verdict: Verdict, now: DateTime<Utc>) {
        let is_known = |known: &Stamped| known.status == verdict.word();
        if !self.verification_status.as_ref().is_some_and(is_known) {
            self.verification_status = Some(Stamped::at(verdict.word(), now));
        }
    }

    pub fn json(&self) -> Box<RawValue> {
        written(self)
    }
}

/// The best evidence of all attempts. Only Telegram knows that a message was read.
fn delivery(v: &Verification) -> Stamped {
    let record = &v.record;
    let attempts = || record.attempts.iter();
    let is_read = |a: &&Attempt| a.status == AttemptStatus::Read && a.channel == Channel::Telegram;
    let is_there =
        |a: &&Attempt| matches!(a.status, AttemptStatus::Delivered | AttemptStatus::Read);
    if let Some(read) = attempts().find(is_read) {
        return Stamped::at("read", read.updated_at);
    }
    if let Some(delivered) = attempts().find(is_there) {
        return Stamped::at("delivered", delivered.updated_at);
    }
    let newest = v.newest().map_or(record.created_at, |a| a.updated_at);
    match record.status {
        Status::Canceled => Stamped::at("revoked", ended_at(v)),
        _ if attempts().all(|a| a.status.is_dead()) => Stamped::at("expired", newest),
        _ => Stamped::at("sent", newest),
    }
}

/// Absent until there is something to say.
fn verdict(v: &Verification) -> Option<Stamped> {
    let record = &v.record;
    let verdict = match record.status {
        Status::Approved { at, .. } => return Some(Stamped::at(Verdict::Valid.word(), at)),
        Status::Locked => Verdict::NoMoreAttempts,
        Status::Expired | Status::Canceled => Verdict::Expired,
        Status::Pending | Status::Failed => {
            let mut events = record.events.iter().rev();
            let wrong = events.find(|event| event.kind == EventKind::WrongCode)?;
            return Some(Stamped::at(Verdict::Invalid.word(), wrong.at));
        }
    };
    Some(Stamped::at(verdict.word(), ended_at(v)))
}

fn ended_at(v: &Verification) -> DateTime<Utc> {
    let mut events = v.record.events.iter().rev();
    let end = |kind| {
        matches!(
            kind,
            EventKind::Locked | EventKind::Expired | EventKind::Canceled
        )
    };
    let end = events.find(|event| end(event.kind));
    end.map_or(v.record.expires_at, |event| event.at)
}

/// What is charged, or will be as far as we know, in the currency of the first attempt. If all of it came back: how much that was, and true.
/// Where an exchange rate is missing: the amounts in the currency that was charged first.
fn cost(v: &Verification, convert: &Convert<'_>) -> (Micros, bool) {
    let attempts = &v.record.attempts;
    let Some(currency) = attempts.first().map(|a| a.cost.money.currency) else {
        return (Micros::ZERO, false);
    };
    let stands =
        |a: &&Attempt| a.cost.state.stands_charged() || a.cost.state == CostState::Estimated;
    let standing: Vec<Money> = attempts
        .iter()
        .filter(stands)
        .map(|a| a.cost.money)
        .collect();
    if let Some(first) = standing.first() {
        let sum = sum(&standing, currency, convert);
        let own: Vec<Money> = standing
            .iter()
            .filter(|money| money.currency == first.currency)
            .copied()
            .collect();
        let own = || self::sum(&own, first.currency, convert).unwrap_or(first.amount);
        return (sum.unwrap_or_else(own), false);
    }
    let returned = attempts
        .iter()
        .filter(|a| a.cost.state == CostState::Refunded);
    let returned: Vec<Money> = returned.map(|a| a.cost.money).collect();
    let sum = sum(&returned, currency, convert).unwrap_or(Micros::ZERO);
    (sum, !returned.is_empty())
}

/// `None`: an exchange rate is missing.
fn sum(amounts: &[Money], currency: Currency, convert: &Convert<'_>) -> Option<Micros> {
    let mut sum = Micros::ZERO;
    for money in amounts {
        sum = Micros(sum.0.saturating_add(convert(*money, currency)?.0));
    }
    Some(sum)
}

/// Whole amounts are written as whole numbers.
fn number(amount: Micros) -> Number {
    const UNIT: i64 = 1_000_000;
    if amount.0 % UNIT == 0 {
        return (amount.0 / UNIT).into();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "Telegram writes binary fractions, too"
    )]
    let amount = amount.0 as f64 / UNIT as f64;
    Number::from_f64(amount).unwrap_or_else(|| 0.into())
}
