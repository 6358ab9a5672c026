//! `/dashboard/account`: a user's own settings: password, other sessions, time zone.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use super::sign_in::limited;
use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors, act};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Anyone, Posted, Signed};
use crate::dashboard::frame::{shell, show};
use crate::gateway::{Gateway, SignInError};
use crate::web::cookies::Cookie;

const PATH: &str = "/dashboard/account";

pub async fn show(signed: Signed<Anyone>, request: HttpRequest) -> HttpResponse {
    let t = signed.view.t;
    let known = [
        ("password", t.password_changed),
        ("sessions", t.signed_out_others),
        ("zone", t.saved),
    ];
    let done = show::was_done(&request, &known);
    page(&signed, &Form::default(), &FormErrors::default(), done)
}

/// The page, with the submitted form and its errors.
pub fn page(
    signed: &Signed<Anyone>,
    form: &Form,
    wrong: &FormErrors,
    done: Option<&str>,
) -> HttpResponse {
    let (view, t) = (&signed.view, signed.view.t);
    let fields = Fields { t, form, wrong };
    let body = html! {
        (shell::heading(t.settings, Some(&signed.user.email), &shell::nothing()))
        (show::done(done))
        (fields.summary())
        div class="two" {
            // Users without a password signed in by link; they will need a new link next time.
            @if signed.user.password.is_some() { section class="panel" { h2 { (t.password) } (password(signed, fields)) } }
            section class="panel" {
                h2 { (t.sessions) }
                p class="hint" { (t.sessions_lead) }
                (act(view, &format!("{PATH}/sessions"), (t.sign_out_others, "")))
            }
            section class="panel" {
                h2 { (t.zone) }
                form class="filters" method="post" action="/dashboard/preferences" {
                    (shell::token(view))
                    input type="hidden" name="back" value=(format!("{PATH}?done=zone"));
                    (fields.zone(view.zone.name()))
                    button type="submit" { (t.keep) }
                }
            }
        }
    };
    view.form_page(wrong, t.settings, None, &body)
}

fn password(signed: &Signed<Anyone>, fields: Fields<'_>) -> Markup {
    let t = fields.t;
    html! {
        form class="stack" method="post" action=(format!("{PATH}/password")) {
            (shell::token(&signed.view))
            // For password managers.
            input type="email" name="email" value=(signed.user.email) autocomplete="username" hidden readonly;
            (fields.password(t.password_now, "password", false))
            (fields.password(t.password_new, "new", true))
            div { button type="submit" { (t.keep) } }
        }
    }
}

pub async fn change_password(
    posted: Posted<Anyone>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (signed, form) = (&posted.signed, &posted.form);
    let (view, user) = (&signed.view, &signed.user);
    let (password, new) = (form.raw("password"), form.raw("new"));
    let mut wrong = FormErrors::default();
    if !wrong.password(view, "new", new, &user.email) {
        return Ok(page(signed, form, &wrong, None));
    }
    let admin = gateway.admin();
    let changed = admin.change_password(user, password, new, signed.client);
    match changed.await {
        Ok(secret) => {
            let to = format!("{PATH}?done=password");
            return Ok(view.go_with(&to, Cookie::Session, &secret));
        }
        Err(SignInError::Wrong(_)) => wrong.note("password", view.t.password_wrong),
        Err(SignInError::Limited(limit)) => wrong.note("password", limited(view.t, &limit)),
        Err(SignInError::Busy) => return Err(view.fault(Kind::Busy)),
        Err(SignInError::Failed(trouble)) => return Err(view.trouble(&trouble)),
    }
    Ok(page(signed, form, &wrong, None))
}

pub async fn end_sessions(
    posted: Posted<Anyone>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, user) = (&posted.signed.view, &posted.signed.user);
    let ended = gateway.admin().end_sessions(user, posted.signed.client);
    let secret = ended.await.map_err(|trouble| view.trouble(&trouble))?;
    let to = format!("{PATH}?done=sessions");
    Ok(view.go_with(&to, Cookie::Session, &secret))
}
