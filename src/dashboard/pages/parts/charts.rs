//! Charts. Each page also shows the figures of its charts in a table, for those who cannot see them.

use chrono::{Datelike, NaiveDate};
use maud::{Markup, html};
use serde_json::json;

use super::figures::{amount, brief, label, word};
use crate::dashboard::frame::viewer::Viewer;
use crate::money::Micros;
use crate::reports::query::{Group, Query};
use crate::reports::table::{Cell, Table};
use crate::reports::words::sheet;
use crate::verification::route::Channel;

/// Kinds of bars in one chart; any more are combined into one.
const KINDS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Stacked.
    Bars,
    Lines,
}

/// A line, or one kind of bars. A value of `None` leaves a gap.
pub struct Series {
    pub label: String,
    pub values: Vec<Option<f64>>,
}

/// What a chart is drawn along.
pub struct Axis {
    /// As a tooltip shows them.
    names: Vec<String>,
    /// As the axis shows them.
    brief: Vec<String>,
    /// Whether the last one is not over, so that its values still grow.
    is_open: bool,
}

impl Axis {
    /// Along the values of a report's column.
    pub fn of(view: &Viewer, column: &str, values: &[String], is_open: bool) -> Self {
        Self {
            names: values
                .iter()
                .map(|text| label(view, column, text))
                .collect(),
            brief: values
                .iter()
                .map(|text| brief(view, column, text))
                .collect(),
            is_open,
        }
    }
}

/// `unit`: a currency, `%`, or empty.
pub fn chart(
    view: &Viewer,
    title: &str,
    (kind, unit): (Kind, &str),
    x: &Axis,
    series: &[Series],
) -> Markup {
    let t = view.t.money;
    let lines: Vec<_> = series
        .iter()
        .map(|one| json!({ "label": one.label, "values": one.values }))
        .collect();
    let kind = match kind {
        Kind::Bars => "bars",
        Kind::Lines => "lines",
    };
    let data = json!({
        "kind": kind, "unit": unit, "x": x.names, "brief": x.brief, "series": lines,
        "open": x.is_open, "so_far": t.so_far, "total": sheet(view.locale()).total,
    });
    html! {
        @if series.len() > 1 || kind == "lines" {
            ul class={ "legend " (kind) } { @for one in series { li { (one.label) } } }
        }
        div class="chart" role="img" aria-label=(title) data-chart=(data.to_string()) {}
    }
}

/// An amount in units of its currency.
#[expect(clippy::cast_precision_loss, reason = "a chart is not exact")]
pub fn units(amount: Micros) -> f64 {
    amount.0 as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a chart is not exact")]
pub fn float(count: i64) -> f64 {
    count as f64
}

/// Net spending as bars: along the time the report is grouped by, with one kind of bar for each value of its first other group.
/// Without a group of time, along that other group.
/// Time goes on until `today`.
pub fn spending(view: &Viewer, query: &Query, report: &Table, today: NaiveDate) -> Markup {
    let time = query.groups.iter().find(|group| group.is_time());
    let other = query.groups.iter().find(|group| !group.is_time());
    let (Some(across), split) = (time.or(other), time.and(other)) else {
        return html! {};
    };
    let mut x = words(report, across.as_str());
    if time.is_some() {
        x.sort();
    }
    let title = view.column("net");
    let series = match split {
        None => vec![bars(report, *across, &x, title, |_| true)],
        Some(split) => split_bars(view, report, (*across, *split), &x),
    };
    let is_open = time.is_some() && query.to >= today && is_now(*across, x.last(), today);
    let axis = Axis::of(view, across.as_str(), &x, is_open);
    let unit = report.currency.as_str();
    html! {
        section class="panel" {
            h2 { (title) " " span class="hint" { (unit) } }
            (chart(view, title, (Kind::Bars, unit), &axis, &series))
        }
    }
}

/// Whether the last period on the axis is the current one.
fn is_now(across: Group, last: Option<&String>, today: NaiveDate) -> bool {
    let week = today.iso_week();
    let now = match across {
        Group::Month => today.format("%Y-%m").to_string(),
        Group::Week => format!("{}-W{:02}", week.year(), week.week()),
        _ => today.to_string(),
    };
    last.is_some_and(|last| last.starts_with(&now))
}

/// The distinct values of a column, in the order of the rows.
fn words(report: &Table, column: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for row in &report.rows {
        let found = word(report, row, column);
        if !words.iter().any(|known| known == found) {
            words.push(found.to_owned());
        }
    }
    words
}

/// Net spending of the rows that fit.
fn net(report: &Table, fits: impl Fn(&[Cell]) -> bool) -> f64 {
    let rows = report.rows.iter().filter(|row| fits(row));
    rows.map(|row| units(amount(report, row, "net"))).sum()
}

/// One kind of bars: net spending for each value of `across`, of the rows that fit.
fn bars(
    report: &Table,
    across: Group,
    x: &[String],
    label: &str,
    fits: impl Fn(&[Cell]) -> bool,
) -> Series {
    let value = |x: &String| {
        net(report, |row| {
            word(report, row, across.as_str()) == x && fits(row)
        })
    };
    Series {
        label: label.to_owned(),
        values: x.iter().map(|x| Some(value(x))).collect(),
    }
}

/// One kind of bars for each value of `split`: channels in their own order, anything else by amount, largest first. Beyond
/// [`KINDS`], the rest is combined.
fn split_bars(
    view: &Viewer,
    report: &Table,
    (across, split): (Group, Group),
    x: &[String],
) -> Vec<Series> {
    let of = |row: &[Cell], name: &str| word(report, row, split.as_str()) == name;
    let channel = |name: &str| {
        let channel = name.parse::<Channel>().ok();
        channel.filter(|_| split == Group::Channel)
    };
    let mut names: Vec<(f64, String)> = words(report, split.as_str())
        .into_iter()
        .map(|name| (net(report, |row| of(row, &name)), name))
        .collect();
    names.sort_by(|a, b| (channel(&a.1).cmp(&channel(&b.1))).then(b.0.total_cmp(&a.0)));
    let kept = if names.len() > KINDS {
        KINDS - 1
    } else {
        names.len()
    };
    let rest = names.split_off(kept);
    let mut series: Vec<Series> = names
        .iter()
        .map(|(_, name)| {
            let label = if name.is_empty() {
                "—".to_owned()
            } else {
                label(view, split.as_str(), name)
            };
            bars(report, across, x, &label, |row| of(row, name))
        })
        .collect();
    if !rest.is_empty() {
        let other = view.t.money.other;
        series.push(bars(report, across, x, other, |row| {
            rest.iter().any(|(_, name)| of(row, name))
        }));
    }
    series
}
