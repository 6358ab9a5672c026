//! `/dashboard/costs` and `/dashboard/conversion`: reports as chart, table and file.

use std::convert::Infallible;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use maud::{Markup, html};

use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::rights::{SeesMoney, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::charts::spending;
use crate::dashboard::pages::parts::figures::{count, percent, share, spent, sums, table};
use crate::dashboard::pages::parts::filters::{Asked, asked};
use crate::gateway::{Gateway, ReportKind};
use crate::reports::query::Group;
use crate::reports::table::Table;
use crate::reports::{csv, xlsx};

pub const PATH: &str = "/dashboard/costs";

pub const CONVERSION: &str = "/dashboard/conversion";

/// A report, or why there is none.
enum Made {
    Report(Table),
    /// It cannot be made, for this reason.
    Fault(String),
    /// A filter is invalid; its field shows the error.
    NotAsked,
}

async fn make(
    signed: &Signed<SeesMoney>,
    gateway: &Gateway,
    asked: &Asked,
    kind: ReportKind,
) -> Result<Made, Fault> {
    let view = &signed.view;
    let Some(query) = asked.query.clone() else {
        return Ok(Made::NotAsked);
    };
    let made = gateway
        .finance()
        .report(&signed.access(), kind, query)
        .await;
    Ok(match made.map_err(|trouble| view.trouble(&trouble))? {
        Ok(report) => Made::Report(report),
        Err(missing) => Made::Fault(view.t.faults.missing(&missing, view.locale())),
    })
}

fn shown(view: &Viewer, made: &Made, show: impl FnOnce(&Table) -> Markup) -> Markup {
    let t = view.t.money;
    html! {
        @match made {
            Made::NotAsked => {},
            Made::Fault(words) => p class="notice bad" role="alert" { (words) },
            Made::Report(report) if report.rows.is_empty() => div class="empty" { h2 { (t.nothing_yet) } p { (t.nothing_yet_why) } },
            Made::Report(report) => (show(report)),
        }
    }
}

pub async fn costs(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (view, t) = (&signed.view, signed.view.t.money);
    let asked = asked(
        view,
        &gateway,
        request.query_string(),
        &[Group::Day, Group::Channel],
    );
    let made = make(&signed, &gateway, &asked, ReportKind::Costs).await?;
    let month = asked.query.as_ref().map(|query| query.to.format("%Y-%m"));
    let month = month.map(|month| format!("?month={month}"));
    let statement = format!("/dashboard/statement{}", month.unwrap_or_default());
    let actions = html! {
        (files(view, &asked, &made, PATH))
        a class="button quiet" href=(statement) { (t.statement) }
    };
    let today = view.today(gateway.now());
    let body = html! {
        (shell::heading(t.costs, Some(t.costs_lead), &actions))
        (asked.show(view, &gateway, PATH, true))
        (shown(view, &made, |report| html! {
            (sums(spent(view, report)))
            @if let Some(query) = &asked.query { (spending(view, query, report, today)) }
            section class="panel" { (table(view, report, t.costs)) }
        }))
    };
    Ok(view.form_page(&asked.wrong, t.costs, PATH, &body))
}

pub async fn conversion(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (view, t) = (&signed.view, signed.view.t.money);
    let asked = asked(
        view,
        &gateway,
        request.query_string(),
        &[Group::Channel, Group::Country],
    );
    let made = make(&signed, &gateway, &asked, ReportKind::Conversion).await?;
    let body = html! {
        (shell::heading(t.conversion, Some(t.conversion_lead), &files(view, &asked, &made, CONVERSION)))
        (asked.show(view, &gateway, CONVERSION, false))
        (shown(view, &made, |report| html! {
            (funnel(view, report))
            section class="panel" { (table(view, report, t.conversion)) }
        }))
    };
    Ok(view.form_page(&asked.wrong, t.conversion, CONVERSION, &body))
}

/// The stages of all verifications, each with its share of the requests.
fn funnel(view: &Viewer, report: &Table) -> Markup {
    let last = report.last_row();
    let all = count(report, &last, "requested");
    // Of those that are checked elsewhere, nobody has said what was entered.
    let known = all - count(report, &last, "checked_by_host");
    html! {
        section class="panel" {
            ol class="funnel" {
                @for stage in ["requested", "sent", "delivered", "read", "approved"] {
                    @let reached = count(report, &last, stage);
                    @let title = view.column(stage);
                    @let all = if stage == "approved" { known } else { all };
                    li {
                        span { (title) }
                        progress max=(all.max(1)) value=(reached) aria-label=(title) {}
                        span class="figure" { (view.locale().count(reached)) " · " (percent(view, share(reached, all))) }
                    }
                }
            }
        }
    }
}

/// Download links for the report.
fn files(view: &Viewer, asked: &Asked, made: &Made, path: &str) -> Markup {
    let t = view.t.money;
    let csv = asked.address(&format!("{path}.csv"), None);
    html! {
        @if matches!(made, Made::Report(_)) {
            a class="button quiet" href=(asked.address(&format!("{path}.xlsx"), None)) download { "XLSX" }
            a class="button quiet" href=(csv) download { "CSV" }
            a class="button quiet" href=(format!("{csv}&totals=0")) title=(t.without_total_why) download { (t.without_total) }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Xlsx,
}

/// A report as a file; if it cannot be made, redirects to the page, which says why.
async fn file(
    signed: Signed<SeesMoney>,
    gateway: &Gateway,
    request: &HttpRequest,
    kind: ReportKind,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let (page, title, groups) = match kind {
        ReportKind::Costs => (PATH, "costs", [Group::Day, Group::Channel]),
        ReportKind::Conversion => (CONVERSION, "conversion", [Group::Channel, Group::Country]),
    };
    let view = &signed.view;
    let asked = asked(view, gateway, request.query_string(), &groups);
    let made = make(&signed, gateway, &asked, kind).await?;
    let (Made::Report(table), Some(query)) = (made, &asked.query) else {
        return Ok(view.go(&format!("{page}?{}", request.query_string())));
    };
    let (ending, content) = match form {
        Form::Csv => ("csv", "text/csv; charset=utf-8"),
        Form::Xlsx => ("xlsx", xlsx::CONTENT_TYPE),
    };
    let name = format!("{title}-{}-{}.{ending}", query.from, query.to);
    let totals = asked.wants_totals();
    let mut answer = HttpResponse::Ok();
    answer.content_type(content).insert_header((
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{name}\""),
    ));
    Ok(match form {
        Form::Csv => {
            let parts =
                csv::parts(table, totals).map(|part| Ok::<_, Infallible>(web::Bytes::from(part)));
            answer.streaming(stream::iter(parts))
        }
        Form::Xlsx => {
            let about = xlsx::About {
                locale: view.locale(),
                for_programs: false,
                query,
                project: Some(asked.project()).filter(|name| !name.is_empty()),
                made_at: gateway.now(),
                totals,
            };
            let bytes = xlsx::write(&table, &about);
            answer.body(bytes.map_err(|_| view.fault(Kind::Unavailable))?)
        }
    })
}

pub async fn costs_csv(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    file(signed, &gateway, &request, ReportKind::Costs, Form::Csv).await
}

pub async fn costs_xlsx(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    file(signed, &gateway, &request, ReportKind::Costs, Form::Xlsx).await
}

pub async fn conversion_csv(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    file(
        signed,
        &gateway,
        &request,
        ReportKind::Conversion,
        Form::Csv,
    )
    .await
}

pub async fn conversion_xlsx(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    file(
        signed,
        &gateway,
        &request,
        ReportKind::Conversion,
        Form::Xlsx,
    )
    .await
}
