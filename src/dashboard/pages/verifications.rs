//! `/dashboard/verifications`: search, filters, pages.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;
use uuid::Uuid;

use crate::dashboard::access::{Right, SeesVerifications, Signed};
use crate::dashboard::fault::Fault;
use crate::dashboard::forms::{Form, encoded};
use crate::dashboard::shell::{self, Section};
use crate::dashboard::show;
use crate::gateway::{Gateway, ListQuery};
use crate::reports::query::date;
use crate::verification::Status;
use crate::verification::id::VerificationId;
use crate::verification::phone::PhoneNumber;

const PAGE: i64 = 50;

pub async fn list(
    signed: Signed<SeesVerifications>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (view, t) = (&signed.view, signed.view.t);
    let form = Form::parse(request.query_string());
    let mut fault = None;
    let mut query = ListQuery {
        limit: PAGE + 1,
        cursor: Uuid::try_parse(form.text("cursor"))
            .ok()
            .map(VerificationId::from_uuid),
        status: Status::NAMES
            .into_iter()
            .find(|name| *name == form.text("status")),
        project: gateway.directory().find_project(form.text("project")),
        ..ListQuery::default()
    };
    let day = |name: &str| {
        date(form.text(name))
            .ok()
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .map(|day| day.and_utc())
    };
    query.from = day("from");
    query.before = day("to").map(|day| day + chrono::TimeDelta::days(1));
    let search = form.text("search");
    if let Ok(id) = Uuid::try_parse(search) {
        return Ok(view.go(&format!("/dashboard/verifications/{id}")));
    }
    if !search.is_empty() {
        match PhoneNumber::parse(search) {
            Ok((phone, _)) if signed.may(Right::FullNumbers) => query.phone = Some(phone),
            Ok(_) => fault = Some(t.full_numbers_only),
            Err(_) => fault = Some(t.bad_search),
        }
    }
    let found = match fault {
        Some(_) => Ok(Vec::new()),
        None => gateway.list(&signed.access(), query).await,
    };
    let mut found = found.map_err(|trouble| view.trouble(&trouble))?;
    let more = found.len() > usize::try_from(PAGE).unwrap_or(50);
    found.truncate(usize::try_from(PAGE).unwrap_or(50));
    let older = found.last().filter(|_| more).map(|last| {
        let mut address = format!("/dashboard/verifications?cursor={}", last.id);
        for name in ["search", "status", "project", "from", "to"] {
            address.push_str(&format_field(name, form.text(name)));
        }
        address
    });
    let body = html! {
        (shell::heading(t.verifications, None, &shell::nothing()))
        form class="filters" method="get" action="/dashboard/verifications" role="search" {
            label { span { (t.search) } input type="search" name="search" value=(search) placeholder=(t.search_hint) size="30" autocomplete="off"; }
            label { span { (t.status) }
                select name="status" {
                    option value="" { (t.any) }
                    @for name in Status::NAMES { option value=(name) selected[name == form.text("status")] { (show::status_name(t, name)) } }
                }
            }
            label { span { (t.project) }
                select name="project" {
                    option value="" { (t.any) }
                    @for project in gateway.directory().projects() { option value=(project.name) selected[project.name == form.text("project")] { (project.name) } }
                }
            }
            label { span { (t.from) } input type="date" name="from" value=(form.text("from")); }
            label { span { (t.to) } input type="date" name="to" value=(form.text("to")); }
            button type="submit" { (t.show) }
        }
        @if let Some(fault) = fault { p class="notice bad" role="alert" { (fault) } }
        @if found.is_empty() {
            div class="empty" { h2 { (t.nothing_found) } p { (t.nothing_found_why) } }
        } @else {
            section class="panel" {
                div class="scroll" tabindex="0" role="region" aria-label=(t.verifications) {
                    table class="figures" {
                        caption class="unseen" { (t.verifications) }
                        thead { tr { th scope="col" { (t.time) } th scope="col" { (t.number) } th scope="col" { (t.country) } th scope="col" { (t.channel) } th scope="col" { (t.status) } th scope="col" class="figure" { (t.cost) } } }
                        tbody {
                            @for v in &found {
                                tr {
                                    td { a href=(format!("/dashboard/verifications/{}", v.id)) { (show::time(v.record.created_at)) } }
                                    td { (show::number(view, &v.phone)) }
                                    td { (v.record.country.to_string()) }
                                    td { @if let Some(last) = v.newest() { (show::channel(last.channel)) } }
                                    td { (show::status(t, v.record.status)) }
                                    td class="figure" { (show::costs(v)) }
                                }
                            }
                        }
                    }
                }
                @if let Some(older) = older { p class="pages" { a class="button quiet" href=(older) rel="next" { (t.next_page) } } }
            }
        }
    };
    Ok(view.page(t.verifications, Section::Verifications, &body))
}

fn format_field(name: &str, value: &str) -> String {
    if value.is_empty() {
        String::new()
    } else {
        format!("&{name}={}", encoded(value))
    }
}
