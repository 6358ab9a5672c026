//! `/dashboard/ledger`: every charge, refund, top-up and adjustment, newest first.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use maud::{Markup, html};
use uuid::Uuid;

use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{SeesLedger, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::list::{self, older};
use crate::gateway::{Gateway, LedgerQuery};
use crate::ledger::entry::{Entry, Kind};
use crate::verification::id::ProjectId;

pub const PATH: &str = "/dashboard/ledger";

const FILTERS: [&str; 5] = ["kind", "provider", "project", "from", "to"];

fn asked(view: &Viewer, gateway: &Gateway, form: &Form) -> (LedgerQuery, FormErrors) {
    let mut wrong = FormErrors::default();
    let days = list::days(view, form, &mut wrong);
    let provider = form.text("provider").to_owned();
    if !provider
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    {
        wrong.note("provider", view.t.faults.choose);
    }
    let kind = match form.text("kind") {
        "" => None,
        text => {
            let kind = Kind::parse(text);
            if kind.is_none() {
                wrong.note("kind", view.t.faults.choose);
            }
            kind
        }
    };
    let query = LedgerQuery {
        provider: Some(provider).filter(|name| !name.is_empty()),
        project: list::project(view, gateway, form, &mut wrong),
        kind,
        from: days.from,
        before: days.before,
        cursor: cursor(form.text("cursor")),
        ..LedgerQuery::default()
    };
    (query, wrong)
}

fn cursor(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
    Some((at, Uuid::try_parse(id).ok()?))
}

pub async fn list(
    signed: Signed<SeesLedger>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (view, t) = (&signed.view, signed.view.t);
    let form = Form::parse(request.query_string());
    let (query, wrong) = asked(view, &gateway, &form);
    let mut found = Vec::new();
    if wrong.is_empty() {
        let query = LedgerQuery {
            limit: list::PAGE + 1,
            ..query
        };
        let listed = gateway.finance().list_ledger(&signed.access(), query).await;
        found = listed.map_err(|trouble| view.trouble(&trouble))?;
    }
    let cursor = list::cut(&mut found)
        .map(|last| format!("{}.{}", last.at.timestamp_micros(), last.id.simple()));
    let export = html! { a class="button quiet" href=(list::address("/dashboard/ledger.csv", &form, &FILTERS)) download { "CSV" } };
    let fields = Fields {
        t,
        form: &form,
        wrong: &wrong,
    };
    let any = |options: &mut dyn Iterator<Item = (String, String)>| -> Vec<(String, String)> {
        std::iter::once((String::new(), t.any.to_owned()))
            .chain(options)
            .collect()
    };
    let kinds = any(&mut Kind::ALL
        .into_iter()
        .map(|kind| (kind.as_str().to_owned(), show::kind(t, kind).to_owned())));
    let accounts = any(&mut gateway
        .finance()
        .accounts()
        .map(|account| (account.provider.to_owned(), account.provider.to_owned())));
    let body = html! {
        (shell::heading(t.ledger, Some(t.money.book_lead), &export))
        (fields.summary())
        form class="filters" method="get" action="/dashboard/ledger" {
            (fields.choice(t.kind, "kind", &kinds, ""))
            (fields.choice(t.provider, "provider", &accounts, ""))
            (list::projects(view, &gateway, fields))
            (fields.line(t.from, "from", Input::Date, ""))
            (fields.line(t.to, "to", Input::Date, ""))
            button type="submit" { (t.show) }
        }
        @if found.is_empty() { (list::nothing(t)) }
        @else {
            section class="panel" {
                (table(view, &found, Some(&gateway)))
                (older(view, "/dashboard/ledger", &form, &FILTERS, cursor))
            }
        }
    };
    Ok(view.form_page(&wrong, t.ledger, PATH, &body))
}

/// Entries as a table. With the gateway it also has links to the verifications, and columns for project and note.
pub fn table(view: &Viewer, entries: &[Entry], gateway: Option<&Gateway>) -> Markup {
    let (t, linked) = (view.t, gateway.is_some());
    let project = |entry: &Entry| {
        let id = entry.project.map(ProjectId)?;
        gateway?.directory().project_name(id)
    };
    show::table(
        t.ledger,
        &html! {
            thead { tr {
                th scope="col" { (show::time_head(view)) } th scope="col" { (t.kind) } th scope="col" { (t.basis) }
                th scope="col" { (t.provider) } th scope="col" class="figure" { (t.amount) }
                @if linked { th scope="col" { (t.project) } th scope="col" { (t.note) } }
            } }
            tbody {
                @for entry in entries {
                    tr {
                        th scope="row" {
                            @if let (true, Some(id)) = (linked, entry.verification) { a href=(format!("/dashboard/verifications/{id}")) { (show::time(view, entry.at)) } }
                            @else { (show::time(view, entry.at)) }
                        }
                        td { (show::kind(t, entry.kind)) }
                        td { (show::basis(t, &entry.basis)) }
                        td { (entry.provider) }
                        td class="figure" { (show::money(entry.money)) }
                        @if linked { td { (project(entry).unwrap_or_default()) } td class="words" { (entry.note.as_deref().unwrap_or_default()) @if let Some(author) = &entry.author { p class="hint" { (author) } } } }
                    }
                }
            }
        },
    )
}

/// All entries that match the filters, as a file. With an invalid filter, redirects to the page, which shows the error.
pub async fn csv(
    signed: Signed<SeesLedger>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let form = Form::parse(request.query_string());
    let (query, wrong) = asked(view, &gateway, &form);
    if !wrong.is_empty() {
        return Ok(view.go(&list::address("/dashboard/ledger", &form, &FILTERS)));
    }
    let parts = gateway.finance().ledger_csv(&signed.access(), query).await;
    let parts = parts.map_err(|trouble| view.trouble(&trouble))?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"ledger.csv\"",
        ))
        .streaming(Box::pin(parts.map_ok(web::Bytes::from))))
}
