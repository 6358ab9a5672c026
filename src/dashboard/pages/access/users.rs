//! `/dashboard/users`: the dashboard's users and their roles.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use uuid::Uuid;

use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, act, sure};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{ManagesUsers, Posted, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::gateway::{Gateway, Role, User, UserFault, read_email};

pub const PATH: &str = "/dashboard/users";

/// The notice above the list.
enum Said {
    Nothing,
    Done(&'static str),
    Wrong(&'static str),
    Link(String),
}

pub async fn list(
    signed: Signed<ManagesUsers>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let done = show::was_done(&request, &[("yes", signed.view.t.done)]);
    let said = done.map_or(Said::Nothing, Said::Done);
    let (form, wrong) = (Form::default(), FormErrors::default());
    page(&signed.view, &gateway, &form, &wrong, &said).await
}

async fn page(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &FormErrors,
    said: &Said,
) -> Result<HttpResponse, Fault> {
    let t = view.t;
    let users = gateway.admin().users().list().await;
    let users = users.map_err(|_| view.fault(Kind::Unavailable))?;
    let status = if wrong.is_empty() && !matches!(said, Said::Wrong(_)) {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let body = html! {
        (shell::heading(t.users, None, &shell::nothing()))
        @match said {
            Said::Nothing => {},
            Said::Done(words) => (show::done(Some(words))),
            Said::Wrong(words) => p class="notice bad" role="alert" { (words) },
            Said::Link(link) => (show::secret(t, t.invitation, link)),
        }
        section class="panel" {
            (show::table(t.users, &html! {
                thead { tr {
                    th scope="col" { (t.email) } th scope="col" { (t.role) } th scope="col" { (t.last_sign_in) }
                    th scope="col" { span class="unseen" { (t.new_link) } }
                } }
                tbody { @for user in &users { (row(view, user)) } }
            }))
        }
        section class="panel" { h2 { (t.invite) } (invitation(view, Fields { t, form, wrong })) }
    };
    Ok(view.answer(status, t.users, Some(PATH), &body))
}

fn invitation(view: &Viewer, fields: Fields<'_>) -> Markup {
    let t = view.t;
    let roles = Role::ALL.map(|role| (role.as_str().to_owned(), show::role(t, role).to_owned()));
    html! {
        (fields.summary())
        form class="filters" method="post" action="/dashboard/users" {
            (shell::token(view))
            (fields.line(t.email, "email", Input::Email, ""))
            (fields.choice(t.role, "role", &roles, Role::Finance.as_str()))
            button type="submit" { (t.invite) }
        }
    }
}

fn row(view: &Viewer, user: &User) -> Markup {
    let t = view.t;
    let to = |verb: &str| format!("/dashboard/users/{}/{verb}", user.id);
    let is_enabled = user.disabled_at.is_none();
    html! {
        tr {
            th scope="row" class="words" { (user.email) @if !is_enabled { " " (show::state("off", t.disabled)) } }
            td data-label=(t.role) {
                form class="inline" method="post" action=(to("role")) {
                    (shell::token(view))
                    label {
                        span class="unseen" { (t.role) ": " (user.email) }
                        select name="role" { @for role in Role::ALL { option value=(role.as_str()) selected[role == user.role] { (show::role(t, role)) } } }
                    }
                    button type="submit" class="quiet" { (t.keep) span class="unseen" { ": " (user.email) } }
                }
            }
            td data-label=(t.last_sign_in) { @match user.last_sign_in_at { Some(at) => (show::minute(view, at)), None => (t.never) } }
            td class="acts" {
                @if is_enabled {
                    (act(view, &to("invite"), (t.new_link, &user.email)))
                    (sure(view, &to("disable"), (t.disable, &user.email), t.disable_why, &[]))
                } @else {
                    (act(view, &to("enable"), (t.enable, &user.email)))
                }
            }
        }
    }
}

/// Answers a change: shows its result or error above the list.
async fn finished<T>(
    view: &Viewer,
    gateway: &Gateway,
    done: Result<T, UserFault>,
    said: impl FnOnce(T) -> Said,
) -> Result<HttpResponse, Fault> {
    let said = match done {
        Ok(done) => said(done),
        Err(UserFault::EmailTaken) => Said::Wrong(view.t.email_taken),
        Err(UserFault::Disabled) => Said::Wrong(view.t.disabled_no_link),
        Err(UserFault::LastOwner) => Said::Wrong(view.t.last_owner),
        Err(UserFault::NotFound) => return Err(view.fault(Kind::NotFound)),
        Err(UserFault::Storage(_)) => return Err(view.fault(Kind::Unavailable)),
    };
    if matches!(said, Said::Done(_)) {
        return Ok(view.go("/dashboard/users?done=yes"));
    }
    let (form, wrong) = (Form::default(), FormErrors::default());
    page(view, gateway, &form, &wrong, &said).await
}

fn role(view: &Viewer, form: &Form, wrong: &mut FormErrors) -> Option<Role> {
    let role = Role::parse(form.text("role"));
    if role.is_none() {
        wrong.note("role", view.t.faults.choose);
    }
    role
}

pub async fn create(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&posted.signed.view, &posted.form);
    let mut wrong = FormErrors::default();
    let email = wrong.or_note("email", read_email(form.text("email")), |_| {
        view.t.bad_email.to_owned()
    });
    let role = role(view, form, &mut wrong);
    let (Some(email), Some(role)) = (email, role) else {
        return page(view, &gateway, form, &wrong, &Said::Nothing).await;
    };
    let made = gateway
        .admin()
        .users()
        .create(&email, role, &gateway.act(&posted.signed.access()))
        .await;
    finished(view, &gateway, made, |made| {
        Said::Link(view.public(&made.link.path))
    })
    .await
}

fn id(view: &Viewer, path: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(path).map_err(|_| view.fault(Kind::NotFound))
}

pub async fn invite(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let (id, act) = (id(view, &path)?, gateway.act(&posted.signed.access()));
    let made = gateway.admin().users().invite(id, &act).await;
    finished(view, &gateway, made, |made| {
        Said::Link(view.public(&made.link.path))
    })
    .await
}

pub async fn set_role(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let mut wrong = FormErrors::default();
    let Some(role) = role(view, &posted.form, &mut wrong) else {
        return Err(view.fault(Kind::NotFound));
    };
    let (id, act) = (id(view, &path)?, gateway.act(&posted.signed.access()));
    let done = gateway.admin().users().set_role(id, role, &act).await;
    finished(view, &gateway, done, |()| Said::Done(view.t.done)).await
}

pub async fn disable(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let (id, act) = (id(view, &path)?, gateway.act(&posted.signed.access()));
    let done = gateway.admin().users().disable(id, true, &act).await;
    finished(view, &gateway, done, |()| Said::Done(view.t.done)).await
}

pub async fn enable(
    posted: Posted<ManagesUsers>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let (id, act) = (id(view, &path)?, gateway.act(&posted.signed.access()));
    let done = gateway.admin().users().enable(id, &act).await;
    finished(view, &gateway, done, |()| Said::Done(view.t.done)).await
}
