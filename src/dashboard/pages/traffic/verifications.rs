//! `/dashboard/verifications`: a searchable list.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use uuid::Uuid;

use crate::access::Right;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{SeesVerifications, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::list::{self, older};
use crate::gateway::{Gateway, ListQuery};
use crate::verification::id::VerificationId;
use crate::verification::{Status, Verification};

const FILTERS: [&str; 5] = ["search", "status", "project", "from", "to"];
pub const PATH: &str = "/dashboard/verifications";

pub async fn list(
    signed: Signed<SeesVerifications>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (view, t) = (&signed.view, signed.view.t);
    let form = Form::parse(request.query_string());
    if let Ok(id) = Uuid::try_parse(form.text("search")) {
        return Ok(view.go(&format!("{PATH}/{id}")));
    }
    let mut wrong = FormErrors::default();
    let query = read(&signed, &gateway, &form, &mut wrong);
    let mut found = Vec::new();
    if wrong.is_empty() {
        let listed = gateway.verify().list(&signed.access(), query).await;
        found = listed.map_err(|trouble| view.trouble(&trouble))?;
    }
    let cursor = list::cut(&mut found).map(|last| last.id.to_string());
    let fields = Fields {
        t,
        form: &form,
        wrong: &wrong,
    };
    let body = html! {
        (shell::heading(t.verifications, None, &shell::nothing()))
        (filters(view, &gateway, fields))
        @if found.is_empty() { (list::nothing(t)) }
        @else {
            section class="panel" {
                (table(view, &found))
                (older(view, PATH, &form, &FILTERS, cursor))
            }
        }
    };
    Ok(view.form_page(&wrong, t.verifications, PATH, &body))
}

fn read(
    signed: &Signed<SeesVerifications>,
    gateway: &Gateway,
    form: &Form,
    wrong: &mut FormErrors,
) -> ListQuery {
    let (view, t) = (&signed.view, signed.view.t);
    let mut phone = None;
    let project = list::project(view, gateway, form, wrong);
    let search = form.text("search");
    if !search.is_empty() {
        match gateway.verify().read_searched_number(project, search) {
            Ok(found) if signed.may(Right::FullNumbers) => phone = Some(found),
            Ok(_) => wrong.note("search", t.full_numbers_only),
            Err(_) => wrong.note("search", t.bad_search),
        }
    }
    let known = |text: &str| Status::NAMES.into_iter().find(|name| *name == text);
    let status = list::chosen(view, form, "status", known, wrong);
    let days = list::days(view, form, wrong);
    ListQuery {
        is_recent: false,
        phone,
        status,
        project,
        from: days.from,
        before: days.before,
        cursor: Uuid::try_parse(form.text("cursor"))
            .ok()
            .map(VerificationId::from_uuid),
        limit: list::PAGE + 1,
    }
}

fn filters(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let t = view.t;
    let names = Status::NAMES.map(|name| (name.to_owned(), show::status_name(t, name).to_owned()));
    let statuses = list::any(t, names);
    html! {
        (fields.summary())
        form class="filters" method="get" action=(PATH) role="search" {
            (fields.line_with(t.search, "search", Input::Text, "", Some(t.search_hint)))
            (fields.choice(t.status, "status", &statuses, ""))
            (list::projects(view, gateway, fields))
            (fields.line(t.from, "from", Input::Date, ""))
            (fields.line(t.to, "to", Input::Date, ""))
            button type="submit" { (t.show) }
        }
    }
}

fn table(view: &Viewer, found: &[Verification]) -> Markup {
    let t = view.t;
    show::table(
        t.verifications,
        &html! {
            thead { tr {
                th scope="col" { (show::time_head(view)) } th scope="col" { (t.number) } th scope="col" { (t.country) }
                th scope="col" { (t.channel) } th scope="col" { (t.status) } th scope="col" class="figure" { (t.cost) }
            } }
            tbody {
                @for v in found {
                    tr {
                        th scope="row" { a href=(format!("{PATH}/{}", v.id)) { (show::time(view, v.record.created_at)) } }
                        td data-label=(t.number) { (show::number(view, v.phone.as_ref())) }
                        td data-label=(t.country) { (show::country(view, &v.record.country.to_string())) }
                        td data-label=(t.channel) { @if let Some(last) = v.newest() { (show::channel(last.channel)) } }
                        td data-label=(t.status) { (show::status(t, v.record.status)) }
                        td class="figure first" data-label=(t.cost) { (show::costs(view, v)) }
                    }
                }
            }
        },
    )
}
