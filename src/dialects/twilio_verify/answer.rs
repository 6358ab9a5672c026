//! A verification and its attempts in Twilio's fields.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::caller::Service;
use super::sid;
use super::wire::{address, time};
use crate::gateway::Gateway;
use crate::money::{Micros, Money};
use crate::verification::attempt::{Attempt, Reason};
use crate::verification::cost::CostState;
use crate::verification::phone::PhoneNumber;
use crate::verification::route::Channel;
use crate::verification::{Status, Verification};

pub fn status(v: &Verification) -> &'static str {
    match v.record.status {
        Status::Locked => "max_attempts_reached",
        status => status.as_str(),
    }
}

/// What the last request called it.
fn channel(v: &Verification) -> &str {
    let asked = v.record.asked.as_ref();
    asked
        .and_then(|asked| asked.channel.as_deref())
        .unwrap_or("sms")
}

fn updated_at(v: &Verification) -> DateTime<Utc> {
    let last = v.record.events.last();
    last.map_or(v.record.created_at, |event| event.at)
}

/// Attempts that were handed to a provider. Others were skipped before.
pub fn tried(v: &Verification) -> impl Iterator<Item = &Attempt> {
    let never_left = |reason: Reason| reason.is_skip() || reason == Reason::Canceled;
    let attempts = v.record.attempts.iter();
    attempts.filter(move |attempt| !attempt.reason.is_some_and(never_left))
}

pub fn verification(gateway: &Gateway, service: &Service, v: &Verification) -> Value {
    let sid = sid::verification(v.id);
    let attempts: Vec<Value> = tried(v)
        .map(|attempt| {
            let channel = match attempt.channel {
                Channel::Sms => "SMS",
                other => other.as_str(),
            };
            json!({
                "time": time(attempt.created_at),
                "channel": channel,
                "attempt_sid": sid::attempt(v, attempt),
            })
        })
        .collect();
    json!({
        "sid": sid,
        "service_sid": service.sid,
        "account_sid": service.account_sid,
        "to": number(v),
        "channel": channel(v),
        "status": status(v),
        "valid": matches!(v.record.status, Status::Approved { .. }),
        "lookup": {},
        "amount": null,
        "payee": null,
        "send_code_attempts": attempts,
        "date_created": time(v.record.created_at),
        "date_updated": time(updated_at(v)),
        "sna": null,
        "url": address(gateway, &format!("/Services/{}/Verifications/{sid}", service.sid)),
    })
}

/// The last wrong code, too, is answered as pending; the next request says that there are no more.
pub fn check(service: &Service, v: &Verification, valid: bool, proof: Option<&str>) -> Value {
    let status = if valid { "approved" } else { "pending" };
    let mut answer = json!({
        "sid": sid::verification(v.id),
        "service_sid": service.sid,
        "account_sid": service.account_sid,
        "to": number(v),
        "channel": channel(v),
        "status": status,
        "valid": valid,
        "amount": null,
        "payee": null,
        "date_created": time(v.record.created_at),
        "date_updated": time(updated_at(v)),
        "sna_attempts_error_codes": [],
    });
    if let Some(proof) = proof {
        answer["proof"] = json!(proof);
    }
    answer
}

pub fn attempt(gateway: &Gateway, service: &Service, v: &Verification, attempt: &Attempt) -> Value {
    let sid = sid::attempt(v, attempt);
    // What came back, or was never charged, costs nothing.
    let cost = &attempt.cost;
    let stands = cost.state.stands_charged() || cost.state == CostState::Estimated;
    let amount = if stands {
        cost.money.amount
    } else {
        Micros::ZERO
    };
    let money = Money::new(amount, cost.money.currency);
    json!({
        "sid": sid,
        "account_sid": service.account_sid,
        "service_sid": service.sid,
        "verification_sid": sid::verification(v.id),
        "date_created": time(attempt.created_at),
        "date_updated": time(attempt.updated_at),
        "conversion_status": if is_converted(v, attempt) { "converted" } else { "unconverted" },
        "channel": attempt.channel.as_str(),
        "price": { "value": money.decimal(), "currency": money.currency.as_str().to_ascii_lowercase() },
        "channel_data": {
            "to": number(v),
            "status": status(v),
            "message_status": attempt.status.as_str().to_ascii_uppercase(),
            "error_code": attempt.reason.map(Reason::as_str),
            "country": v.record.country.to_string(),
            "code_length": null,
            "locale": v.record.wording.locale,
            "mcc": null,
            "mnc": null,
            "carrier": null,
            "verification_sid": sid::verification(v.id),
        },
        "url": address(gateway, &format!("/Attempts/{sid}")),
    })
}

/// Empty once it was erased: clients read a text.
fn number(v: &Verification) -> &str {
    v.phone.as_ref().map_or("", PhoneNumber::as_str)
}

/// As reports count: the last attempt of an approved verification.
pub fn is_converted(v: &Verification, attempt: &Attempt) -> bool {
    let is_last = v
        .newest()
        .is_some_and(|last| last.ordinal == attempt.ordinal);
    is_last && matches!(v.record.status, Status::Approved { .. })
}
