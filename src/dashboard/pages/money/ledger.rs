//! `/dashboard/ledger`: every charge, refund, top-up and adjustment, newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use uuid::Uuid;

use super::reversal;
use crate::access::Right;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{SeesLedger, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::list::{self, older};
use crate::gateway::{Gateway, LedgerQuery, LedgerSum};
use crate::ledger::entry::{Entry, Kind};
use crate::locale::numbers::Decimals;
use crate::money::{Micros, Money};
use crate::verification::id::ProjectId;
use crate::web::file;

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
    let kind = list::chosen(view, form, "kind", Kind::parse, &mut wrong);
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
    let mut sums = Vec::new();
    if wrong.is_empty() {
        let query = LedgerQuery {
            limit: list::PAGE + 1,
            ..query
        };
        let summed = gateway.finance().sum_ledger(&signed.access(), &query).await;
        sums = summed.map_err(|trouble| view.trouble(&trouble))?;
        let listed = gateway.finance().list_ledger(&signed.access(), query).await;
        found = listed.map_err(|trouble| view.trouble(&trouble))?;
    }
    let cursor = list::cut(&mut found)
        .map(|last| format!("{}.{}", last.at.timestamp_micros(), last.id.simple()));
    let reversed = gateway.finance().reversed(&found).await;
    let reversed = reversed.map_err(|trouble| view.trouble(&trouble))?;
    let export = html! { a class="button quiet" href=(list::address("/dashboard/ledger.csv", &form, &FILTERS)) download { "CSV" } };
    let fields = Fields {
        t,
        form: &form,
        wrong: &wrong,
    };
    let kinds = Kind::ALL.map(|kind| (kind.as_str().to_owned(), show::kind(t, kind).to_owned()));
    let kinds = list::any(t, kinds);
    let accounts = gateway.finance().accounts();
    let accounts =
        accounts.map(|account| (account.provider.to_owned(), account.provider.to_owned()));
    let accounts = list::any(t, accounts);
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
            (totals(view, &sums))
            section class="panel" {
                (table(view, &found, &gateway, &reversed))
                (older(view, "/dashboard/ledger", &form, &FILTERS, cursor))
            }
        }
    };
    Ok(view.form_page(&wrong, t.ledger, PATH, &body))
}

/// Entries as a table, with links to the verifications and columns for project and note. `reversed`: which of them are.
pub fn table(view: &Viewer, entries: &[Entry], gateway: &Gateway, reversed: &[Uuid]) -> Markup {
    let t = view.t;
    let digits: Decimals = entries.iter().map(|entry| entry.money).collect();
    show::table(
        t.ledger,
        &html! {
            thead { tr { (heads(view)) th scope="col" { (t.country) } th scope="col" { (t.project) } th scope="col" { (t.note) } } }
            tbody {
                @for entry in entries {
                    tr id=[entry.kind.is_by_hand().then(|| reversal::anchor(entry))] {
                        th scope="row" {
                            @if let Some(id) = entry.verification { a href=(format!("/dashboard/verifications/{id}")) { (show::time(view, entry.at)) } }
                            @else { (show::time(view, entry.at)) }
                        }
                        (cells(view, entry, &show::rounded(view, entry.money, digits.of(entry.money.currency))))
                        td data-label=(t.country) { @if let Some(country) = entry.country { (show::country(view, &country.to_string())) } }
                        td data-label=(t.project) { @if let Some(id) = entry.project { (gateway.directory().project_name(ProjectId(id)).unwrap_or_default()) } }
                        (note(view, entry, reversed.contains(&entry.id)))
                    }
                }
            }
        },
    )
}

/// The entries of one verification.
pub fn short_table(view: &Viewer, entries: &[Entry]) -> Markup {
    show::table(
        view.t.ledger,
        &html! {
            thead { tr { (heads(view)) } }
            tbody {
                @for entry in entries {
                    tr { th scope="row" { (show::time(view, entry.at)) } (cells(view, entry, &show::money(view, entry.money))) }
                }
            }
        },
    )
}

/// The heads of the columns that both tables begin with.
fn heads(view: &Viewer) -> Markup {
    let t = view.t;
    html! {
        th scope="col" { (show::time_head(view)) } th scope="col" { (t.kind) } th scope="col" { (show::term(t.basis, t.money.basis_why)) }
        th scope="col" { (t.provider) } th scope="col" class="figure" { (t.amount) }
    }
}

/// The cells of these columns, after the time.
fn cells(view: &Viewer, entry: &Entry, amount: &Markup) -> Markup {
    let t = view.t;
    html! {
        td data-label=(t.kind) { (show::kind(t, entry.kind)) }
        td data-label=(t.basis) { (show::basis(t, &entry.basis)) }
        td data-label=(t.provider) { (entry.provider) }
        td class="figure first" data-label=(t.amount) { (amount) }
    }
}

/// The cell with an entry's note and author, and the button that reverses what a person booked.
fn note(view: &Viewer, entry: &Entry, is_reversed: bool) -> Markup {
    let may_reverse = entry.kind.is_by_hand() && view.may(Right::Book);
    html! {
        td class="words" data-label=(view.t.note) {
            @if let Some(note) = &entry.note { (note) }
            @if let Some(author) = &entry.author { p class="hint" { (author) } }
            @if is_reversed { (show::state("off", view.t.money.reversed)) }
            @else if may_reverse { (reversal::button(view, entry)) }
        }
    }
}

/// The sums of all entries that match, by currency, and what they add to the balance.
fn totals(view: &Viewer, sums: &[LedgerSum]) -> Markup {
    let t = view.t;
    html! {
        section class="panel" {
            h2 { (t.money.sum_of_these) }
            @for sum in sums {
                @let money = |amount: Micros| show::short(view, Money::new(amount, sum.currency));
                @let parts = [
                    (view.column("charged"), Micros(-sum.charged.0)), (view.column("refunded"), sum.refunded),
                    (view.column("refunded_expected"), sum.expected), (t.money.by_hand, sum.by_hand),
                ];
                dl class="facts sums" {
                    div { dt { (t.money.balance_change) } dd { (money(sum.grown())) } }
                    @for (name, amount) in parts.into_iter().filter(|(_, amount)| *amount != Micros::ZERO) { div { dt { (name) } dd { (money(amount)) } } }
                }
            }
        }
    }
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
    Ok(file::csv("ledger.csv", parts))
}
