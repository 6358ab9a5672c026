//! One-time links: a page with a button, which uses the link; looking at it does not, since mail programs look at links too.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::dashboard::access::Sent;
use crate::dashboard::cookies::Cookie;
use crate::dashboard::fault::{Fault, Kind};
use crate::dashboard::shell;
use crate::dashboard::view::View;
use crate::gateway::{Gateway, LinkFault, LinkKind, check_password, read_email};

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
    let view = View::of(request).await?;
    let looked = gateway.look_at_link(kind, token).await;
    let user = looked.map_err(|fault| void(&view, &fault))?;
    let email = user.map(|user| user.email).unwrap_or_default();
    Ok(answer(&view, StatusCode::OK, kind, token, &email, None))
}

fn void(view: &View, fault: &LinkFault) -> Fault {
    match fault {
        LinkFault::Void => view.fault(Kind::LinkVoid),
        LinkFault::Trouble(trouble) => view.trouble(trouble),
    }
}

fn answer(
    view: &View,
    status: StatusCode,
    kind: LinkKind,
    token: &str,
    email: &str,
    fault: Option<&str>,
) -> HttpResponse {
    let t = view.t;
    let (title, place, button) = match kind {
        LinkKind::SignIn => (t.enter, "link", t.enter),
        LinkKind::Password => (t.set_password, "password", t.keep),
        LinkKind::Setup => (t.set_up, "setup", t.keep),
    };
    let fields: Markup = html! {
        @if kind == LinkKind::Setup {
            label { span { (t.email) } input type="email" name="email" value=(email) autocomplete="username" required; }
        }
        @if kind != LinkKind::SignIn {
            label { span { (t.password) } input type="password" name="password" autocomplete="new-password" minlength="12" required; }
            p class="hint" { (t.password_rule) }
        }
    };
    let body = html! {
        div class="narrow" {
            (shell::mark())
            h1 { (title) }
            p class="lead" { @if kind == LinkKind::Setup || email.is_empty() { (t.enter_lead) } @else { (email) } }
            @if let Some(fault) = fault { p class="notice bad" role="alert" { (fault) } }
            form method="post" action=(format!("/dashboard/{place}/{token}")) class="stack" {
                (shell::token(view))
                (fields)
                button type="submit" { (button) }
            }
        }
    };
    view.answer(status, title, None, &body)
}

pub async fn enter(
    sent: Sent,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let secret = gateway.use_sign_in_link(&token).await;
    let secret = secret.map_err(|fault| void(&sent.view, &fault))?;
    Ok(sent.view.go_with("/dashboard", Cookie::Session, &secret))
}

pub async fn set_password(
    sent: Sent,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let (view, password) = (&sent.view, sent.form.raw("password"));
    let user = gateway.look_at_link(LinkKind::Password, &token).await;
    let email = user
        .map_err(|fault| void(view, &fault))?
        .map(|user| user.email)
        .unwrap_or_default();
    if !check_password(password, &email) {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(answer(
            view,
            status,
            LinkKind::Password,
            &token,
            &email,
            Some(view.t.weak),
        ));
    }
    let secret = gateway.use_password_link(&token, password).await;
    let secret = secret.map_err(|fault| void(view, &fault))?;
    Ok(view.go_with("/dashboard", Cookie::Session, &secret))
}

pub async fn set_up(
    sent: Sent,
    gateway: web::Data<Gateway>,
    token: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let (view, password) = (&sent.view, sent.form.raw("password"));
    let typed = sent.form.text("email");
    let wrong = |words| {
        Ok(answer(
            view,
            StatusCode::UNPROCESSABLE_ENTITY,
            LinkKind::Setup,
            &token,
            typed,
            Some(words),
        ))
    };
    let Ok(email) = read_email(typed) else {
        return wrong(view.t.bad_email);
    };
    if !check_password(password, &email) {
        return wrong(view.t.weak);
    }
    let secret = gateway.use_setup_link(&token, &email, password).await;
    let secret = secret.map_err(|fault| void(view, &fault))?;
    Ok(view.go_with("/dashboard", Cookie::Session, &secret))
}
