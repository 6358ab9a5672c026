//! Reports as tables, and the notation of their figures.

use chrono::{DateTime, NaiveDate};
use maud::{Markup, html};

use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::locale::numbers::decimals;
use crate::money::{Micros, Money};
use crate::reports::table::{Cell, Table};
use crate::reports::words::{meaning, sheet};
use crate::verification::route::Channel;

/// Rows shown on a page; downloads have all of them.
const SHOWN: usize = 500;
/// Decimals shown at most; more are shown on hover.
const MOST_DIGITS: usize = 4;

/// A column on the page.
struct Column {
    /// Its place in the report.
    place: usize,
    key: &'static str,
    title: &'static str,
    why: &'static str,
    /// Decimals of its amounts.
    digits: usize,
    is_key: bool,
}

/// The report's columns; a percentile is shown below its median, and refunds to come only where there are any.
fn columns(view: &Viewer, table: &Table) -> Vec<Column> {
    let m = view.t.money;
    let column = |(place, key): (usize, &&'static str)| {
        let (title, why) = match *key {
            "sent_p50" => (m.until_sent, m.until_why),
            "delivered_p50" => (m.until_delivered, m.until_why),
            "read_p50" => (m.until_read, m.until_why),
            "approved_p50" => (m.until_approved, m.until_why),
            key => (view.column(key), meaning(view.locale(), key)),
        };
        let is_key = place < table.keys;
        let totals = (!is_key).then(|| &table.total[place - table.keys]);
        let cells = table.rows.iter().map(|row| &row[place]).chain(totals);
        let amounts = cells.filter_map(|cell| match cell {
            Cell::Money(amount) => Some(*amount),
            _ => None,
        });
        Column {
            place,
            key,
            title,
            why,
            digits: decimals(amounts, table.currency).min(MOST_DIGITS),
            is_key,
        }
    };
    let columns = table.columns.iter().enumerate();
    columns
        .filter(|(_, key)| !key.ends_with("_p95"))
        .filter(|(place, key)| **key != "refunded_expected" || !is_zero(table, *place))
        .map(column)
        .collect()
}

/// Whether a column has no amounts.
fn is_zero(table: &Table, place: usize) -> bool {
    let mut cells = table.rows.iter().map(|row| &row[place]);
    cells.all(|cell| *cell == Cell::Money(Micros::ZERO))
}

/// A report as a table with a total row.
pub fn table(view: &Viewer, table: &Table, caption: &str) -> Markup {
    let (t, last) = (view.t, table.last_row());
    let columns = columns(view, table);
    let hidden = table.rows.len().saturating_sub(SHOWN);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table class="figures report" data-sort {
                caption class="unseen" { (caption) }
                thead { tr {
                    @for column in &columns {
                        th scope="col" class=[(!column.is_key).then_some("figure")] {
                            (show::term(column.title, column.why))
                            @if column.key.ends_with("_p50") { p class="hint" { (t.money.median_and_late) } }
                        }
                    }
                } }
                tbody {
                    @for row in table.rows.iter().take(SHOWN) { tr { @for column in &columns { (data(view, table, row, (column, false))) } } }
                }
                tfoot { tr {
                    @for column in &columns {
                        @if column.place == 0 && column.is_key { th scope="row" { (sheet(view.locale()).total) } }
                        @else { (data(view, table, &last, (column, true))) }
                    }
                } }
            }
        }
        @if hidden > 0 { p class="hint" { (filled(t.money.more_rows, &[&view.locale().count(i64::try_from(hidden).unwrap_or(i64::MAX))])) } }
    }
}

/// A cell; in a funnel, with its share of the requests. Its exact value is in `data-value`.
fn data(view: &Viewer, table: &Table, row: &[Cell], (column, is_total): (&Column, bool)) -> Markup {
    let cell = &row[column.place];
    let exact = cell.text(table.currency);
    if column.is_key {
        let class = if column.place == 0 { "key row" } else { "key" };
        return html! {
            td class=(class) data-label=(column.title) data-value=(exact) { @if !exact.is_empty() { (key(view, column.key, &exact)) } }
        };
    }
    let locale = view.locale();
    let text = match cell {
        Cell::Count(count) => locale.count(*count),
        Cell::Money(amount) if is_total => {
            locale.money(Money::new(*amount, table.currency), column.digits)
        }
        Cell::Money(amount) => locale.amount(*amount, column.digits),
        Cell::Seconds(Some(seconds)) => locale.seconds(*seconds),
        Cell::Text(_) | Cell::Seconds(None) => "—".to_owned(),
    };
    let is_whole = column.key == "requested" || !table.columns.contains(&"requested");
    let below = match cell {
        Cell::Count(count) if !is_whole => {
            share(*count, self::count(table, row, "requested")).map(|share| locale.percent(share))
        }
        Cell::Seconds(Some(_)) => match &row[column.place + 1] {
            Cell::Seconds(Some(late)) => Some(locale.seconds(*late)),
            _ => None,
        },
        _ => None,
    };
    let is_main =
        matches!(column.key, "net" | "approved") && (column.key == "net") == table.has_money();
    let class = if is_main { "figure first" } else { "figure" };
    let hover = matches!(cell, Cell::Money(amount) if decimals([*amount].into_iter(), table.currency) > column.digits);
    html! {
        td class=(class) data-label=(column.title) data-value=(exact) title=[hover.then_some(&exact)] {
            (text) @if let Some(below) = below { p class="hint" { (below) } }
        }
    }
}

/// The value of a column that identifies rows, as people read it.
fn key(view: &Viewer, column: &str, text: &str) -> Markup {
    match (column, text.parse::<Channel>()) {
        ("channel", Ok(channel)) => show::channel(channel),
        ("country", _) => show::country(view, text),
        ("day", _) => html! { span class="clock" { (label(view, column, text)) } },
        _ => html! { (label(view, column, text)) },
    }
}

/// The same as plain text.
pub fn label(view: &Viewer, column: &str, text: &str) -> String {
    let locale = view.locale();
    let plain = || text.to_owned();
    match column {
        "day" => text.parse().map_or_else(|_| plain(), |day| locale.day(day)),
        "month" => first_of(text).map_or_else(plain, |day| locale.month(day)),
        "week" => text
            .split_once("-W")
            .map_or_else(plain, |(year, week)| locale.week(year, week)),
        "hour" => {
            DateTime::parse_from_rfc3339(text).map_or_else(|_| plain(), |at| locale.minute(&at))
        }
        "channel" => text
            .parse::<Channel>()
            .map_or_else(|_| plain(), |channel| channel.label().to_owned()),
        "country" => locale.country(text).map_or_else(plain, str::to_owned),
        _ => plain(),
    }
}

/// The same, short enough for the axis of a chart.
pub fn brief(view: &Viewer, column: &str, text: &str) -> String {
    let locale = view.locale();
    let long = || label(view, column, text);
    match column {
        "day" => text
            .parse()
            .map_or_else(|_| long(), |day| locale.day_of_year(day)),
        "hour" => DateTime::parse_from_rfc3339(text).map_or_else(
            |_| long(),
            |at| {
                format!(
                    "{}, {}",
                    locale.day_of_year(at.date_naive()),
                    at.format("%H:%M")
                )
            },
        ),
        "week" => text
            .split_once('-')
            .map_or_else(long, |(_, week)| week.to_owned()),
        "country" => text.to_owned(),
        _ => long(),
    }
}

fn first_of(month: &str) -> Option<NaiveDate> {
    format!("{month}-01").parse().ok()
}

/// Figures under their titles, side by side.
pub fn sums(figures: impl IntoIterator<Item = (&'static str, Markup)>) -> Markup {
    html! {
        dl class="panel facts sums" { @for (name, figure) in figures { div { dt { (name) } dd { (figure) } } } }
    }
}

/// The sums of a cost report: what was spent, and what SMS alone would have cost.
pub fn spent(view: &Viewer, table: &Table) -> Vec<(&'static str, Markup)> {
    let (t, last) = (view.t, table.last_row());
    let money = |amount: Micros| show::short(view, Money::new(amount, table.currency));
    let of = |column| amount(table, &last, column);
    let approved = count(table, &last, "approved");
    let saved = Micros(of("sms_equivalent").0.saturating_sub(of("net").0));
    let mut figures = vec![
        (view.column("net"), money(of("net"))),
        (
            t.money.savings,
            show::short(view, Money::new(saved, table.currency)),
        ),
        (view.column("sms_equivalent"), money(of("sms_equivalent"))),
        (
            t.verifications,
            html! { (view.locale().count(count(table, &last, "verifications"))) },
        ),
    ];
    if approved > 0 {
        let each = Money::new(Micros(of("net").0 / approved), table.currency);
        let digits = table.currency.minor_digits() + 2;
        figures.push((t.money.per_approved, show::rounded(view, each, digits)));
    }
    figures
}

/// A count in a row; 0 if there is none.
pub fn count(table: &Table, row: &[Cell], column: &str) -> i64 {
    match table.cell(row, column) {
        Some(Cell::Count(count)) => *count,
        _ => 0,
    }
}

/// An amount in a row; 0 if there is none.
pub fn amount(table: &Table, row: &[Cell], column: &str) -> Micros {
    match table.cell(row, column) {
        Some(Cell::Money(amount)) => *amount,
        _ => Micros::ZERO,
    }
}

/// A duration in a row, in seconds.
pub fn seconds(table: &Table, row: &[Cell], column: &str) -> Option<f64> {
    match table.cell(row, column) {
        Some(Cell::Seconds(seconds)) => *seconds,
        _ => None,
    }
}

/// A name in a row; empty if there is none.
pub fn word<'a>(table: &Table, row: &'a [Cell], column: &str) -> &'a str {
    match table.cell(row, column) {
        Some(Cell::Text(text)) => text,
        _ => "",
    }
}

/// A percentage, rounded to the nearest; `None` if the whole is zero.
pub fn share(part: i64, of: i64) -> Option<i64> {
    (of > 0).then(|| (part * 100 + of / 2) / of)
}

/// A percentage as text, or a dash.
pub fn percent(view: &Viewer, share: Option<i64>) -> String {
    share.map_or_else(|| "—".to_owned(), |share| view.locale().percent(share))
}
