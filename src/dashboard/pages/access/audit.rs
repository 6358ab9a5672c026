//! `/dashboard/audit`: who changed what, newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde_json::Value;
use uuid::Uuid;

use crate::audit::{Action, ActorKind, Deed, Entry};
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{SeesAudit, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::list::{self, older};
use crate::dashboard::text::AuditTexts;
use crate::gateway::{AuditQuery, Gateway};
use crate::web::file;

pub const PATH: &str = "/dashboard/audit";
const CSV: &str = "/dashboard/audit.csv";

const FILTERS: [&str; 6] = ["action", "actor", "object", "project", "from", "to"];

/// Lines of a change, and characters of a line, that are shown at once.
const LINES: usize = 6;
const LINE: usize = 120;

fn asked(view: &Viewer, gateway: &Gateway, form: &Form) -> (AuditQuery, FormErrors) {
    let mut wrong = FormErrors::default();
    let days = list::days(view, form, &mut wrong);
    let text = |name| Some(form.text(name).to_owned()).filter(|text| !text.is_empty());
    let action = list::chosen(view, form, "action", Action::parse, &mut wrong);
    let query = AuditQuery {
        project: list::project(view, gateway, form, &mut wrong),
        from: days.from,
        to: days.before,
        action,
        actor: text("actor"),
        object: text("object"),
        before: Uuid::try_parse(form.text("cursor")).ok(),
        limit: list::PAGE + 1,
    };
    (query, wrong)
}

pub async fn list(
    signed: Signed<SeesAudit>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (view, t) = (&signed.view, signed.view.t);
    let form = Form::parse(request.query_string());
    let (query, wrong) = asked(view, &gateway, &form);
    let mut found = Vec::new();
    if wrong.is_empty() {
        let listed = gateway.admin().list_audit(&query).await;
        found = listed.map_err(|trouble| view.trouble(&trouble))?;
    }
    let cursor = list::cut(&mut found).map(|last| last.id.to_string());
    let export = html! { a class="button quiet" href=(list::address(CSV, &form, &FILTERS)) download { "CSV" } };
    let fields = Fields {
        t,
        form: &form,
        wrong: &wrong,
    };
    let body = html! {
        (shell::heading(t.audit.audit, Some(t.audit.lead), &export))
        (filters(view, &gateway, fields))
        @if found.is_empty() { (list::nothing(t)) }
        @else {
            section class="panel" {
                (table(view, &gateway, &found))
                (older(view, PATH, &form, &FILTERS, cursor))
            }
        }
    };
    Ok(view.form_page(&wrong, t.audit.audit, PATH, &body))
}

fn filters(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.audit);
    let names = Action::ALL.iter().map(|action| {
        let name = name(m, *action).to_owned();
        (action.as_str().to_owned(), name)
    });
    let actions = list::any(t, names);
    html! {
        (fields.summary())
        form class="filters" method="get" action=(PATH) role="search" {
            (fields.choice(m.action, "action", &actions, ""))
            (fields.line_with(m.actor, "actor", Input::Text, "", Some(m.actor_hint)))
            (fields.line_with(m.object, "object", Input::Text, "", Some(m.object_hint)))
            (list::projects(view, gateway, fields))
            (fields.line(t.from, "from", Input::Date, ""))
            (fields.line(t.to, "to", Input::Date, ""))
            button type="submit" { (t.show) }
        }
    }
}

fn table(view: &Viewer, gateway: &Gateway, entries: &[Entry]) -> Markup {
    let (t, m) = (view.t, view.t.audit);
    show::table(
        m.audit,
        &html! {
            thead { tr {
                th scope="col" { (show::time_head(view)) } th scope="col" { (m.actor) } th scope="col" { (m.action) }
                th scope="col" { (m.object) } th scope="col" { (t.project) } th scope="col" { (m.change) }
            } }
            tbody {
                @for entry in entries {
                    @let project = entry.deed.project.and_then(|id| gateway.directory().project_name(id));
                    tr {
                        th scope="row" { (show::time(view, entry.at)) }
                        td data-label=(m.actor) { (actor(view, entry)) }
                        td data-label=(m.action) {
                            (name(m, entry.deed.action))
                            p class="hint" { code { (entry.deed.action.as_str()) } }
                        }
                        td data-label=(m.object) { (object(&entry.deed)) }
                        td data-label=(t.project) { (project.unwrap_or_default()) }
                        td class="words" data-label=(m.change) { (change(m, &entry.deed)) }
                    }
                }
            }
        },
    )
}

fn actor(view: &Viewer, entry: &Entry) -> Markup {
    let (m, actor) = (view.t.audit, &entry.by.actor);
    let kind = match actor.kind {
        ActorKind::User => m.kind_user,
        ActorKind::Key => m.kind_key,
        ActorKind::Cli => m.kind_cli,
    };
    html! {
        @match (&actor.name, actor.id) {
            (Some(name), _) => (name),
            (None, Some(id)) => (show::id(id)),
            (None, None) => {},
        }
        p class="hint" { (kind) @if let Some(ip) = entry.by.client { ", " (ip) } }
    }
}

fn object(deed: &Deed) -> Markup {
    let id = deed.id.as_deref().unwrap_or_default();
    html! {
        @if let Some(name) = &deed.name { (name) }
        @if let Ok(id) = Uuid::try_parse(id) { p class="hint" { (show::id(id)) } }
    }
}

/// Each value that differs, a line each.
fn change(m: &AuditTexts, deed: &Deed) -> Markup {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    leaves(deed.before.as_ref(), "", &mut before);
    leaves(deed.after.as_ref(), "", &mut after);
    let of = |side: &[(String, String)], name: &str| {
        let found = side.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    let gone = before.iter().map(|(name, _)| name);
    let new = after.iter().map(|(name, _)| name);
    let new = new.filter(|name| of(&before, name).is_none());
    let lines: Vec<(&String, Option<String>, Option<String>)> = gone
        .chain(new)
        .map(|name| (name, of(&before, name), of(&after, name)))
        .collect();
    let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > LINE);
    let is_short =
        lines.len() <= LINES && !lines.iter().any(|(_, was, is)| is_long(was) || is_long(is));
    let list = html! {
        ul class="tries" {
            @for (name, was, is) in &lines {
                li {
                    (name) ": "
                    @if let Some(was) = was { del { (was) } " " }
                    @if let Some(is) = is { ins { (is) } }
                }
            }
        }
    };
    html! {
        @if lines.is_empty() {}
        @else if is_short { (list) }
        @else { details { summary { (m.whole_change) } (list) } }
    }
}

/// The values of an object, by their path. A list is one value, unless it is one of objects.
fn leaves(value: Option<&Value>, path: &str, out: &mut Vec<(String, String)>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    match value {
        None | Some(Value::Null) => {}
        Some(Value::Object(members)) => {
            for (name, value) in members {
                leaves(Some(value), &below(name), out);
            }
        }
        Some(Value::Array(items)) if items.iter().any(Value::is_object) => {
            for (place, item) in items.iter().enumerate() {
                leaves(Some(item), &below(&(place + 1).to_string()), out);
            }
        }
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(written).collect();
            out.push((path.to_owned(), items.join(", ")));
        }
        Some(other) => out.push((path.to_owned(), written(other))),
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn name(t: &AuditTexts, action: Action) -> &'static str {
    match action {
        Action::KeyCreated => t.key_created,
        Action::KeyRevoked => t.key_revoked,
        Action::ProjectCreated => t.project_created,
        Action::ProjectChanged => t.project_changed,
        Action::BudgetsChanged => t.budgets_changed,
        Action::RatesChanged => t.rates_changed,
        Action::ExchangeRatesChanged => t.exchange_rates_changed,
        Action::LedgerEntryBooked => t.ledger_entry_booked,
        Action::LedgerEntryReversed => t.ledger_entry_reversed,
        Action::ListEntryAdded => t.list_entry_added,
        Action::ListEntryRemoved => t.list_entry_removed,
        Action::BlockEnded => t.block_ended,
        Action::SubjectErased => t.subject_erased,
        Action::WebhookCreated => t.webhook_created,
        Action::WebhookRotated => t.webhook_rotated,
        Action::WebhookDeleted => t.webhook_deleted,
        Action::IntegrationCreated => t.integration_created,
        Action::IntegrationChanged => t.integration_changed,
        Action::IntegrationRotated => t.integration_rotated,
        Action::IntegrationDeleted => t.integration_deleted,
        Action::UserCreated => t.user_created,
        Action::UserInvited => t.user_invited,
        Action::UserRoleChanged => t.user_role_changed,
        Action::UserDisabled => t.user_disabled,
        Action::UserEnabled => t.user_enabled,
        Action::UserPasswordChanged => t.user_password_changed,
        Action::UserSessionsEnded => t.user_sessions_ended,
        Action::UserSignedIn => t.user_signed_in,
        Action::UserSignInFailed => t.user_sign_in_failed,
    }
}

/// All entries that match the filters, as a file. With an invalid filter, redirects to the page, which shows the error.
pub async fn csv(
    signed: Signed<SeesAudit>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let form = Form::parse(request.query_string());
    let (query, wrong) = asked(view, &gateway, &form);
    if !wrong.is_empty() {
        return Ok(view.go(&list::address(PATH, &form, &FILTERS)));
    }
    let parts = gateway.admin().audit_csv(query).await;
    let parts = parts.map_err(|trouble| view.trouble(&trouble))?;
    Ok(file::csv("audit.csv", parts))
}
