//! `/dashboard/webhooks/{id}`: a webhook endpoint, its deliveries, and the buttons to test and redeliver.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use uuid::Uuid;

use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors, act, sure};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{ManagesKeys, Posted, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::list::{self, older};
use crate::gateway::{
    Delivery, DeliveryQuery, DeliveryState, Error, Gateway, Replay, Ticket, Try, Webhook,
};
use crate::verification::id::VerificationId;

/// The address of the list; each endpoint's page is below it.
pub const PATH: &str = "/dashboard/webhooks";

/// The notice above the page.
enum Said<'a> {
    Nothing,
    Good(&'a str),
    Bad(&'a str),
    Secret(&'a str, &'a str),
}

pub async fn show(
    signed: Signed<ManagesKeys>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let m = signed.view.t.access;
    let webhook = find(&signed, &gateway, &id).await?;
    let form = Form::parse(request.query_string());
    let said = match form.text("done") {
        "tested" => Said::Good(m.tested),
        "test-failed" => Said::Bad(m.test_failed),
        "redelivered" => Said::Good(m.redelivered),
        "redeliver-failed" => Said::Bad(m.redeliver_failed),
        _ => Said::Nothing,
    };
    page(&signed, &gateway, &webhook, &form, said).await
}

/// The endpoint's page with its new secret, which is shown only once.
pub async fn page_with_secret(
    signed: &Signed<ManagesKeys>,
    gateway: &Gateway,
    webhook: &Webhook,
    words: &str,
) -> Result<HttpResponse, Fault> {
    let said = Said::Secret(words, &webhook.secret);
    page(signed, gateway, webhook, &Form::default(), said).await
}

async fn find(
    signed: &Signed<ManagesKeys>,
    gateway: &Gateway,
    id: &str,
) -> Result<Arc<Webhook>, Fault> {
    let view = &signed.view;
    let id = Uuid::try_parse(id).map_err(|_| view.fault(Kind::NotFound))?;
    let found = gateway.notices().find_webhook(&signed.access(), id).await;
    found.map_err(|trouble| view.trouble(&trouble))
}

async fn page(
    signed: &Signed<ManagesKeys>,
    gateway: &Gateway,
    webhook: &Webhook,
    form: &Form,
    said: Said<'_>,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t, view.t.access);
    let path = format!("{PATH}/{}", webhook.id);
    let query = DeliveryQuery {
        webhook: webhook.id,
        state: DeliveryState::parse(form.text("state")),
        cursor: Uuid::try_parse(form.text("cursor")).ok(),
        limit: list::PAGE + 1,
    };
    let found = gateway
        .notices()
        .list_deliveries(&signed.access(), &query)
        .await;
    let mut found = found.map_err(|trouble| view.trouble(&trouble))?;
    let cursor = list::cut(&mut found).map(|last| last.id.to_string());
    let previous = webhook.previous_at(gateway.now());
    let states = DeliveryState::ALL.map(|state| {
        (
            state.as_str().to_owned(),
            state_name(view, state).to_owned(),
        )
    });
    let states = list::any(t, states);
    let fields = Fields {
        t,
        form,
        wrong: &FormErrors::default(),
    };
    let actions = html! {
        (act(view, &format!("{path}/test"), (m.test, "")))
        (sure(view, &format!("{path}/rotate"), (m.rotate, ""), m.rotate_why, &[]))
        (sure(view, &format!("{path}/delete"), (m.delete, ""), m.delete_why, &[]))
    };
    let body = html! {
        p class="back" { a href=(PATH) { "← " (m.webhooks) } }
        (shell::heading(&webhook.url, Some(&webhook.description), &actions))
        @match said {
            Said::Nothing => {},
            Said::Good(words) => (show::done(Some(words))),
            Said::Bad(words) => p class="notice bad" role="alert" { (words) },
            Said::Secret(words, secret) => (show::secret(t, words, secret)),
        }
        section class="panel" {
            dl class="facts" {
                div { dt { (t.project) } dd { (gateway.directory().project_name(webhook.project).unwrap_or_default()) } }
                div { dt { (m.events) } dd { (events(view, webhook)) } }
                div { dt { (m.created) } dd { (show::time(view, webhook.created_at)) } }
                @if let Some((_, until)) = previous { div { dt { (m.both_sign_until) } dd { (show::time(view, *until)) } } }
            }
        }
        section class="panel" {
            h2 { (m.deliveries) }
            form class="filters" method="get" action=(path) {
                (fields.choice(t.status, "state", &states, ""))
                button type="submit" { (t.show) }
            }
            @if found.is_empty() { p class="hint" { (m.deliveries_none) } }
            @else {
                (deliveries(view, &path, &found))
                (older(view, &path, form, &["state"], cursor))
            }
        }
    };
    Ok(view.page(m.webhooks, PATH, &body))
}

fn state_name(view: &Viewer, state: DeliveryState) -> &'static str {
    let m = view.t.access;
    match state {
        DeliveryState::Pending => m.state_pending,
        DeliveryState::Delivered => m.state_delivered,
        DeliveryState::Dead => m.state_dead,
    }
}

fn deliveries(view: &Viewer, path: &str, found: &[Delivery]) -> Markup {
    let (t, m) = (view.t, view.t.access);
    show::table(
        m.deliveries,
        &html! {
            thead { tr {
                th scope="col" { (show::time_head(view)) } th scope="col" { (t.kind) } th scope="col" { (t.status) }
                th scope="col" { (m.tries) } th scope="col" { (m.next_try) } th scope="col" { span class="unseen" { (m.redeliver) } }
            } }
            tbody { @for delivery in found { (row(view, path, delivery)) } }
        },
    )
}

fn row(view: &Viewer, path: &str, delivery: &Delivery) -> Markup {
    let (t, m) = (view.t, view.t.access);
    let tone = match delivery.state {
        DeliveryState::Pending => "wait",
        DeliveryState::Delivered => "good",
        DeliveryState::Dead => "bad",
    };
    let at = delivery.at.with_timezone(&view.zone);
    let what = format!("{}, {}", delivery.event, at.format("%Y-%m-%d %H:%M:%S"));
    html! {
        tr {
            th scope="row" { (show::time(view, delivery.at)) }
            td data-label=(t.kind) {
                (delivery.event)
                @if let Some(id) = delivery.verification.map(VerificationId::uuid) { p class="hint" { a href=(format!("/dashboard/verifications/{id}")) { (show::id(id)) } } }
            }
            td data-label=(t.status) { (show::state(tone, state_name(view, delivery.state))) }
            td data-label=(m.tries) {
                @if delivery.history.is_empty() { "—" }
                @else { details { summary { (delivery.tried) } ol class="tries" { @for one in &delivery.history { (attempt(view, one)) } } } }
            }
            td data-label=(m.next_try) { @match delivery.due_at { Some(at) => (show::time(view, at)), None => "—" } }
            td class="acts" { (act(view, &format!("{path}/deliveries/{}/redeliver", delivery.id), (m.redeliver, &what))) }
        }
    }
}

fn attempt(view: &Viewer, one: &Try) -> Markup {
    let m = view.t.access;
    html! {
        li {
            (show::time(view, one.at)) " · "
            @match one.status { Some(status) => (status), None => { (m.answer) ": " (m.no_answer) } }
            " · " (one.duration_ms) " ms"
            @if let Some(error) = &one.error { p class="hint" { (error) } }
        }
    }
}

pub async fn test(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let webhook = find(signed, &gateway, &id).await?;
    let access = signed.access();
    let notices = gateway.notices();
    let send = async |ticket| {
        notices
            .test_webhook(&access, webhook.id, Some(ticket))
            .await
    };
    send_once(&posted, &gateway, &webhook, send, ["tested", "test-failed"]).await
}

pub async fn redeliver(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    ids: web::Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let webhook = find(signed, &gateway, &ids.0).await?;
    let delivery = Uuid::try_parse(&ids.1).map_err(|_| signed.view.fault(Kind::NotFound))?;
    let access = signed.access();
    let notices = gateway.notices();
    let send = async |ticket| {
        notices
            .redeliver(&access, webhook.id, delivery, Some(ticket))
            .await
    };
    send_once(
        &posted,
        &gateway,
        &webhook,
        send,
        ["redelivered", "redeliver-failed"],
    )
    .await
}

/// Sends a message, unless an earlier submission of this form has sent it, and returns to the webhook's page, which shows
/// one of two notices: it was delivered, or it was not.
async fn send_once(
    posted: &Posted<ManagesKeys>,
    gateway: &Gateway,
    webhook: &Webhook,
    send: impl AsyncFnOnce(Ticket) -> Result<Delivery, Error>,
    [good, bad]: [&str; 2],
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let access = posted.signed.access();
    let tried = posted
        .once(gateway, send, async |replay| match replay {
            Replay::Delivery { id } => Some(gateway.notices().find_delivery(&access, id).await),
            _ => None,
        })
        .await?;
    let done = match tried.map_err(|trouble| view.trouble(&trouble))?.state {
        DeliveryState::Delivered => good,
        DeliveryState::Pending | DeliveryState::Dead => bad,
    };
    Ok(view.go(&format!("{PATH}/{}?done={done}", webhook.id)))
}

pub async fn rotate(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let webhook = find(signed, &gateway, &id).await?;
    let access = signed.access();
    let rotated = posted
        .once(
            &gateway,
            async |ticket| {
                gateway
                    .notices()
                    .rotate_webhook(&access, webhook.id, Some(ticket))
                    .await
            },
            async |_| Some(gateway.notices().find_webhook(&access, webhook.id).await),
        )
        .await?;
    let rotated = rotated.map_err(|trouble| signed.view.trouble(&trouble))?;
    page_with_secret(signed, &gateway, &rotated, signed.view.t.access.rotated).await
}

pub async fn delete(
    posted: Posted<ManagesKeys>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let webhook = find(signed, &gateway, &id).await?;
    let deleted = gateway
        .notices()
        .delete_webhook(&signed.access(), webhook.id)
        .await;
    deleted.map_err(|trouble| signed.view.trouble(&trouble))?;
    Ok(signed.view.go("/dashboard/webhooks?done=removed"))
}

pub fn events(view: &Viewer, webhook: &Webhook) -> String {
    if webhook.events == crate::webhooks::ALL {
        view.t.access.every_event.to_owned()
    } else {
        webhook.events.replace(',', ", ")
    }
}
