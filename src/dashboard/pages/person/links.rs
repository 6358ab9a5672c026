//! One-time links. Opening a link only shows a button, and the button uses the link: mail programs open links to preview them.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;

use super::sign_in::end;
use crate::dashboard::Options;
use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::Sent;
use crate::dashboard::frame::shell;
use crate::dashboard::frame::viewer::Viewer;
use crate::gateway::{Gateway, LinkFault, LinkKind, read_email};
use crate::web::client;
use crate::web::cookies::Cookie;

pub async fn enter_form(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    shown(&request, &gateway, LinkKind::SignIn, &token).await
}

pub async fn password_form(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    shown(&request, &gateway, LinkKind::Password, &token).await
}

pub async fn setup_form(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    shown(&request, &gateway, LinkKind::Setup, &token).await
}

async fn shown(
    request: &HttpRequest,
    gateway: &Gateway,
    kind: LinkKind,
    token: &str,
) -> Result<HttpResponse, Fault> {
    let view = Viewer::of(request).await?;
    let email = whose(&view, gateway, kind, token).await?;
    let (form, wrong) = (Form::default(), FormErrors::default());
    Ok(page(&view, kind, token, &email, &form, &wrong))
}

/// The e-mail address of the link's user; empty for the link that creates the first owner.
async fn whose(
    view: &Viewer,
    gateway: &Gateway,
    kind: LinkKind,
    token: &str,
) -> Result<String, Fault> {
    let looked = gateway.admin().look_at_link(kind, token).await;
    let user = looked.map_err(|fault| void(view, &fault))?;
    Ok(user.map(|user| user.email).unwrap_or_default())
}

fn void(view: &Viewer, fault: &LinkFault) -> Fault {
    match fault {
        LinkFault::Void => view.fault(Kind::LinkVoid),
        LinkFault::Busy => view.fault(Kind::Busy),
        LinkFault::Failed(trouble) => view.trouble(trouble),
    }
}

fn page(
    view: &Viewer,
    kind: LinkKind,
    token: &str,
    email: &str,
    form: &Form,
    wrong: &FormErrors,
) -> HttpResponse {
    let t = view.t;
    let (title, place, button) = match kind {
        LinkKind::SignIn => (t.enter, "link", t.enter),
        LinkKind::Password => (t.set_password, "password", t.keep),
        LinkKind::Setup => (t.set_up, "setup", t.keep),
    };
    let fields = Fields { t, form, wrong };
    let body = html! {
        div class="narrow" {
            (shell::mark())
            h1 { (title) }
            p class="lead" { @if email.is_empty() { (t.enter_lead) } @else { (email) } }
            (fields.summary())
            form method="post" action=(format!("/dashboard/{place}/{token}")) class="stack" {
                (shell::token(view))
                @if kind == LinkKind::Setup { (fields.username("")) }
                @if kind == LinkKind::Password {
                    // For password managers.
                    input type="email" name="email" value=(email) autocomplete="username" hidden readonly;
                }
                @if kind != LinkKind::SignIn { (fields.password(t.password, "password", true)) }
                button type="submit" { (button) }
            }
        }
    };
    view.form_page(wrong, title, None, &body)
}

pub async fn enter(
    sent: Sent,
    request: HttpRequest,
    options: web::Data<Options>,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let from = client::address(&request);
    let secret = gateway.admin().use_sign_in_link(&token, from).await;
    signed_in(&request, &options, &gateway, &sent.view, secret).await
}

pub async fn set_password(
    sent: Sent,
    request: HttpRequest,
    options: web::Data<Options>,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let (view, form, kind) = (&sent.view, &sent.form, LinkKind::Password);
    let email = whose(view, &gateway, kind, &token).await?;
    let mut wrong = FormErrors::default();
    let password = form.raw("password");
    if !wrong.password(view, "password", password, &email) {
        return Ok(page(view, kind, &token, &email, form, &wrong));
    }
    let (admin, from) = (gateway.admin(), client::address(&request));
    let secret = admin.use_password_link(&token, password, from).await;
    signed_in(&request, &options, &gateway, view, secret).await
}

pub async fn set_up(
    sent: Sent,
    request: HttpRequest,
    options: web::Data<Options>,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let (view, form, kind) = (&sent.view, &sent.form, LinkKind::Setup);
    whose(view, &gateway, kind, &token).await?;
    let mut wrong = FormErrors::default();
    let (typed, password) = (form.text("email"), form.raw("password"));
    let email = wrong.or_note("email", read_email(typed), |_| view.t.bad_email.to_owned());
    let good = wrong.password(view, "password", password, typed);
    let Some(email) = email.filter(|_| good) else {
        return Ok(page(view, kind, &token, "", form, &wrong));
    };
    let (admin, from) = (gateway.admin(), client::address(&request));
    let secret = admin.use_setup_link(&token, &email, password, from).await;
    signed_in(&request, &options, &gateway, view, secret).await
}

/// Starts the new session and ends the browser's previous one.
async fn signed_in(
    request: &HttpRequest,
    options: &Options,
    gateway: &Gateway,
    view: &Viewer,
    secret: Result<String, LinkFault>,
) -> Result<HttpResponse, Fault> {
    let secret = secret.map_err(|fault| void(view, &fault))?;
    end(request, options, gateway, view).await?;
    Ok(view.go_with("/dashboard", Cookie::Session, &secret))
}
