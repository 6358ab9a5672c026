//! How long an account lasts, and why its balances differ.

use chrono::{Days, NaiveDate};
use maud::{Markup, html};

use crate::access::Right;
use crate::dashboard::frame::forms::encoded;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::Balance;
use crate::money::{Micros, Money};

/// A longer runway is as good as none.
const LONGEST_DAYS: f64 = 36_500.0;

/// How long a balance lasts: days, the day on which it ends, and on hover how that was computed; `in_full`: as text.
pub fn runway(view: &Viewer, balance: &Balance, today: NaiveDate, in_full: bool) -> Markup {
    let t = view.t.money;
    let Some(days) = balance.runway_days else {
        return html! { span title=(t.runway_none) { "—" } };
    };
    let left = whole(days);
    let end = today
        .checked_add_days(Days::new(left))
        .filter(|_| days < LONGEST_DAYS);
    let source = if balance.reported.is_some() {
        t.by_provider
    } else {
        t.by_ledger
    };
    let a_day = Money::new(Micros(balance.week_spent.0 / 7), balance.currency);
    let digits = balance.currency.minor_digits().max(4);
    let basis = filled(t.runway_by, &[&view.locale().money(a_day, digits), source]);
    let count = if days < 10.0 {
        format!(
            "{} {}",
            view.locale().decimal(&days.to_string()),
            t.day_part
        )
    } else {
        let forms = view.locale().counted(left, t.day_forms);
        let count = view.locale().count(i64::try_from(left).unwrap_or(i64::MAX));
        format!("{count}\u{a0}{forms}")
    };
    html! {
        @if in_full { (count) } @else { (show::term(&count, &basis)) }
        @if let Some(end) = end { p class="hint" { (filled(t.runway_until, &[&view.locale().day(end)])) } }
        @if in_full { p class="hint why" { (basis) } }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "days, checked to be few and positive"
)]
fn whole(days: f64) -> u64 {
    days.clamp(0.0, LONGEST_DAYS) as u64
}

/// Why the provider's balance and the ledger differ, and what to do; nothing where it reports none.
pub fn difference(view: &Viewer, balance: &Balance) -> Markup {
    let t = view.t.money;
    let Some(drift) = balance.drift() else {
        return html! {};
    };
    let recent = view
        .locale()
        .exact(Money::new(balance.booked_since, balance.currency));
    let is_recent = balance.booked_since != Micros::ZERO && balance.booked_since.0 == -drift.0;
    let why = match drift.0 {
        0 => return html! { p class="hint" { (t.agrees) } },
        _ if !balance.is_kept => t.differs_opening.to_owned(),
        _ if is_recent => filled(t.differs_recent, &[&recent]),
        more if more > 0 => t.differs_more.to_owned(),
        _ => t.differs_less.to_owned(),
    };
    let kind = if balance.is_kept {
        "adjustment"
    } else {
        "top_up"
    };
    let book = format!(
        "/dashboard/balances?account={}&kind={kind}&amount={}#book",
        encoded(&format!("{} {}", balance.provider, balance.currency)),
        drift.to_decimal(balance.currency.minor_digits())
    );
    let may_book = view.may(Right::Book) && !is_recent && (balance.is_kept || drift.0 > 0);
    html! {
        p class="hint why" { (why) @if may_book { " " a href=(book) { (t.book_difference) } } }
    }
}
