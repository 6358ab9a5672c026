//! `/dashboard/integrations`: programs that have their codes delivered, and the form to add one.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use super::integration::{self, PATH, Said, host_name, state};
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, once};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{ManagesKeys, Posted, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::{Gateway, Integration, IntegrationRequest, Replay};
use crate::integrations::{Kind, MOST, Preset, Settings, check_secret};
use crate::verification::phone::Country;

const LONGEST_NAME: usize = 60;
/// In the field `host`: a program without a preset.
const OTHER: &str = "generic";

pub async fn list(
    signed: Signed<ManagesKeys>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let done = show::was_done(&request, &[("removed", signed.view.t.removed)]);
    let (form, wrong) = (Form::default(), FormErrors::default());
    page(&signed, &gateway, &form, &wrong, done).await
}

async fn page(
    signed: &Signed<ManagesKeys>,
    gateway: &Gateway,
    form: &Form,
    wrong: &FormErrors,
    done: Option<&str>,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t, view.t.integrations);
    let admin = gateway.admin();
    let all = admin.list_integrations(&signed.access(), None, None).await;
    let all = all.map_err(|trouble| view.trouble(&trouble))?;
    let body = html! {
        (shell::heading(m.integrations, Some(m.lead), &shell::nothing()))
        (show::done(done))
        @if all.is_empty() { div class="empty" { h2 { (m.none) } p { (m.none_why) } } }
        @else { section class="panel" { (table(view, gateway, all.iter().map(AsRef::as_ref))) } }
        section class="panel" { h2 { (m.new) } (new(view, gateway, Fields { t, form, wrong })) }
    };
    Ok(view.form_page(wrong, m.integrations, PATH, &body))
}

fn table<'a>(
    view: &Viewer,
    gateway: &Gateway,
    all: impl Iterator<Item = &'a Integration>,
) -> Markup {
    let (t, m) = (view.t, view.t.integrations);
    let project = |integration: &Integration| {
        let name = gateway.directory().project_name(integration.project);
        name.unwrap_or_default()
    };
    show::table(
        m.integrations,
        &html! {
            thead { tr {
                th scope="col" { (m.name) } th scope="col" { (m.host) } th scope="col" { (t.project) }
                th scope="col" { (t.money.state) } th scope="col" { (t.access.created) }
            } }
            tbody {
                @for integration in all {
                    tr {
                        th scope="row" class="words" { a href=(format!("{PATH}/{}", integration.id)) { (integration.name) } }
                        td data-label=(m.host) { (host_name(view, integration)) }
                        td data-label=(t.project) { (project(integration)) }
                        td data-label=(t.money.state) { (state(view, integration)) }
                        td data-label=(t.access.created) { (show::minute(view, integration.created_at)) }
                    }
                }
            }
        },
    )
}

fn new(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.integrations);
    let projects = gateway.directory().projects().into_iter();
    let projects: Vec<_> = projects
        .map(|project| (project.name.clone(), project.name))
        .collect();
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_hook() && kind.signs());
    let hosts: Vec<(String, String)> = kinds
        .map(|kind| (kind.as_str().to_owned(), kind.title().to_owned()))
        .chain(Preset::ALL.map(|it| (it.as_str().to_owned(), it.title().to_owned())))
        .chain([(OTHER.to_owned(), m.other.to_owned())])
        .collect();
    html! {
        (fields.summary())
        form class="filters" method="post" action=(PATH) {
            (shell::token(view))
            (once())
            (fields.choice(m.host, "host", &hosts, "supabase"))
            (fields.choice(t.project, "project", &projects, "default"))
            (fields.line_with(m.name, "name", Input::Text, "", Some(m.name_hint)))
            (fields.line_with(m.country, "country", Input::Code, "", Some(m.country_hint)))
            (fields.line_with(m.secret, "secret", Input::Text, "", Some(m.secret_hint)))
            button type="submit" { (t.access.make) }
        }
    }
}

pub async fn create(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (signed, form) = (&posted.signed, &posted.form);
    let view = &signed.view;
    let mut wrong = FormErrors::default();
    let Some(asked) = read(view, &gateway, form, &mut wrong) else {
        return page(signed, &gateway, form, &wrong, None).await;
    };
    let admin = gateway.admin();
    let access = signed.access();
    let made = posted
        .once(
            &gateway,
            async |ticket| {
                let made = admin.create_integration(asked, &access, Some(ticket));
                made.await.map_err(Some)?.ok_or(None)
            },
            async |replay| match replay {
                Replay::Integration { id, sealed, .. } => {
                    let again = admin.integration_again(&access, id, sealed.as_deref());
                    Some(again.await.map(Arc::new).map_err(Some))
                }
                _ => None,
            },
        )
        .await?;
    match made {
        Ok(made) => {
            let m = view.t.integrations;
            let said = match &made.secret {
                Some(secret) => Said::Secret(m.made, secret),
                None => Said::Good(m.made_without),
            };
            integration::page(signed, &gateway, &made, said).await
        }
        Err(Some(trouble)) => Err(view.trouble(&trouble)),
        Err(None) => {
            let most = MOST.to_string();
            wrong.note("project", filled(view.t.faults.most_integrations, &[&most]));
            page(signed, &gateway, form, &wrong, None).await
        }
    }
}

fn read(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &mut FormErrors,
) -> Option<IntegrationRequest> {
    let t = view.t.faults;
    let host = form.text("host");
    let preset = Preset::parse(host);
    // An application of Vonage's clients brings a key, which the API and the command line take.
    let kind = Kind::parse(host).filter(|kind| kind.is_hook());
    let kind = kind.or(preset.map(|_| Kind::Generic));
    if kind.is_none() {
        wrong.note("host", t.choose);
    }
    let project = gateway.directory().find_project(form.text("project"));
    if project.is_none() {
        wrong.note("project", t.choose);
    }
    let title = preset.map_or_else(|| kind.map_or("", Kind::title), Preset::title);
    let name = match form.text("name") {
        "" => title,
        name => name,
    };
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    if name.chars().count() > LONGEST_NAME {
        wrong.note(
            "name",
            filled(t.too_long_text, &[&LONGEST_NAME.to_string()]),
        );
    }
    let default_country = match form.text("country") {
        "" => None,
        text => {
            let country = Country::existing(&text.to_ascii_uppercase());
            wrong.or_note("country", country, |_| filled(t.no_country, &[text]))
        }
    };
    let secret = Some(form.text("secret")).filter(|secret| !secret.is_empty());
    if let (Some(kind), Some(secret)) = (kind, secret)
        && check_secret(kind, secret).is_err()
    {
        wrong.note("secret", t.no_secret);
    }
    let asked = IntegrationRequest {
        project: project?,
        kind: kind?,
        name,
        settings: Settings {
            preset,
            default_country,
            ..Settings::default()
        },
        secret: secret.map(str::to_owned),
    };
    wrong.is_empty().then_some(asked)
}
