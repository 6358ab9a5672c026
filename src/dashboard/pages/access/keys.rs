//! `/dashboard/keys`: API keys.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde_json::Value;
use uuid::Uuid;

use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, once, sure};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{ManagesKeys, Posted, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::AccessTexts;
use crate::dashboard::text::faults::filled;
use crate::gateway::{
    ApiKey, Gateway, KeyRequest, LONGEST_KEY_DAYS, LONGEST_KEY_NAME, Replay, Scope, key_name,
};
use crate::verification::span;

pub const PATH: &str = "/dashboard/keys";
/// In the field `project`: every project.
const EVERY: &str = "*";

/// The notice above the list.
enum Said<'a> {
    Nothing,
    Done(&'a str),
    /// With what clients of other services are configured with.
    Secret(&'a str, &'a Value),
}

pub async fn list(
    signed: Signed<ManagesKeys>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let said = match Form::parse(request.query_string()).text("done") {
        "revoked" => Said::Done(signed.view.t.access.revoked),
        _ => Said::Nothing,
    };
    page(
        &signed,
        &gateway,
        &Form::default(),
        &FormErrors::default(),
        said,
    )
    .await
}

async fn page(
    signed: &Signed<ManagesKeys>,
    gateway: &Gateway,
    form: &Form,
    wrong: &FormErrors,
    said: Said<'_>,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t, view.t.access);
    let keys = gateway.admin().list_keys(&signed.access()).await;
    let keys = keys.map_err(|trouble| view.trouble(&trouble))?;
    let body = html! {
        (shell::heading(m.keys, Some(m.keys_lead), &shell::nothing()))
        @match said {
            Said::Nothing => {},
            Said::Done(words) => (show::done(Some(words))),
            Said::Secret(secret, dialects) => { (show::secret(t, m.key_made, secret)) (settings(m, dialects)) },
        }
        section class="panel" { h2 { (m.key_new) } (new(view, gateway, Fields { t, form, wrong })) }
        @if keys.is_empty() { div class="empty" { h2 { (m.key_none) } p { (m.key_none_why) } } }
        @else { section class="panel" { (table(view, gateway, &keys)) } }
    };
    Ok(view.form_page(wrong, m.keys, PATH, &body))
}

/// The lines to paste into a client of each other service.
fn settings(m: &AccessTexts, dialects: &Value) -> Markup {
    let lines = |settings: &Value| -> Vec<String> {
        let settings = settings.as_object().into_iter().flatten();
        settings
            .map(|(name, value)| format!("{name} = {}", value.as_str().unwrap_or_default()))
            .collect()
    };
    let dialects = dialects.as_object().filter(|dialects| !dialects.is_empty());
    html! {
        @if let Some(dialects) = dialects {
            details class="panel" {
                summary { (m.key_dialects) }
                p class="hint" { (m.key_dialects_hint) }
                @for (name, settings) in dialects {
                    h3 { (name) }
                    pre { code { (lines(settings).join("\n")) } }
                }
            }
        }
    }
}

fn new(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.access);
    let projects = gateway.directory().projects().into_iter();
    let projects: Vec<_> = projects
        .map(|project| (project.name.clone(), project.name))
        .chain([(EVERY.to_owned(), m.whole_instance.to_owned())])
        .collect();
    let scopes = Scope::ALL.map(|scope| (scope.as_str(), scope_name(view, scope)));
    html! {
        (fields.summary())
        form class="filters" method="post" action=(PATH) {
            (shell::token(view))
            (once())
            (fields.line_with(m.key_name, "name", Input::Text, "", Some(m.key_name_hint)))
            (fields.choice(t.project, "project", &projects, "default"))
            (fields.checks(m.scopes, "scope", &scopes, |scope| fields.form.all("scope").any(|chosen| chosen == scope)))
            (fields.line_with(m.expires_in, "days", Input::Decimal, "", Some(m.expires_in_hint)))
            button type="submit" { (m.make) }
        }
    }
}

fn scope_name(view: &Viewer, scope: Scope) -> &'static str {
    let m = view.t.access;
    match scope {
        Scope::Verify => m.scope_verify,
        Scope::Finance => m.scope_finance,
        Scope::Admin => m.scope_admin,
    }
}

fn table(view: &Viewer, gateway: &Gateway, keys: &[ApiKey]) -> Markup {
    let (t, m) = (view.t, view.t.access);
    show::table(
        m.keys,
        &html! {
            thead { tr {
                th scope="col" { (t.project) } th scope="col" { (m.scopes) } th scope="col" { (t.money.state) }
                th scope="col" { (m.created) } th scope="col" { (t.expires) } th scope="col" { (m.last_used) }
                th scope="col" { span class="unseen" { (m.revoke) } }
            } }
            tbody { @for key in keys { (row(view, gateway, key)) } }
        },
    )
}

fn row(view: &Viewer, gateway: &Gateway, key: &ApiKey) -> Markup {
    let (t, m) = (view.t, view.t.access);
    let project = match key.project {
        None => m.whole_instance.to_owned(),
        Some(id) => gateway.directory().project_name(id).unwrap_or_default(),
    };
    let lapsed = key.expires_at.is_some_and(|at| at <= gateway.now());
    let scopes = key.scopes.split(',').filter_map(Scope::parse);
    html! {
        tr {
            th scope="row" {
                (project)
                @if let Some(name) = &key.name { p class="hint" { b { (name) } } }
                p class="hint" { (show::id(key.id)) }
            }
            td data-label=(m.scopes) { @for scope in scopes { span class="chip" { (scope.as_str()) } " " } }
            td data-label=(t.money.state) {
                @if key.revoked_at.is_some() { (show::state("off", m.revoked)) }
                @else if lapsed { (show::state("off", m.lapsed)) }
                @else { (show::state("good", m.active)) }
            }
            td data-label=(m.created) { (show::minute(view, key.created_at)) }
            td data-label=(t.expires) { @match key.expires_at { Some(at) => (show::minute(view, at)), None => (t.never) } }
            td data-label=(m.last_used) { @match key.last_used_at { Some(at) => (show::minute(view, at)), None => (t.never) } }
            td class="acts" { @if key.revoked_at.is_none() && !lapsed { (sure(view, &format!("{PATH}/{}/revoke", key.id), (m.revoke, &format!("{}{project}, {}", named(key), key.id)), m.revoke_why, &[])) } }
        }
    }
}

/// The name, as the beginning of a longer label.
fn named(key: &ApiKey) -> String {
    let name = key.name.as_deref();
    name.map_or_else(String::new, |name| format!("{name}, "))
}

pub async fn create(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (signed, form) = (&posted.signed, &posted.form);
    let view = &signed.view;
    let mut wrong = FormErrors::default();
    let Some(asked) = read(view, &gateway, form, &mut wrong) else {
        return page(signed, &gateway, form, &wrong, Said::Nothing).await;
    };
    let made = posted
        .once(
            &gateway,
            async |ticket| {
                let admin = gateway.admin();
                admin
                    .create_key(asked, &posted.signed.access(), Some(ticket))
                    .await
            },
            async |replay| match replay {
                Replay::Key { id, sealed } => Some(
                    gateway
                        .admin()
                        .key_again(&signed.access(), id, &sealed)
                        .await,
                ),
                _ => None,
            },
        )
        .await?;
    let (key, secret) = made.map_err(|trouble| view.trouble(&trouble))?;
    let dialects = gateway.dialect_credentials(&key, &secret);
    page(
        signed,
        &gateway,
        &Form::default(),
        &wrong,
        Said::Secret(&secret, &dialects),
    )
    .await
}

fn read(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &mut FormErrors,
) -> Option<KeyRequest> {
    let t = view.t.faults;
    let name = match form.text("name") {
        "" => None,
        text => wrong.or_note("name", key_name(text), |_| {
            filled(t.too_long_text, &[&LONGEST_KEY_NAME.to_string()])
        }),
    };
    let project = match form.text("project") {
        EVERY => Some(None),
        name => gateway.directory().find_project(name).map(Some),
    };
    if project.is_none() {
        wrong.note("project", t.choose);
    }
    let known = Scope::ALL.into_iter().map(Scope::as_str);
    let scopes: Vec<&str> = known
        .filter(|scope| form.all("scope").any(|chosen| chosen == *scope))
        .collect();
    if scopes.is_empty() {
        wrong.note("scope", t.choose_some);
    }
    let days = match form.text("days") {
        "" => None,
        text => {
            let days = text.parse().ok();
            let days = days.filter(|days| (1..=LONGEST_KEY_DAYS).contains(days));
            if days.is_none() {
                wrong.note("days", t.days);
            }
            days
        }
    };
    let days = days.map(|days: u64| Duration::from_secs(days * 86_400));
    let new = KeyRequest {
        name,
        project: project?,
        scopes: scopes.join(","),
        expires_at: days.map(|days| span::after(gateway.now(), days)),
    };
    wrong.is_empty().then_some(new)
}

pub async fn revoke(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let view = &signed.view;
    let id = Uuid::try_parse(&id).map_err(|_| view.fault(Kind::NotFound))?;
    let revoked = gateway.admin().revoke_key(&signed.access(), id).await;
    revoked.map_err(|trouble| view.trouble(&trouble))?;
    Ok(view.go("/dashboard/keys?done=revoked"))
}
