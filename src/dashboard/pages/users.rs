//! `/dashboard/users`: who may open the dashboard.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use maud::html;
use uuid::Uuid;

use crate::dashboard::access::{ManagesUsers, Posted, Signed};
use crate::dashboard::fault::{Fault, Kind};
use crate::dashboard::shell::{self, Section};
use crate::dashboard::show;
use crate::dashboard::view::View;
use crate::gateway::{Gateway, Role, User, UserFault, read_email};

/// What is said above the list.
enum Said {
    Nothing,
    Done,
    Wrong(&'static str),
    Link(String),
}

pub async fn list(
    signed: Signed<ManagesUsers>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    page(&signed.view, &gateway, &Said::Nothing).await
}

async fn page(view: &View, gateway: &Gateway, said: &Said) -> Result<HttpResponse, Fault> {
    let t = view.t;
    let users = gateway
        .users()
        .list()
        .await
        .map_err(|_| view.fault(Kind::Unavailable))?;
    let status = match said {
        Said::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let body = html! {
        (shell::heading(t.users, None, &shell::nothing()))
        @match said {
            Said::Nothing => {},
            Said::Done => p class="notice good" role="status" { (t.done) },
            Said::Wrong(words) => p class="notice bad" role="alert" { (words) },
            Said::Link(link) => (show::secret(t, t.invitation, link)),
        }
        section class="panel" {
            div class="scroll" tabindex="0" role="region" aria-label=(t.users) {
                table class="figures" {
                    thead { tr { th scope="col" { (t.email) } th scope="col" { (t.role) } th scope="col" { (t.last_sign_in) } th scope="col" {} } }
                    tbody { @for user in &users { (row(view, user)) } }
                }
            }
        }
        section class="panel" {
            h2 { (t.invite) }
            form class="filters" method="post" action="/dashboard/users" {
                (shell::token(view))
                label { span { (t.email) } input type="email" name="email" required autocomplete="off"; }
                label { span { (t.role) } (roles(view, Role::Finance)) }
                button type="submit" { (t.invite) }
            }
        }
    };
    Ok(view.answer(status, t.users, Some(Section::Users), &body))
}

fn roles(view: &View, chosen: Role) -> maud::Markup {
    html! { select name="role" { @for role in Role::ALL { option value=(role.as_str()) selected[role == chosen] { (show::role(view.t, role)) } } } }
}

fn row(view: &View, user: &User) -> maud::Markup {
    let t = view.t;
    let to = |verb: &str| format!("/dashboard/users/{}/{verb}", user.id);
    html! {
        tr {
            th scope="row" { (user.email) @if user.disabled_at.is_some() { " " (show::state("off", t.disabled)) } }
            td {
                form class="inline" method="post" action=(to("role")) { (shell::token(view)) label { span class="unseen" { (t.role) } (roles(view, user.role)) } button type="submit" class="quiet" { (t.keep) } }
            }
            td { @match user.last_sign_in_at { Some(at) => (show::time(at)), None => (t.never) } }
            td {
                form class="inline" method="post" action=(to("invite")) { (shell::token(view)) button type="submit" class="quiet" { (t.new_link) } }
                @if user.disabled_at.is_none() {
                    form class="inline" method="post" action=(to("disable")) { (shell::token(view)) button type="submit" class="quiet" { (t.disable) } }
                } @else {
                    form class="inline" method="post" action=(to("enable")) { (shell::token(view)) button type="submit" class="quiet" { (t.enable) } }
                }
            }
        }
    }
}

fn refused(view: &View, fault: &UserFault) -> Result<Said, Fault> {
    match fault {
        UserFault::EmailTaken => Ok(Said::Wrong(view.t.email_taken)),
        UserFault::LastOwner => Ok(Said::Wrong(view.t.last_owner)),
        UserFault::NotFound => Err(view.fault(Kind::NotFound)),
        UserFault::Storage(_) => Err(view.fault(Kind::Unavailable)),
    }
}

pub async fn create(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&posted.signed.view, &posted.form);
    let Ok(email) = read_email(form.text("email")) else {
        return page(view, &gateway, &Said::Wrong(view.t.bad_email)).await;
    };
    let role = Role::parse(form.text("role")).unwrap_or(Role::Support);
    let said = match gateway.users().create(&email, role, gateway.now()).await {
        Ok(made) => Said::Link(view.public(&made.link.path)),
        Err(fault) => refused(view, &fault)?,
    };
    page(view, &gateway, &said).await
}

fn id(view: &View, path: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(path).map_err(|_| view.fault(Kind::NotFound))
}

pub async fn invite(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let said = match gateway
        .users()
        .invite(id(view, &path)?, gateway.now())
        .await
    {
        Ok(made) => Said::Link(view.public(&made.link.path)),
        Err(fault) => refused(view, &fault)?,
    };
    page(view, &gateway, &said).await
}

pub async fn set_role(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let role = Role::parse(posted.form.text("role")).unwrap_or(Role::Support);
    let done = gateway.users().set_role(id(view, &path)?, role).await;
    finished(view, &gateway, done).await
}

pub async fn disable(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let done = gateway
        .users()
        .disable(id(view, &path)?, gateway.now(), true)
        .await;
    finished(view, &gateway, done).await
}

pub async fn enable(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let done = gateway.users().enable(id(view, &path)?).await;
    finished(view, &gateway, done).await
}

async fn finished(
    view: &View,
    gateway: &Gateway,
    done: Result<(), UserFault>,
) -> Result<HttpResponse, Fault> {
    let said = match done {
        Ok(()) => Said::Done,
        Err(fault) => refused(view, &fault)?,
    };
    page(view, gateway, &said).await
}
