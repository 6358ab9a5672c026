//! Reports as tables and charts: what the pages about money share.

use chrono::NaiveDate;
use maud::{Markup, html};
use serde_json::json;

use crate::dashboard::forms::{Form, encoded};
use crate::dashboard::text::money::MoneyTexts;
use crate::gateway::Gateway;
use crate::money::{Currency, Micros, Money};
use crate::reports::query::{self, Group, Query};
use crate::reports::table::{Cell, Table};

/// What a page asks for, as far as it can be read; what cannot be falls back and is said.
pub struct Asked {
    pub query: Query,
    pub fault: Option<String>,
    pub project: String,
}

/// Reads the filters of a report.
pub fn asked(gateway: &Gateway, form: &Form, groups: &[Group]) -> Asked {
    let mut fault = None;
    let mut note = |result: Result<(), String>| {
        if let Err(detail) = result {
            fault.get_or_insert(detail);
        }
    };
    let day = |name: &str| -> Result<Option<NaiveDate>, String> {
        match form.text(name) {
            "" => Ok(None),
            text => query::date(text).map(Some),
        }
    };
    let (from, to) = (day("from"), day("to"));
    note(from.as_ref().map(|_| ()).map_err(Clone::clone));
    note(to.as_ref().map(|_| ()).map_err(Clone::clone));
    let zone = match form.text("tz") {
        "" => Ok(chrono_tz::UTC),
        text => query::zone(text),
    };
    note(zone.as_ref().map(|_| ()).map_err(Clone::clone));
    let currency = match form.text("currency") {
        "" => Ok(gateway.reporting_currency()),
        text => text
            .to_ascii_uppercase()
            .parse::<Currency>()
            .map_err(|e| e.to_string()),
    };
    note(currency.as_ref().map(|_| ()).map_err(Clone::clone));
    let named: Vec<&str> = form.all("group").filter(|name| !name.is_empty()).collect();
    let groups = if named.is_empty() && form.text("shown").is_empty() {
        Ok(groups.to_vec())
    } else {
        query::groups(&named.join(","))
    };
    note(groups.as_ref().map(|_| ()).map_err(Clone::clone));
    let zone = zone.unwrap_or(chrono_tz::UTC);
    let currency = currency.unwrap_or_else(|_| gateway.reporting_currency());
    let groups = groups.unwrap_or_default();
    let made = Query::new(
        from.unwrap_or(None),
        to.unwrap_or(None),
        zone,
        groups.clone(),
        currency,
        gateway.now(),
    );
    let mut query = made.unwrap_or_else(|problem| {
        fault.get_or_insert(problem.to_string());
        Query::new(None, None, zone, Vec::new(), currency, gateway.now())
            .expect("the last thirty days are in order")
    });
    let project = form.text("project").to_owned();
    if !project.is_empty() {
        match gateway.directory().find_project(&project) {
            Some(id) => query.project = Some(id.0),
            None => {
                fault.get_or_insert(format!("project: `{project}` is not a project"));
            }
        }
    }
    Asked {
        query,
        fault,
        project,
    }
}

/// The filters, as a form that works without script.
pub fn filters(t: &MoneyTexts, gateway: &Gateway, asked: &Asked, path: &str) -> Markup {
    let query = &asked.query;
    html! {
        form class="filters" method="get" action=(path) {
            input type="hidden" name="shown" value="1";
            label { span { (t.from) } input type="date" name="from" value=(query.from.to_string()); }
            label { span { (t.to) } input type="date" name="to" value=(query.to.to_string()); }
            label { span { (t.zone) }
                input type="text" name="tz" value=(query.zone.name()) list="zones" size="16" autocomplete="off" spellcheck="false";
            }
            datalist id="zones" {
                @for zone in ["UTC", "Asia/Tashkent", "Asia/Almaty", "Europe/Moscow", "Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata"] {
                    option value=(zone) {}
                }
            }
            label { span { (t.currency) } input type="text" name="currency" value=(query.currency.as_str()) size="4" maxlength="3" spellcheck="false"; }
            label { span { (t.project) }
                select name="project" {
                    option value="" selected[asked.project.is_empty()] { (t.every_project) }
                    @for project in gateway.directory().projects() {
                        option value=(project.name) selected[project.name == asked.project] { (project.name) }
                    }
                }
            }
            fieldset class="choices" {
                legend { (t.group_by) }
                @for group in Group::ALL {
                    label { input type="checkbox" name="group" value=(group.as_str()) checked[query.has(group)]; span { (name(t, group.as_str())) } }
                }
            }
            button type="submit" { (t.show) }
        }
        @if let Some(fault) = &asked.fault { p class="notice bad" role="alert" { (fault) } }
    }
}

/// The same filters as a query of an address.
pub fn address(path: &str, asked: &Asked) -> String {
    let query = &asked.query;
    let mut out = format!(
        "{path}?shown=1&from={}&to={}&tz={}&currency={}&project={}",
        query.from,
        query.to,
        encoded(query.zone.name()),
        query.currency,
        encoded(&asked.project)
    );
    for group in &query.groups {
        out.push_str("&group=");
        out.push_str(group.as_str());
    }
    out
}

/// The title of a column.
pub fn name(t: &MoneyTexts, column: &str) -> String {
    let stage = |stage: &str| match stage {
        "sent" => t.sent,
        "delivered" => t.delivered,
        "read" => t.read,
        _ => t.approved,
    };
    if let Some((of, share)) = column.split_once("_p") {
        let which = if share == "50" { t.median } else { t.late };
        return format!("{}, {which}", stage(of));
    }
    match column {
        "month" => t.month,
        "week" => t.week,
        "day" => t.day,
        "hour" => t.hour,
        "project" => t.project,
        "channel" => t.channel,
        "provider" => t.provider,
        "country" => t.country,
        "verifications" => t.verifications,
        "attempts" => t.attempts,
        "delivered" => t.delivered,
        "approved" => t.approved,
        "charged" => t.charged,
        "refunded" => t.refunded,
        "refunded_expected" => t.refunded_expected,
        "net" => t.net,
        "sms_equivalent" => t.sms_equivalent,
        "requested" => t.requested,
        "sent" => t.sent,
        "read" => t.read,
        other => return other.to_owned(),
    }
    .to_owned()
}

/// A report as a table with its total.
pub fn table(t: &MoneyTexts, table: &Table, caption: &str) -> Markup {
    let last = table.last_row();
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table class="figures" {
                caption class="unseen" { (caption) }
                thead { tr {
                    @for (place, column) in table.columns.iter().enumerate() {
                        th scope="col" class=[(place >= table.keys).then_some("figure")] { (name(t, column)) }
                    }
                } }
                tbody {
                    @for row in &table.rows { tr { @for (place, cell) in row.iter().enumerate() { (data(table, place, cell)) } } }
                }
                tfoot { tr {
                    @for (place, cell) in last.iter().enumerate() {
                        @if place == 0 && table.keys > 0 { th scope="row" { (t.total) } }
                        @else { (data(table, place, cell)) }
                    }
                } }
            }
        }
    }
}

fn data(table: &Table, place: usize, cell: &Cell) -> Markup {
    if place < table.keys {
        return html! { td { (cell.text(table.currency)) } };
    }
    let text = match cell {
        Cell::Count(count) => grouped(*count),
        other => other.text(table.currency).replace('-', "\u{2212}"),
    };
    let text = if text.is_empty() {
        "—".to_owned()
    } else {
        text
    };
    html! { td class="figure" { (text) } }
}

/// With a thin space between thousands.
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

/// A count of a row.
pub fn count(table: &Table, row: &[Cell], column: &str) -> i64 {
    match cell(table, row, column) {
        Some(Cell::Count(count)) => *count,
        _ => 0,
    }
}

/// An amount of a row.
pub fn amount(table: &Table, row: &[Cell], column: &str) -> Micros {
    match cell(table, row, column) {
        Some(Cell::Money(amount)) => *amount,
        _ => Micros::ZERO,
    }
}

/// A name of a row.
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

/// One line or kind of bars of a chart.
pub struct Series {
    pub label: String,
    pub values: Vec<f64>,
}

/// A chart for those who see it; the same figures stand in a table beside it.
pub fn chart(label: &str, kind: &str, unit: &str, days: &[String], series: &[Series]) -> Markup {
    let lines: Vec<_> = series
        .iter()
        .map(|one| json!({ "label": one.label, "values": one.values }))
        .collect();
    let data = json!({ "kind": kind, "unit": unit, "x": days, "series": lines });
    html! {
        div class="chart" role="img" aria-label=(label) data-chart=(data.to_string()) {}
    }
}

/// Units of the currency, for a chart.
#[expect(clippy::cast_precision_loss, reason = "a chart is not exact")]
pub fn units(amount: Micros) -> f64 {
    amount.0 as f64 / 1e6
}

/// To the currency's minor digits, as a headline shows it; the tables have every digit.
pub fn short(amount: Micros, currency: Currency) -> String {
    let digits = u32::try_from(currency.minor_digits()).unwrap_or(2);
    let step = 10_i64.pow(6 - digits.min(6));
    let rounded = (amount.0 + step / 2 * amount.0.signum()) / step * step;
    Money::new(Micros(rounded), currency)
        .decimal()
        .replace('-', "\u{2212}")
}
