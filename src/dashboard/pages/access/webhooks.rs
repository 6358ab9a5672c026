//! `/dashboard/webhooks`: the projects' webhook endpoints, and the form to add one.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use super::webhook::{self, PATH, events};
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, once};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{ManagesKeys, Posted, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::{Gateway, Notices, Replay, Webhook, WebhookRequest};
use crate::webhooks::{ALL, TYPES};

const LONGEST_DESCRIPTION: usize = 200;

pub async fn list(
    signed: Signed<ManagesKeys>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let done = show::was_done(&request, &[("removed", view.t.removed)]);
    page(
        view,
        &gateway,
        &Form::default(),
        &FormErrors::default(),
        done,
    )
    .await
}

async fn page(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &FormErrors,
    done: Option<&str>,
) -> Result<HttpResponse, Fault> {
    let (t, m) = (view.t, view.t.access);
    let webhooks = gateway.notices().list_webhooks(None, None).await;
    let webhooks = webhooks.map_err(|trouble| view.trouble(&trouble))?;
    let body = html! {
        (shell::heading(m.webhooks, Some(m.webhooks_lead), &shell::nothing()))
        (show::done(done))
        @if webhooks.is_empty() { div class="empty" { h2 { (m.webhook_none) } p { (m.webhook_none_why) } } }
        @else { section class="panel" { (table(view, gateway, webhooks.iter().map(AsRef::as_ref))) } }
        section class="panel" { h2 { (m.webhook_new) } (new(view, gateway, Fields { t, form, wrong })) }
    };
    Ok(view.form_page(wrong, m.webhooks, PATH, &body))
}

fn table<'a>(
    view: &Viewer,
    gateway: &Gateway,
    webhooks: impl Iterator<Item = &'a Webhook>,
) -> Markup {
    let (t, m) = (view.t, view.t.access);
    show::table(
        m.webhooks,
        &html! {
            thead { tr {
                th scope="col" { (m.address) } th scope="col" { (t.project) } th scope="col" { (m.events) } th scope="col" { (m.created) }
            } }
            tbody {
                @for webhook in webhooks {
                    tr {
                        th scope="row" class="words" { a href=(format!("{PATH}/{}", webhook.id)) { (webhook.url) } p class="hint" { (webhook.description) } }
                        td data-label=(t.project) { (gateway.directory().project_name(webhook.project).unwrap_or_default()) }
                        td class="words" data-label=(m.events) { (events(view, webhook)) }
                        td data-label=(m.created) { (show::minute(view, webhook.created_at)) }
                    }
                }
            }
        },
    )
}

fn new(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.access);
    let projects = gateway.directory().projects().into_iter();
    let projects: Vec<_> = projects
        .map(|project| (project.name.clone(), project.name))
        .collect();
    let types: Vec<(&str, &str)> = std::iter::once((ALL, m.every_event))
        .chain(TYPES.into_iter().map(|kind| (kind, kind)))
        .collect();
    html! {
        (fields.summary())
        form class="filters" method="post" action=(PATH) {
            (shell::token(view))
            (once())
            (fields.choice(t.project, "project", &projects, "default"))
            (fields.line_with(m.address, "url", Input::Url, "", Some(&filled(t.such_as, &["https://shop.example/hooks"]))))
            (fields.line(m.description, "description", Input::Text, ""))
            (fields.checks(m.events, "event", &types, |kind| fields.form.all("event").any(|chosen| chosen == kind)))
            button type="submit" { (m.make) }
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
    let Some(asked) = read(view, &gateway, form, &mut wrong).await else {
        return page(view, &gateway, form, &wrong, None).await;
    };
    let made = posted
        .once(
            &gateway,
            async |ticket| match gateway
                .notices()
                .create_webhook(asked, &posted.signed.access(), Some(ticket))
                .await
            {
                Ok(Some(made)) => Ok(made),
                Ok(None) => Err(None),
                Err(trouble) => Err(Some(trouble)),
            },
            async |replay| match replay {
                Replay::Webhook { id, .. } => {
                    let found = gateway.notices().find_webhook(&signed.access(), id).await;
                    Some(found.map_err(Some))
                }
                _ => None,
            },
        )
        .await?;
    match made {
        Ok(made) => {
            let words = view.t.access.webhook_made;
            webhook::page_with_secret(signed, &gateway, &made, words).await
        }
        Err(Some(trouble)) => Err(view.trouble(&trouble)),
        Err(None) => {
            let most = Notices::MOST_WEBHOOKS.to_string();
            wrong.note("project", filled(view.t.faults.most_webhooks, &[&most]));
            page(view, &gateway, form, &wrong, None).await
        }
    }
}

async fn read(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &mut FormErrors,
) -> Option<WebhookRequest> {
    let t = view.t.faults;
    let project = gateway.directory().find_project(form.text("project"));
    if project.is_none() {
        wrong.note("project", t.choose);
    }
    let url = match form.text("url") {
        "" => {
            wrong.note("url", t.required);
            None
        }
        text => {
            let examined = gateway.notices().examine_address(text).await;
            wrong.or_note("url", examined, |error| t.address(&error))
        }
    };
    let description: String = form
        .text("description")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if description.len() > LONGEST_DESCRIPTION {
        let most = LONGEST_DESCRIPTION.to_string();
        wrong.note("description", filled(t.too_long_text, &[&most]));
    }
    let every = form.all("event").any(|chosen| chosen == ALL);
    let known = std::iter::once(ALL).chain(TYPES);
    let mut events: Vec<String> = known
        .filter(|kind| form.all("event").any(|chosen| chosen == *kind))
        .map(str::to_owned)
        .collect();
    if every {
        events.truncate(1);
    }
    if events.is_empty() {
        wrong.note("event", t.choose_some);
    }
    let asked = WebhookRequest {
        project: project?,
        url: url?,
        events,
        description,
    };
    wrong.is_empty().then_some(asked)
}
