//! Reports as tables, and the notation of their figures.

use maud::{Markup, html};

use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::Texts;
use crate::dashboard::text::faults::filled;
use crate::money::{Currency, Micros, Money};
use crate::reports::table::{Cell, Table};
use crate::verification::route::Channel;

/// Rows shown on a page; downloads have all of them.
const SHOWN: usize = 500;

/// The title of a report's column.
pub fn name(t: &Texts, column: &str) -> String {
    let m = t.money;
    let stage = |stage: &str| match stage {
        "requested" => m.requested,
        "sent" => t.sent,
        "delivered" => t.delivered,
        "read" => t.read,
        _ => t.approved,
    };
    if let Some((of, share)) = column.split_once("_p") {
        let which = if share == "50" { m.median } else { m.late };
        return format!("{}, {which}", stage(of));
    }
    match column {
        "month" => m.month,
        "week" => m.week,
        "day" => m.day,
        "hour" => m.hour,
        "project" => t.project,
        "channel" => t.channel,
        "provider" => t.provider,
        "country" => t.country,
        "verifications" => t.verifications,
        "attempts" => t.attempts,
        "charged" => m.charged,
        "refunded" => m.refunded,
        "refunded_expected" => m.refunded_expected,
        "net" => m.net,
        "sms_equivalent" => m.sms_equivalent,
        other => stage(other),
    }
    .to_owned()
}

/// A report as a table with a total row.
pub fn table(view: &Viewer, table: &Table, caption: &str) -> Markup {
    let (t, last) = (view.t, table.last_row());
    let hidden = table.rows.len().saturating_sub(SHOWN);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table class="figures" data-sort {
                caption class="unseen" { (caption) }
                thead { tr {
                    @for (place, column) in table.columns.iter().enumerate() {
                        th scope="col" class=[(place >= table.keys).then_some("figure")] { (name(t, column)) }
                    }
                } }
                tbody {
                    @for row in table.rows.iter().take(SHOWN) { tr { @for place in 0..row.len() { (data(table, row, place)) } } }
                }
                tfoot { tr {
                    @for place in 0..last.len() {
                        @if place == 0 && table.keys > 0 { th scope="row" { (t.money.total) } }
                        @else { (data(table, &last, place)) }
                    }
                } }
            }
        }
        @if hidden > 0 { p class="hint" { (filled(t.money.more_rows, &[&grouped(i64::try_from(hidden).unwrap_or(i64::MAX))])) } }
    }
}

/// A cell; in a funnel, with its share of the requests.
fn data(table: &Table, row: &[Cell], place: usize) -> Markup {
    let (column, cell) = (table.columns[place], &row[place]);
    if place < table.keys {
        let text = cell.text(table.currency);
        return html! { td { @match text.parse::<Channel>() { Ok(channel) if column == "channel" => (show::channel(channel)), _ => (text) } } };
    }
    let whole = table.columns.contains(&"requested") && column != "requested";
    let part = match cell {
        Cell::Count(count) if whole => share(*count, self::count(table, row, "requested")),
        _ => None,
    };
    let text = match cell {
        Cell::Count(count) => grouped(*count),
        other => other.text(table.currency).replace('-', "\u{2212}"),
    };
    let text = if text.is_empty() {
        "—".to_owned()
    } else {
        text
    };
    html! { td class="figure" { (text) @if part.is_some() { p class="hint" { (percent(part)) } } } }
}

/// A count with narrow spaces between thousands.
pub fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut out = String::from(if count < 0 { "\u{2212}" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A count in a row; 0 if there is none.
pub fn count(table: &Table, row: &[Cell], column: &str) -> i64 {
    match cell(table, row, column) {
        Some(Cell::Count(count)) => *count,
        _ => 0,
    }
}

/// An amount in a row; 0 if there is none.
pub fn amount(table: &Table, row: &[Cell], column: &str) -> Micros {
    match cell(table, row, column) {
        Some(Cell::Money(amount)) => *amount,
        _ => Micros::ZERO,
    }
}

/// A duration in a row, in seconds.
pub fn seconds(table: &Table, row: &[Cell], column: &str) -> Option<f64> {
    match cell(table, row, column) {
        Some(Cell::Seconds(seconds)) => *seconds,
        _ => None,
    }
}

/// A name in a row; empty if there is none.
pub fn word<'a>(table: &Table, row: &'a [Cell], column: &str) -> &'a str {
    match cell(table, row, column) {
        Some(Cell::Text(text)) => text,
        _ => "",
    }
}

fn cell<'a>(table: &Table, row: &'a [Cell], column: &str) -> Option<&'a Cell> {
    let place = table.columns.iter().position(|name| *name == column)?;
    row.get(place)
}

/// A percentage, rounded to the nearest; `None` if the whole is zero.
pub fn share(part: i64, of: i64) -> Option<i64> {
    (of > 0).then(|| (part * 100 + of / 2) / of)
}

/// A percentage as text, or a dash.
pub fn percent(share: Option<i64>) -> String {
    share.map_or_else(|| "—".to_owned(), |share| format!("{share} %"))
}

/// An amount rounded to the currency's minor units, for headlines; tables show every digit.
pub fn short(amount: Micros, currency: Currency) -> String {
    let digits = u32::try_from(currency.minor_digits()).unwrap_or(2);
    let step = 10_i64.pow(6 - digits.min(6));
    let rounded = (amount.0 + step / 2 * amount.0.signum()) / step * step;
    Money::new(Micros(rounded), currency)
        .decimal()
        .replace('-', "\u{2212}")
}
