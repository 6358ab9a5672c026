//! `/dashboard/costs` and `/dashboard/conversion`: any report, as chart, table and file; `/dashboard/statement`: a month on paper.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{Datelike, Months, NaiveDate};
use maud::{Markup, html};

use super::figures::{
    Asked, Series, address, amount, asked, chart, count, filters, grouped, short, table, units,
    word,
};
use crate::dashboard::access::{SeesMoney, Signed};
use crate::dashboard::fault::{Fault, Kind};
use crate::dashboard::forms::Form;
use crate::dashboard::shell::{self, Section};
use crate::dashboard::text::money::MoneyTexts;
use crate::gateway::{Gateway, ReportKind};
use crate::reports::query::{Group, Query};
use crate::reports::table::{Cell, Table};
use crate::reports::{csv, xlsx};

pub async fn costs(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let t = view.t.money;
    let asked = asked(
        &gateway,
        &Form::parse(request.query_string()),
        &[Group::Day, Group::Channel],
    );
    let made = gateway
        .report(&signed.access(), ReportKind::Costs, asked.query.clone())
        .await;
    let made = made.map_err(|trouble| view.trouble(&trouble))?;
    let exports = html! {
        a class="button quiet" href=(address("/dashboard/costs.csv", &asked)) download { "CSV" }
        a class="button quiet" href=(address("/dashboard/costs.xlsx", &asked)) download { "XLSX" }
        a class="button quiet" href="/dashboard/statement" { (t.statement) }
    };
    let body = html! {
        (shell::heading(t.costs, Some(t.costs_lead), &exports))
        (filters(t, &gateway, &asked, "/dashboard/costs"))
        @match &made {
            Err(missing) => p class="notice bad" role="alert" { (missing.to_string()) },
            Ok(report) if report.rows.is_empty() => (nothing(t)),
            Ok(report) => { (cost_chart(t, &asked, report)) section class="panel" { (table(t, report, t.costs)) } },
        }
    };
    Ok(view.page(t.costs, Section::Costs, &body))
}

fn nothing(t: &MoneyTexts) -> Markup {
    html! { div class="empty" { h2 { (t.nothing_yet) } p { (t.nothing_yet_why) } } }
}

/// Net spending over time, one kind of bars for each channel, provider, project or country that it is told apart by.
fn cost_chart(t: &MoneyTexts, asked: &Asked, report: &Table) -> Markup {
    let time = asked.query.groups.iter().find(|group| group.is_time());
    let other = asked.query.groups.iter().find(|group| !group.is_time());
    let net = |row: &[Cell]| units(amount(report, row, "net"));
    let unit = report.currency.as_str();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names.dedup();
        names
    };
    let words = |group: &Group| -> Vec<String> {
        sorted(
            report
                .rows
                .iter()
                .map(|row| word(report, row, group.as_str()).to_owned())
                .collect(),
        )
    };
    let (x, series) = match (time, other) {
        (Some(time), other) => {
            let x = words(time);
            let names = other.map_or_else(|| vec![String::new()], words);
            let line = |name: String| {
                let value = |x: &String| {
                    let fits = |row: &&Vec<Cell>| {
                        word(report, row, time.as_str()) == x
                            && other.is_none_or(|group| word(report, row, group.as_str()) == name)
                    };
                    report.rows.iter().filter(fits).map(|row| net(row)).sum()
                };
                let label = if name.is_empty() {
                    t.net.to_owned()
                } else {
                    name.clone()
                };
                Series {
                    label,
                    values: x.iter().map(value).collect(),
                }
            };
            let series: Vec<Series> = names.into_iter().take(8).map(line).collect();
            (x, series)
        }
        (None, Some(group)) => {
            let x = words(group);
            let value = |x: &String| {
                let rows = report
                    .rows
                    .iter()
                    .filter(|row| word(report, row, group.as_str()) == x);
                rows.map(|row| net(row)).sum()
            };
            let values = x.iter().map(value).collect();
            (
                x,
                vec![Series {
                    label: t.net.to_owned(),
                    values,
                }],
            )
        }
        (None, None) => return shell::nothing(),
    };
    html! { section class="panel" { h2 { (t.net) " " span class="hint" { (unit) } } (chart(t.costs, "bars", unit, &x, &series)) } }
}

pub async fn costs_csv(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (table, name) = export(&signed, &gateway, &request).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.csv\""),
        ))
        .body(csv::write(&table)))
}

pub async fn costs_xlsx(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (table, name) = export(&signed, &gateway, &request).await?;
    let bytes = xlsx::write(&table, "costs").map_err(|_| signed.view.fault(Kind::Unavailable))?;
    Ok(HttpResponse::Ok()
        .content_type("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.xlsx\""),
        ))
        .body(bytes))
}

async fn export(
    signed: &Signed<SeesMoney>,
    gateway: &Gateway,
    request: &HttpRequest,
) -> Result<(Table, String), Fault> {
    let asked = asked(
        gateway,
        &Form::parse(request.query_string()),
        &[Group::Day, Group::Channel],
    );
    let name = format!("costs-{}-{}", asked.query.from, asked.query.to);
    let made = gateway
        .report(&signed.access(), ReportKind::Costs, asked.query)
        .await;
    match made.map_err(|trouble| signed.view.trouble(&trouble))? {
        Ok(table) => Ok((table, name)),
        Err(_) => Err(signed.view.fault(Kind::NotFound)),
    }
}

pub async fn conversion(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let t = view.t.money;
    let asked = asked(
        &gateway,
        &Form::parse(request.query_string()),
        &[Group::Channel, Group::Country],
    );
    let made = gateway
        .report(
            &signed.access(),
            ReportKind::Conversion,
            asked.query.clone(),
        )
        .await;
    let made = made.map_err(|trouble| view.trouble(&trouble))?;
    let body = html! {
        (shell::heading(t.conversion, Some(t.conversion_lead), &shell::nothing()))
        (filters(t, &gateway, &asked, "/dashboard/conversion"))
        @match &made {
            Err(missing) => p class="notice bad" role="alert" { (missing.to_string()) },
            Ok(report) if report.rows.is_empty() => (nothing(t)),
            Ok(report) => { (funnel(t, report)) section class="panel" { (table(t, report, t.conversion)) } },
        }
    };
    Ok(view.page(t.conversion, Section::Conversion, &body))
}

/// The stages of all verifications, each as a share of the first.
fn funnel(t: &MoneyTexts, report: &Table) -> Markup {
    let last = report.last_row();
    let stages = ["requested", "sent", "delivered", "read", "approved"];
    let all = count(report, &last, "requested").max(1);
    html! {
        section class="panel" {
            ol class="funnel" {
                @for stage in stages {
                    @let reached = count(report, &last, stage);
                    li {
                        span { (super::figures::name(t, stage)) }
                        progress max=(all) value=(reached) aria-label=(super::figures::name(t, stage)) {}
                        span class="figure" { (grouped(reached)) " · " ((reached * 100 + all / 2) / all) " %" }
                    }
                }
            }
        }
    }
}

/// `?month=2026-11`; the month that runs without it.
pub async fn statement(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let t = view.t.money;
    let form = Form::parse(request.query_string());
    let today = gateway.now().date_naive();
    let first = NaiveDate::parse_from_str(&format!("{}-01", form.text("month")), "%Y-%m-%d")
        .ok()
        .filter(|day| (1970..9_000).contains(&day.year()))
        .unwrap_or_else(|| today.with_day(1).unwrap_or(today));
    let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
    let last = next.pred_opt().unwrap_or(first);
    let currency = gateway.reporting_currency();
    let mut tables = Vec::new();
    for (title, groups) in [
        (t.by_channel, vec![Group::Channel, Group::Provider]),
        (t.by_country, vec![Group::Country]),
        (t.by_day, vec![Group::Day]),
    ] {
        let query = Query::new(
            Some(first),
            Some(last),
            chrono_tz::UTC,
            groups,
            currency,
            gateway.now(),
        )
        .expect("a month is in order");
        let made = gateway
            .report(&signed.access(), ReportKind::Costs, query)
            .await;
        tables.push((title, made.map_err(|trouble| view.trouble(&trouble))?));
    }
    let month = first.format("%Y-%m").to_string();
    let head = match &tables[0].1 {
        Ok(report) => {
            let last = report.last_row();
            let money = |column: &str| {
                format!(
                    "{} {currency}",
                    short(amount(report, &last, column), currency)
                )
            };
            html! {
                ul class="cards" {
                    @for (name, value) in [
                        (t.net, money("net")), (t.charged, money("charged")), (t.refunded, money("refunded")),
                        (t.verifications, grouped(count(report, &last, "verifications"))), (t.sms_equivalent, money("sms_equivalent")),
                    ] { li class="card" { h2 { (name) } p class="big" { (value) } } }
                }
            }
        }
        Err(_) => shell::nothing(),
    };
    let print = html! { button type="button" class="quiet" data-print { (t.print) } };
    let body = html! {
        div class="statement" {
            (shell::heading(&format!("{} {month}", t.statement), Some(t.statement_lead), &print))
            form class="filters" method="get" action="/dashboard/statement" {
                label { span { (t.month) } input type="month" name="month" value=(month); }
                button type="submit" { (t.show) }
            }
            (head)
            @for (title, made) in &tables {
                section class="panel" {
                    h2 { (title) }
                    @match made {
                        Ok(report) => (table(t, report, title)),
                        Err(missing) => p class="notice bad" { (missing.to_string()) },
                    }
                }
            }
        }
    };
    Ok(view.page(t.statement, Section::Costs, &body))
}
