//! `/dashboard/ledger`: every charge, refund, top-up and adjustment, newest first.

use std::fmt::Write as _;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::stream;
use maud::{Markup, html};
use uuid::Uuid;

use crate::dashboard::access::{SeesLedger, Signed};
use crate::dashboard::fault::Fault;
use crate::dashboard::forms::{Form, encoded};
use crate::dashboard::shell::{self, Section};
use crate::dashboard::show;
use crate::dashboard::text::Texts;
use crate::gateway::{Gateway, LedgerQuery, Trouble};
use crate::ledger::entry::{Entry, Kind};
use crate::reports::csv;
use crate::reports::query::date;

const PAGE: i64 = 50;

fn asked(form: &Form, limit: i64) -> LedgerQuery {
    let day = |name: &str| {
        date(form.text(name))
            .ok()
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .map(|day| day.and_utc())
    };
    let provider = form.text("provider").to_owned();
    LedgerQuery {
        provider: Some(provider).filter(|name| !name.is_empty()),
        kind: Kind::parse(form.text("kind")),
        from: day("from"),
        before: day("to").map(|day| day + chrono::TimeDelta::days(1)),
        cursor: cursor(form.text("cursor")),
        limit,
        ..LedgerQuery::default()
    }
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
    let found = gateway
        .list_ledger(&signed.access(), asked(&form, PAGE + 1))
        .await;
    let mut found = found.map_err(|trouble| view.trouble(&trouble))?;
    let more = found.len() > usize::try_from(PAGE).unwrap_or(50);
    found.truncate(usize::try_from(PAGE).unwrap_or(50));
    let mut filters = String::new();
    for name in ["provider", "kind", "from", "to"] {
        if !form.text(name).is_empty() {
            let _ = write!(filters, "&{name}={}", encoded(form.text(name)));
        }
    }
    let older = found.last().filter(|_| more).map(|last| {
        format!(
            "/dashboard/ledger?cursor={}.{}{filters}",
            last.at.timestamp_micros(),
            last.id.simple()
        )
    });
    let export = html! { a class="button quiet" href=(format!("/dashboard/ledger.csv?{filters}")) download { "CSV" } };
    let body = html! {
        (shell::heading(t.ledger, None, &export))
        form class="filters" method="get" action="/dashboard/ledger" {
            label { span { (t.kind) }
                select name="kind" {
                    option value="" { (t.any) }
                    @for kind in Kind::ALL { option value=(kind.as_str()) selected[kind.as_str() == form.text("kind")] { (show::kind(t, kind)) } }
                }
            }
            label { span { (t.provider) } input type="text" name="provider" value=(form.text("provider")) size="12" autocomplete="off"; }
            label { span { (t.from) } input type="date" name="from" value=(form.text("from")); }
            label { span { (t.to) } input type="date" name="to" value=(form.text("to")); }
            button type="submit" { (t.show) }
        }
        @if found.is_empty() { div class="empty" { h2 { (t.nothing_found) } p { (t.nothing_found_why) } } }
        @else {
            section class="panel" {
                (table(t, &found, true))
                @if let Some(older) = older { p class="pages" { a class="button quiet" href=(older) rel="next" { (t.next_page) } } }
            }
        }
    };
    Ok(view.page(t.ledger, Section::Ledger, &body))
}

/// Entries as a table, perhaps with links to their verifications.
pub fn table(t: &Texts, entries: &[Entry], linked: bool) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(t.ledger) {
            table class="figures" {
                caption class="unseen" { (t.ledger) }
                thead { tr { th scope="col" { (t.time) } th scope="col" { (t.kind) } th scope="col" { (t.basis) } th scope="col" { (t.provider) } th scope="col" class="figure" { (t.amount) } @if linked { th scope="col" { (t.note) } } } }
                tbody {
                    @for entry in entries {
                        tr {
                            td {
                                @if let (true, Some(id)) = (linked, entry.verification) { a href=(format!("/dashboard/verifications/{id}")) { (show::time(entry.at)) } }
                                @else { (show::time(entry.at)) }
                            }
                            td { (show::kind(t, entry.kind)) }
                            td { (show::basis(t, &entry.basis)) }
                            td { (entry.provider) }
                            td class="figure" { (show::money(entry.money)) }
                            @if linked { td { (entry.note.as_deref().unwrap_or_default()) @if let Some(author) = &entry.author { p class="hint" { (author) } } } }
                        }
                    }
                }
            }
        }
    }
}

pub async fn csv(
    signed: Signed<SeesLedger>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    const PART: i64 = 1_000;
    let form = Form::parse(request.query_string());
    let (gateway, access) = (gateway.get_ref().clone(), signed.access());
    let head =
        "id,at,kind,basis,amount,currency,provider,verification_id,attempt_id,author,note\r\n"
            .to_owned();
    let parts = stream::try_unfold(
        (Some(asked(&form, PART)), head),
        move |(query, mut text)| {
            let (gateway, access) = (gateway.clone(), access.clone());
            async move {
                let Some(mut query) = query else {
                    return Ok(None);
                };
                let entries = gateway.list_ledger(&access, query.clone()).await?;
                for entry in &entries {
                    text.push_str(&line(entry));
                }
                query.cursor = entries.last().map(|last| (last.at, last.id));
                let full = i64::try_from(entries.len()).is_ok_and(|len| len == PART);
                Ok::<_, Trouble>(Some((
                    web::Bytes::from(text),
                    (full.then_some(query), String::new()),
                )))
            }
        },
    );
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"ledger.csv\"",
        ))
        .streaming(Box::pin(parts)))
}

fn line(entry: &Entry) -> String {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let fields = [
        entry.id.to_string(),
        entry.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        entry.kind.as_str().to_owned(),
        entry.basis.clone(),
        entry.money.decimal(),
        entry.money.currency.to_string(),
        entry.provider.clone(),
        id(entry.verification),
        id(entry.attempt),
        entry.author.clone().unwrap_or_default(),
        entry.note.clone().unwrap_or_default(),
    ];
    csv::line(fields.into_iter())
}
