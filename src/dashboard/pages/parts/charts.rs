//! Charts, for those who see them; the same figures stand in a table beside each.

use maud::{Markup, html};
use serde_json::json;

use super::figures::{amount, word};
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::money::Micros;
use crate::reports::query::{Group, Query};
use crate::reports::table::{Cell, Table};
use crate::verification::route::Channel;

/// Kinds of bars that a chart tells apart; the rest stands as one.
const KINDS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Upon one another.
    Bars,
    Lines,
}

/// One line, or kind of bars; `None`: there is no figure.
pub struct Series {
    pub label: String,
    pub values: Vec<Option<f64>>,
}

pub fn chart(label: &str, kind: Kind, unit: &str, x: &[String], series: &[Series]) -> Markup {
    let lines: Vec<_> = series
        .iter()
        .map(|one| json!({ "label": one.label, "values": one.values }))
        .collect();
    let kind = match kind {
        Kind::Bars => "bars",
        Kind::Lines => "lines",
    };
    let data = json!({ "kind": kind, "unit": unit, "x": x, "series": lines });
    html! {
        @if series.len() > 1 || kind == "lines" {
            ul class={ "legend " (kind) } { @for one in series { li { (one.label) } } }
        }
        div class="chart" role="img" aria-label=(label) data-chart=(data.to_string()) {}
    }
}

/// Units of the currency.
#[expect(clippy::cast_precision_loss, reason = "a chart is not exact")]
pub fn units(amount: Micros) -> f64 {
    amount.0 as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a chart is not exact")]
pub fn float(count: i64) -> f64 {
    count as f64
}

/// Net spending by the first group of time, told apart by the first other one; or by that alone.
pub fn spending(view: &Viewer, query: &Query, report: &Table) -> Markup {
    let t = view.t.money;
    let time = query.groups.iter().find(|group| group.is_time());
    let other = query.groups.iter().find(|group| !group.is_time());
    let (Some(across), apart) = (time.or(other), time.and(other)) else {
        return html! {};
    };
    let words = |column: &str| -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for row in &report.rows {
            let found = word(report, row, column);
            if !words.iter().any(|known| known == found) {
                words.push(found.to_owned());
            }
        }
        words
    };
    let net = |fits: &dyn Fn(&[Cell]) -> bool| -> f64 {
        let rows = report.rows.iter().filter(|row| fits(row));
        rows.map(|row| units(amount(report, row, "net"))).sum()
    };
    let is = |row: &[Cell], column: &str, name: &str| word(report, row, column) == name;
    let mut x = words(across.as_str());
    if time.is_some() {
        x.sort();
    }
    let series = match apart {
        None => vec![Series {
            label: t.net.to_owned(),
            values: x
                .iter()
                .map(|x| Some(net(&|row| is(row, across.as_str(), x))))
                .collect(),
        }],
        Some(apart) => {
            // Channels in their own order, all else the largest first, the rest as one.
            let channel = |name: &str| {
                name.parse::<Channel>()
                    .ok()
                    .filter(|_| *apart == Group::Channel)
            };
            let mut names: Vec<(f64, String)> = words(apart.as_str())
                .into_iter()
                .map(|name| (net(&|row| is(row, apart.as_str(), &name)), name))
                .collect();
            names.sort_by(|a, b| (channel(&a.1).cmp(&channel(&b.1))).then(b.0.total_cmp(&a.0)));
            let kept = if names.len() > KINDS {
                KINDS - 1
            } else {
                KINDS
            };
            let rest: Vec<String> = names
                .split_off(names.len().min(kept))
                .into_iter()
                .map(|(_, name)| name)
                .collect();
            let line = |label: String, of: &dyn Fn(&str) -> bool| Series {
                label,
                values: x
                    .iter()
                    .map(|x| {
                        Some(net(&|row| {
                            is(row, across.as_str(), x) && of(word(report, row, apart.as_str()))
                        }))
                    })
                    .collect(),
            };
            let mut series: Vec<Series> = names
                .iter()
                .map(|(_, name)| {
                    let label = match channel(name) {
                        Some(channel) => show::channel_name(channel),
                        None if name.is_empty() => "—",
                        None => name,
                    };
                    line(label.to_owned(), &|found| found == name)
                })
                .collect();
            if !rest.is_empty() {
                series.push(line(t.other.to_owned(), &|found| {
                    rest.iter().any(|name| name == found)
                }));
            }
            series
        }
    };
    let unit = report.currency.as_str();
    html! {
        section class="panel" {
            h2 { (t.net) " " span class="hint" { (unit) } }
            (chart(t.net, Kind::Bars, unit, &x, &series))
        }
    }
}
