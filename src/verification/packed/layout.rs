//! The stored form of each type, once. The order of fields and the numbers of variants are for ever; the header of this
//! folder says how to add to them.
//!
//! Times are written as the distance from the one before, so those that are often equal stand together. Of many optional
//! fields, the first seven are the common ones: their bits fit in one byte.

use super::bytes::{Damaged, Reader, Writer};
use super::value::{Optional, Packed, packed};
use crate::message::Wording;
use crate::money::Money;
use crate::trace::Context;
use crate::verification::abilities::{Abilities, Charged, Reports, TellsPrice, Ttl};
use crate::verification::asked::{Asked, Face, LimitKey, Tag};
use crate::verification::attempt::{
    Ask, Attempt, AttemptStatus, Bill, FollowUp, FollowUpKind, Reason,
};
use crate::verification::budget::{Hold, Period};
use crate::verification::cost::{Cost, CostState};
use crate::verification::event::{Event, EventKind};
use crate::verification::origin::{Origin, Requester};
use crate::verification::phone::LineType;
use crate::verification::route::{Stages, Step};
use crate::verification::{Record, Status, Terms};

packed! { struct Record {
    expires_at, created_at, last_send_at,
    country, checks_used, sends_used, terms, attempts, events, status,
} optional {
    origin, sms_price, payload, wording, asked, is_outside_code, is_vouched_for, limit_keys,
    trace,
} }

packed! { struct Context { trace, span, flags } optional { state } }

packed! { enum Status {
    Pending = 0,
    Approved { at, channel } = 1,
    Expired = 2,
    Canceled = 3,
    Locked = 4,
    Failed = 5,
} }

packed! { struct Terms { max_checks, max_sends, resend_after, route } optional { begin_within, stages } }

packed! { struct Stages { begins, each } }

packed! { struct Asked { face } optional { key, report_to, channel, tags, request } }

packed! { enum Face {
    Native = 0,
    Telegram = 1,
    Twilio = 2,
    Vonage = 3,
    Integration { id } = 4,
} }

packed! { struct Tag { name, value } }

packed! { struct LimitKey { name, value } }

packed! { struct Step { channel, wait } optional { approve_within } }

packed! { struct Wording {} optional {
    locale, web_domain, android_app_hash, template, is_message,
} }

packed! { struct Origin { prefix, line } optional { requester } }

packed! { struct Requester {} optional {
    ip, networks, user_agent, locale, asn, country, is_allowed,
} }

packed! { enum LineType {
    Mobile = 0,
    FixedLine = 1,
    FixedOrMobile = 2,
    Voip = 3,
    Other = 4,
} }

packed! { struct Attempt {
    ordinal, step, channel, provider, status, cost, created_at, updated_at,
} optional {
    holds, message_id, entries, reason, ask, gave_way, bill,
    abilities, follow_up, follow_up_planned,
} }

packed! { enum AttemptStatus {
    Queued = 0,
    Sending = 1,
    Unknown = 2,
    Sent = 3,
    Expired = 4,
    Undelivered = 5,
    Failed = 6,
    Refused = 7,
    Delivered = 8,
    Read = 9,
} }

packed! { enum Reason {
    Unreachable = 0,
    NumberInvalid = 1,
    Paused = 2,
    NoPrice = 3,
    BudgetExhausted = 4,
    Throttled = 5,
    Unavailable = 6,
    ProviderRejected = 7,
    NoAnswer = 8,
    Interrupted = 9,
    NotDelivered = 10,
    Revoked = 11,
    Canceled = 12,
    CodeNotCarried = 13,
    Guard = 14,
} }

packed! { struct Ask { due, asked } optional { reports } }

packed! { struct Bill { asked } optional { due } }

packed! { struct FollowUp { kind, due } optional { tries } }

packed! { enum FollowUpKind {
    ReportSuccess = 0,
    Revoke = 1,
} }

packed! { struct Cost { money, state } optional { guessed, waived } }

packed! { enum CostState {
    Estimated = 0,
    Charged = 1,
    Refunded = 2,
    RefundExpected = 3,
    Free = 4,
} }

packed! { struct Money { amount, currency } }

packed! { struct Hold { period, amount, of } optional { of_currency, reserved, spent, country } }

packed! { enum Period {
    Hour = 0,
    Day = 1,
    Month = 2,
} }

packed! { struct Abilities { reports, tells_price, charged, ttl } optional {
    ask, revoke, told_of_success,
} }

packed! { enum Reports {
    PerAttempt = 0,
    PerAccount = 1,
    ByAsking = 2,
    OnSession = 3,
    None = 4,
} }

packed! { enum TellsPrice {
    InAnswer = 0,
    InReport = 1,
    ByAsking = 2,
    Never = 3,
} }

packed! { enum Charged {
    OnAcceptance = 0,
    OnDelivery = 1,
} }

packed! { enum Ttl {
    PerMessage { least, most } = 0,
    Template = 1,
    None = 2,
} }

packed! { struct Event { seq, at, kind } optional { attempt, money, reason } }

packed! { enum EventKind {
    Created = 0,
    Sent = 1,
    Delivered = 2,
    Read = 3,
    Fallback = 4,
    Approved = 5,
    Locked = 6,
    Expired = 7,
    Failed = 8,
    Reopened = 9,
    Canceled = 10,
    Resend = 11,
    WrongCode = 12,
    Refused = 13,
    AttemptFailed = 14,
    Undelivered = 15,
    AttemptExpired = 16,
    Unknown = 17,
    Charged = 18,
    Refunded = 19,
    RefundExpected = 20,
    Drift = 21,
} }
