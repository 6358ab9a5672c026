//! `/dashboard/guard/decisions`: each message that a rule fired for, why, and the buttons that let through or block; also as a file.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use uuid::Uuid;

use crate::abuse::guard::rules::Rule;
use crate::abuse::guard::verdict::Outcome;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{SeesVerifications, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::guard;
use crate::dashboard::pages::parts::list::{self, older};
use crate::dashboard::text::faults::filled;
use crate::gateway::{Decision, DecisionQuery, Gateway};
use crate::verification::phone::Country;
use crate::web::file;

pub const PATH: &str = "/dashboard/guard/decisions";

const FILTERS: [&str; 7] = [
    "outcome", "rule", "country", "prefix", "project", "from", "to",
];

fn asked(view: &Viewer, gateway: &Gateway, form: &Form) -> (DecisionQuery, FormErrors) {
    let t = view.t;
    let mut wrong = FormErrors::default();
    let project = list::project(view, gateway, form, &mut wrong);
    let days = list::days(view, form, &mut wrong);
    let outcome = list::chosen(view, form, "outcome", Outcome::parse, &mut wrong);
    let rule = list::chosen(view, form, "rule", Rule::parse, &mut wrong);
    let country = match form.text("country") {
        "" => None,
        code => wrong.or_note(
            "country",
            Country::existing(&code.to_ascii_uppercase()),
            |_| filled(t.faults.not_a_country, &[code]),
        ),
    };
    let prefix = match form.text("prefix") {
        "" => None,
        text => {
            let read = DecisionQuery::read_prefix(text).ok_or(());
            wrong.or_note("prefix", read, |()| filled(t.guard.bad_prefix, &[text]))
        }
    };
    let query = DecisionQuery {
        project,
        from: days.from,
        to: days.before,
        outcome,
        rule,
        country,
        prefix,
        verification: None,
        before: Uuid::try_parse(form.text("cursor")).ok(),
        limit: list::PAGE + 1,
    };
    (query, wrong)
}

pub async fn list(
    signed: Signed<SeesVerifications>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t, view.t.guard);
    let form = Form::parse(request.query_string());
    let (query, wrong) = asked(view, &gateway, &form);
    let mut found = Vec::new();
    if wrong.is_empty() {
        let listed = gateway.verify().list_decisions(&query).await;
        found = listed.map_err(|trouble| view.trouble(&trouble))?;
    }
    let cursor = list::cut(&mut found).map(|last| last.id.to_string());
    let file = list::address(&format!("{PATH}.csv"), &form, &FILTERS);
    let export = html! { a class="button quiet" href=(file) download { "CSV" } };
    let fields = Fields {
        t,
        form: &form,
        wrong: &wrong,
    };
    let body = html! {
        (shell::heading(m.decisions, Some(m.decisions_lead), &export))
        (filters(view, &gateway, fields))
        @if found.is_empty() { div class="empty" { h2 { (m.none) } p { (m.none_why) } } }
        @else {
            section class="panel" {
                (table(view, &gateway, &found))
                (older(view, PATH, &form, &FILTERS, cursor))
            }
        }
    };
    Ok(view.form_page(&wrong, m.decisions, PATH, &body))
}

fn filters(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let outcomes = Outcome::ALL.map(|one| {
        let name = guard::outcome_name(t, one);
        (one.as_str().to_owned(), name.to_owned())
    });
    let rules =
        guard::RULES.map(|rule| (rule.as_str().to_owned(), guard::rule(t, rule).to_owned()));
    let (outcomes, rules) = (list::any(t, outcomes), list::any(t, rules));
    html! {
        (fields.summary())
        form class="filters" method="get" action=(PATH) role="search" {
            (fields.choice(m.outcome, "outcome", &outcomes, ""))
            (fields.choice(m.rule, "rule", &rules, ""))
            (fields.line_with(t.country, "country", Input::Code, "", Some(m.country_hint)))
            (fields.line_with(m.prefix, "prefix", Input::Decimal, "", Some(m.prefix_hint)))
            (list::projects(view, gateway, fields))
            (fields.line(t.from, "from", Input::Date, ""))
            (fields.line(t.to, "to", Input::Date, ""))
            button type="submit" { (t.show) }
        }
    }
}

fn table(view: &Viewer, gateway: &Gateway, found: &[Decision]) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    show::table(
        m.decisions,
        &html! {
            thead { tr {
                th scope="col" { (show::time_head(view)) } th scope="col" { (m.range) } th scope="col" { (m.outcome) }
                th scope="col" { (m.why) } th scope="col" { (t.project) } th scope="col" { span class="unseen" { (m.lists) } }
            } }
            tbody { @for one in found { (row(view, gateway, one)) } }
        },
    )
}

fn row(view: &Viewer, gateway: &Gateway, one: &Decision) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let country = one.facts.cells.country.to_string();
    html! {
        tr {
            th scope="row" {
                (show::time(view, one.at))
                p class="hint" {
                    @match one.verification {
                        Some(id) => a href=(format!("{}/{id}", super::verifications::PATH)) { (m.kept_link) span class="unseen" { " " (id) } },
                        None => (m.not_kept),
                    }
                }
            }
            td data-label=(m.range) { span class="number" { (one.prefix) } p class="hint" { (view.locale().country(&country).unwrap_or(&country)) } }
            td class="first" data-label=(m.outcome) {
                (guard::outcome(t, one.outcome))
                p class="hint" { (guard::on(t, one.on)) @if one.count > 1 { " · " (filled(m.alike, &[&view.locale().count(one.count.into())])) } }
            }
            td class="words" data-label=(m.why) { (guard::reasons(view, one)) }
            td data-label=(t.project) { (gateway.directory().project_name(one.facts.cells.project).unwrap_or_default()) }
            td class="acts pairs" { (guard::buttons(view, gateway, one)) }
        }
    }
}

/// All decisions that match the filters, as a file. With an invalid filter, redirects to the page, which shows the error.
pub async fn csv(
    signed: Signed<SeesVerifications>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let form = Form::parse(request.query_string());
    let (query, wrong) = asked(view, &gateway, &form);
    if !wrong.is_empty() {
        return Ok(view.go(&list::address(PATH, &form, &FILTERS)));
    }
    let parts = gateway.verify().decisions_csv(query).await;
    let parts = parts.map_err(|trouble| view.trouble(&trouble))?;
    Ok(file::csv("decisions.csv", parts))
}
