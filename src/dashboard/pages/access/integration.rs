//! `/dashboard/integrations/{id}`: what to paste where, the secret, and what came of the last calls.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use uuid::Uuid;

use crate::dashboard::frame::fault::{Fault, Kind as FaultKind};
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, once, sure};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{ManagesKeys, Posted, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::gateway::{Call, Gateway, Integration, IntegrationChange, Replay};
use crate::integrations::{HIDDEN, Preset, SmsText, check_secret, new_secret, paste};
use crate::secret::random;

/// The address of the list; each integration's page is below it.
pub const PATH: &str = "/dashboard/integrations";

/// The notice above the page.
pub enum Said<'a> {
    Nothing,
    Good(&'a str),
    Secret(&'a str, &'a str),
    /// What was typed is no secret.
    Wrong(&'a FormErrors),
}

pub async fn show(
    signed: Signed<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let integration = find(&signed, &gateway, &id).await?;
    page(&signed, &gateway, &integration, Said::Nothing).await
}

async fn find(
    signed: &Signed<ManagesKeys>,
    gateway: &Gateway,
    id: &str,
) -> Result<Arc<Integration>, Fault> {
    let view = &signed.view;
    let id = Uuid::try_parse(id).map_err(|_| view.fault(FaultKind::NotFound))?;
    let found = gateway.admin().find_integration(&signed.access(), id).await;
    found.map_err(|trouble| view.trouble(&trouble))
}

pub async fn page(
    signed: &Signed<ManagesKeys>,
    gateway: &Gateway,
    integration: &Integration,
    said: Said<'_>,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t, view.t.integrations);
    let path = format!("{PATH}/{}", integration.id);
    let access = signed.access();
    let calls = gateway.admin().list_calls(&access, integration.id).await;
    let calls = calls.map_err(|trouble| view.trouble(&trouble))?;
    let settings = &integration.settings;
    let url = integration.url(gateway.public_url());
    let secret = match &said {
        Said::Secret(_, secret) => secret,
        _ => HIDDEN,
    };
    let lines = paste(integration.kind, settings, &url, secret);
    let is_theirs = integration.kind.is_secret_theirs();
    let rotate_why = if integration.kind.is_hook() {
        m.rotate_why
    } else {
        m.rotate_why_at_once
    };
    let actions = html! {
        @if !is_theirs { (sure(view, &format!("{path}/rotate"), (m.rotate, ""), rotate_why, &[])) }
        (sure(view, &format!("{path}/delete"), (m.delete, ""), m.delete_why, &[]))
    };
    let (form, right) = (Form::default(), FormErrors::default());
    let wrong = match &said {
        Said::Wrong(wrong) => wrong,
        _ => &right,
    };
    let fields = Fields {
        t,
        form: &form,
        wrong,
    };
    let text = match settings.sms_text {
        SmsText::Host => m.text_host,
        SmsText::Template => m.text_template,
    };
    let body = html! {
        p class="back" { a href=(PATH) { "← " (m.integrations) } }
        (shell::heading(&integration.name, Some(&host_name(view, integration)), &actions))
        @match &said {
            Said::Nothing | Said::Wrong(_) => {},
            Said::Good(words) => (show::done(Some(words))),
            Said::Secret(words, secret) => (show::secret(t, words, secret)),
        }
        section class="panel" {
            dl class="facts" {
                div { dt { (t.project) } dd { (gateway.directory().project_name(integration.project).unwrap_or_default()) } }
                div { dt { (t.money.state) } dd { (state(view, integration)) } }
                @if let Some(application) = &settings.application {
                    div { dt { code { "application_id" } } dd { (integration.id) } }
                    @if let Some(url) = &application.status_url { div { dt { code { "status_url" } } dd class="words" { (url) } } }
                } @else {
                    div { dt { (m.text) } dd { (text) } }
                    @if settings.allow_messages { div { dt { (m.messages) } dd { (m.messages_sent) } } }
                }
                @if let Some(country) = settings.default_country { div { dt { (m.country) } dd { (country) } } }
                div { dt { (t.access.created) } dd { (show::time(view, integration.created_at)) } }
                @if let Some((_, until)) = integration.previous_at(gateway.now()) { div { dt { (m.good_until) } dd { (show::time(view, *until)) } } }
            }
            (show::secret(t, m.address, &url))
        }
        section class="panel" {
            h2 { (m.paste) }
            p class="hint" { (m.paste_hint) }
            pre { code { (lines) } }
        }
        @if is_theirs {
            section class="panel" {
                h2 { (m.set_secret) }
                @if integration.secret.is_some() { p class="hint" { (m.set_secret_why) } }
                (fields.summary())
                form class="filters" method="post" action=(format!("{path}/secret")) {
                    (shell::token(view))
                    (once())
                    (fields.line(m.secret, "secret", Input::Text, ""))
                    button type="submit" { (m.set) }
                }
            }
        }
        @if integration.kind.is_hook() { section class="panel" {
            h2 { (m.calls) }
            @if calls.is_empty() { p class="hint" { (m.calls_none) } } @else { (table(view, &calls)) }
        } }
    };
    Ok(view.form_page(wrong, m.integrations, PATH, &body))
}

/// The program's name, which is the same in every language.
pub fn host_name(view: &Viewer, integration: &Integration) -> String {
    let kind = integration.kind;
    let title = match integration.settings.preset {
        Some(preset) => Preset::title(preset),
        None if kind.signs() => kind.title(),
        None => view.t.integrations.other,
    };
    title.to_owned()
}

pub fn state(view: &Viewer, integration: &Integration) -> Markup {
    let m = view.t.integrations;
    if integration.secret.is_some() {
        show::state("good", m.ready)
    } else {
        show::state("wait", m.waits)
    }
}

fn table(view: &Viewer, calls: &[Call]) -> Markup {
    let m = view.t.integrations;
    show::table(
        m.calls,
        &html! {
            thead { tr {
                th scope="col" { (show::time_head(view)) } th scope="col" { (m.outcome) } th scope="col" { (m.verification) }
            } }
            tbody { @for call in calls { (row(view, call)) } }
        },
    )
}

fn row(view: &Viewer, call: &Call) -> Markup {
    let m = view.t.integrations;
    let (tone, words) = match call.outcome.as_str() {
        "sent" => ("good", m.sent),
        "sent_again" => ("good", m.sent_again),
        "repeated" => ("off", m.repeated),
        _ => ("bad", m.refused),
    };
    html! {
        tr {
            th scope="row" { (show::time(view, call.at)) }
            td class="words" data-label=(m.outcome) {
                (show::state(tone, words))
                @if tone == "bad" { " " code { (call.outcome) } }
                @if !call.detail.is_empty() { p class="hint" { (call.detail) } }
            }
            td data-label=(m.verification) {
                @match call.verification {
                    Some(id) => a href=(format!("/dashboard/verifications/{id}")) { (show::id(id)) },
                    None => "—",
                }
            }
        }
    }
}

/// Keeps the secret that the other program made.
pub async fn keep_secret(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let view = &signed.view;
    let integration = find(signed, &gateway, &id).await?;
    let secret = posted.form.text("secret");
    if check_secret(integration.kind, secret).is_err() {
        let mut wrong = FormErrors::default();
        wrong.note("secret", view.t.faults.no_secret);
        return page(signed, &gateway, &integration, Said::Wrong(&wrong)).await;
    }
    let (admin, access) = (gateway.admin(), signed.access());
    let changed = admin.change_integration(&access, integration.id, |before| {
        Ok(IntegrationChange {
            name: before.name.clone(),
            settings: before.settings.clone(),
            secret: Some(secret.to_owned()),
        })
    });
    let changed: Result<_, crate::gateway::Error> = changed.await;
    let changed = changed.map_err(|trouble| view.trouble(&trouble))?;
    let said = Said::Good(view.t.integrations.kept);
    page(signed, &gateway, &changed, said).await
}

pub async fn rotate(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let view = &signed.view;
    let integration = find(signed, &gateway, &id).await?;
    let secret = new_secret(integration.kind, random());
    let secret = secret.ok_or_else(|| view.fault(FaultKind::NotFound))?;
    let (admin, access) = (gateway.admin(), signed.access());
    let rotated = posted
        .once(
            &gateway,
            async |ticket| {
                let rotated =
                    admin.rotate_integration(&access, integration.id, secret, Some(ticket));
                rotated.await
            },
            async |replay| match replay {
                Replay::Integration { id, sealed, .. } => {
                    let again = admin.integration_again(&access, id, sealed.as_deref());
                    Some(again.await.map(Arc::new))
                }
                _ => None,
            },
        )
        .await?;
    let rotated = rotated.map_err(|trouble| view.trouble(&trouble))?;
    let secret = rotated.secret.as_deref().unwrap_or_default();
    let said = Said::Secret(view.t.integrations.rotated, secret);
    page(signed, &gateway, &rotated, said).await
}

pub async fn delete(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let integration = find(signed, &gateway, &id).await?;
    let admin = gateway.admin();
    let deleted = admin
        .delete_integration(&signed.access(), integration.id)
        .await;
    deleted.map_err(|trouble| signed.view.trouble(&trouble))?;
    Ok(signed.view.go("/dashboard/integrations?done=removed"))
}
