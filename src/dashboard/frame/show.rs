//! How single values are displayed: times, money, numbers, states.

use actix_web::HttpRequest;
use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};
use uuid::Uuid;

use super::forms::Form;
use super::viewer::Viewer;
use crate::access::Right;
use crate::dashboard::text::Texts;
use crate::gateway::Role;
use crate::ledger::entry::Kind;
use crate::money::Money;
use crate::verification::attempt::{AttemptStatus, Reason};
use crate::verification::cost::CostState;
use crate::verification::event::EventKind;
use crate::verification::phone::PhoneNumber;
use crate::verification::route::Channel;
use crate::verification::{Status, Verification};

/// A time to the second, in the viewer's zone.
pub fn time(view: &Viewer, at: DateTime<Utc>) -> Markup {
    clock(view, at, "%H:%M:%S")
}

/// A time to the minute, where seconds do not matter.
pub fn minute(view: &Viewer, at: DateTime<Utc>) -> Markup {
    clock(view, at, "%H:%M")
}

fn clock(view: &Viewer, at: DateTime<Utc>, format: &str) -> Markup {
    let local = at.with_timezone(&view.zone);
    let exact = format!("{} {}", local.format("%Y-%m-%d %H:%M:%S"), view.zone.name());
    html! {
        time datetime=(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)) title=(exact) {
            span class="day" { (view.locale().day(local.date_naive())) } " " span class="clock" { (local.format(format).to_string()) }
        }
    }
}

/// A table that scrolls by itself where the page is too narrow; on a phone each row is a card, whose cells name themselves by
/// `data-label` and whose main figure has the class `first`. `content`: its head and body.
pub fn table(title: &str, content: &Markup) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(title) {
            table class="figures" { caption class="unseen" { (title) } (content) }
        }
    }
}

/// The head of a column of times, which names the zone.
pub fn time_head(view: &Viewer) -> Markup {
    html! { (view.t.time) " " span class="hint" { (view.zone.name()) } }
}

/// A word with its explanation on hover.
pub fn term(word: &str, why: &str) -> Markup {
    html! { abbr title=(why) { (word) } }
}

/// An amount with its currency, exact.
pub fn money(view: &Viewer, money: Money) -> Markup {
    html! { span class="money" { (view.locale().exact(money)) } }
}

/// An amount with this many decimals; exact on hover.
pub fn rounded(view: &Viewer, money: Money, digits: usize) -> Markup {
    let locale = view.locale();
    html! { span class="money" title=(locale.exact(money)) { (locale.money(money, digits)) } }
}

/// An amount for a headline, with the currency's minor decimals; exact on hover.
pub fn short(view: &Viewer, money: Money) -> Markup {
    rounded(view, money, money.currency.minor_digits())
}

/// An id, shortened; whole on hover, and copied by a click where there is script.
pub fn id(id: Uuid) -> Markup {
    let whole = id.to_string();
    let short = format!("{}…{}", &whole[..8], &whole[whole.len() - 6..]);
    html! { span class="id" title=(whole) data-id=(whole) { (short) } }
}

/// An id in full, copied by a click.
pub fn whole_id(id: Uuid) -> Markup {
    let whole = id.to_string();
    html! { span class="id" title=(whole) data-id=(whole) { (whole) } }
}

/// A country by name, with its code.
pub fn country(view: &Viewer, code: &str) -> Markup {
    html! {
        @match view.locale().country(code) {
            Some(name) => { (name) " " span class="hint" { (code) } },
            None if code.is_empty() => "—",
            None => (code),
        }
    }
}

/// A phone number, masked unless the viewer may see it in full; `None`: it was erased.
pub fn number(view: &Viewer, phone: Option<&PhoneNumber>) -> Markup {
    let Some(phone) = phone else {
        return html! { span class="hint" { (view.t.number_erased) } };
    };
    if view.may(Right::FullNumbers) {
        return html! { span class="number" { (phone.international()) } };
    }
    html! { span class="number" title=(view.t.number_masked) { (phone.masked()) } }
}

/// The cost of a verification, one line per currency.
pub fn costs(view: &Viewer, v: &Verification) -> Markup {
    let costs = v.costs();
    html! {
        @if costs.is_empty() { span class="none" { "—" } }
        @for cost in costs { (money(view, cost)) }
    }
}

fn badge(tone: &str, text: &str) -> Markup {
    html! { span class={ "badge " (tone) } { (text) } }
}

pub fn status(t: &Texts, status: Status) -> Markup {
    match status {
        Status::Pending => badge("wait", t.pending),
        Status::Approved { .. } => badge("good", t.approved),
        Status::Expired => badge("off", t.expired),
        Status::Canceled => badge("off", t.canceled),
        Status::Locked => badge("bad", t.locked),
        Status::Failed => badge("bad", t.failed),
    }
}

/// The label of a status given by name, for filters.
pub fn status_name(t: &Texts, name: &str) -> &'static str {
    match name {
        "pending" => t.pending,
        "approved" => t.approved,
        "expired" => t.expired,
        "canceled" => t.canceled,
        "locked" => t.locked,
        _ => t.failed,
    }
}

pub fn attempt(t: &Texts, status: AttemptStatus) -> Markup {
    match status {
        AttemptStatus::Queued => badge("wait", t.queued),
        AttemptStatus::Sending => badge("wait", t.sending),
        AttemptStatus::Unknown => badge("bad", t.unknown),
        AttemptStatus::Sent => badge("wait", t.sent),
        AttemptStatus::Expired => badge("off", t.attempt_expired),
        AttemptStatus::Undelivered => badge("bad", t.undelivered),
        AttemptStatus::Failed => badge("bad", t.attempt_failed),
        AttemptStatus::Refused => badge("off", t.refused),
        AttemptStatus::Delivered => badge("good", t.delivered),
        AttemptStatus::Read => badge("good", t.read),
    }
}

pub fn cost_state(t: &Texts, state: CostState) -> &'static str {
    match state {
        CostState::Estimated => t.estimated,
        CostState::Charged => t.charged,
        CostState::Refunded => t.refunded,
        CostState::RefundExpected => t.refund_expected,
        CostState::Free => t.free,
    }
}

pub fn channel(channel: Channel) -> Markup {
    let tone = match channel {
        Channel::Telegram => "good",
        Channel::Sms | Channel::Other(_) => "",
    };
    html! { span class={ "chip " (tone) } { (channel.label()) } }
}

pub fn reason(t: &Texts, reason: Reason) -> &'static str {
    match reason {
        Reason::Unreachable => t.reason_unreachable,
        Reason::NumberInvalid => t.reason_number_invalid,
        Reason::Paused => t.reason_paused,
        Reason::NoPrice => t.reason_no_price,
        Reason::BudgetExhausted => t.reason_budget,
        Reason::Throttled => t.reason_throttled,
        Reason::Unavailable => t.reason_unavailable,
        Reason::ProviderRejected => t.reason_rejected,
        Reason::NoAnswer => t.reason_no_answer,
        Reason::Interrupted => t.reason_interrupted,
        Reason::NotDelivered => t.reason_not_delivered,
        Reason::Revoked => t.reason_revoked,
        Reason::Canceled => t.reason_canceled,
        Reason::CodeNotCarried => t.reason_code_not_carried,
        Reason::Guard => t.reason_guard,
    }
}

/// The label of an event and its tone, a CSS class.
pub fn event(t: &Texts, kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::Created => (t.event_created, ""),
        EventKind::Sent => (t.sent, ""),
        EventKind::Delivered => (t.delivered, "good"),
        EventKind::Read => (t.read, "good"),
        EventKind::Fallback => (t.event_fallback, ""),
        EventKind::Approved => (t.event_approved, "good"),
        EventKind::Locked => (t.event_locked, "bad"),
        EventKind::Expired => (t.event_expired, "bad"),
        EventKind::Failed => (t.event_failed, "bad"),
        EventKind::Reopened => (t.event_reopened, ""),
        EventKind::Canceled => (t.event_canceled, "bad"),
        EventKind::Resend => (t.event_resend, ""),
        EventKind::WrongCode => (t.event_wrong, "bad"),
        EventKind::Refused => (t.refused, "bad"),
        EventKind::AttemptFailed => (t.attempt_failed, "bad"),
        EventKind::Undelivered => (t.undelivered, "bad"),
        EventKind::AttemptExpired => (t.attempt_expired, "bad"),
        EventKind::Unknown => (t.unknown, "bad"),
        EventKind::Charged => (t.charged, "money"),
        EventKind::Refunded => (t.refunded, "money"),
        EventKind::RefundExpected => (t.refund_expected, "money"),
        EventKind::Drift => (t.event_drift, "bad"),
    }
}

pub fn kind(t: &Texts, kind: Kind) -> &'static str {
    match kind {
        Kind::Charge => t.charge,
        Kind::Refund => t.refund,
        Kind::TopUp => t.top_up,
        Kind::Adjustment => t.adjustment,
    }
}

pub fn basis(t: &Texts, basis: &str) -> &'static str {
    match basis {
        "reported" => t.basis_reported,
        "documented" => t.basis_documented,
        "estimated" => t.basis_estimated,
        _ => t.basis_manual,
    }
}

pub fn role(t: &Texts, role: Role) -> &'static str {
    match role {
        Role::Owner => t.role_owner,
        Role::Finance => t.role_finance,
        Role::Support => t.role_support,
    }
}

/// The words for the `done` parameter, which a redirect adds after a form was processed; unknown values are ignored.
pub fn was_done(request: &HttpRequest, known: &[(&str, &'static str)]) -> Option<&'static str> {
    let asked = Form::parse(request.query_string());
    let found = known.iter().find(|(name, _)| *name == asked.text("done"));
    found.map(|(_, words)| *words)
}

/// A success notice above the page.
pub fn done(words: Option<&str>) -> Markup {
    html! { @if let Some(words) = words { p class="notice good" role="status" { (words) } } }
}

/// A state as a badge; `tone` is a CSS class.
pub fn state(tone: &str, text: &str) -> Markup {
    badge(tone, text)
}

/// A text to copy; the script adds the button.
pub fn secret(t: &Texts, label: &str, text: &str) -> Markup {
    html! {
        div class="secret" {
            p class="label" { (label) }
            div class="line" {
                code data-copy=(t.copy) data-copied=(t.copied) { (text) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::text::Language;

    #[test]
    fn the_texts_that_list_the_channels_name_each() {
        for language in Language::ALL {
            let text = language.texts.rules.unit_usual;
            for channel in Channel::ALL {
                assert!(
                    text.contains(channel.label()),
                    "{channel} is not in: {text}"
                );
            }
        }
    }
}
