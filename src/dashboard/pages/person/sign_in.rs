//! `/dashboard/sign-in` and `/dashboard/sign-out`.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::dashboard::Options;
use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Anyone, Posted, Sent};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::Texts;
use crate::dashboard::text::faults::filled;
use crate::gateway::{Exhausted, Gateway, SignInError};
use crate::web::client;
use crate::web::cookies::Cookie;

pub async fn form(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let view = Viewer::of(&request).await?;
    let asked = Form::parse(request.query_string());
    if view.user.is_some() {
        return Ok(view.go(&within(asked.text("next"))));
    }
    let body = page(&view, &asked, &FormErrors::default(), None);
    Ok(view.answer(StatusCode::OK, view.t.sign_in, None, &body))
}

fn page(view: &Viewer, form: &Form, wrong: &FormErrors, fault: Option<&str>) -> Markup {
    let t = view.t;
    let fields = Fields { t, form, wrong };
    html! {
        div class="narrow" {
            (shell::mark())
            h1 { (t.sign_in) }
            p class="lead" { (t.sign_in_lead) }
            @if let Some(fault) = fault { p class="notice bad" role="alert" { (fault) } }
            form method="post" action="/dashboard/sign-in" class="stack" {
                (shell::token(view))
                input type="hidden" name="next" value=(form.text("next"));
                (fields.username(""))
                (fields.password(t.password, "password", false))
                button type="submit" { (t.sign_in) }
            }
        }
    }
}

pub async fn sign_in(
    sent: Sent,
    request: HttpRequest,
    options: web::Data<Options>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&sent.view, &sent.form);
    let (email, password) = (form.text("email"), form.raw("password"));
    let from = client::address(&request);
    let refused = |status, wrong: &FormErrors, words: &str| {
        let body = page(view, form, wrong, Some(words));
        view.answer(status, view.t.sign_in, None, &body)
    };
    let known = Cookie::Known.read(&request, &options.site);
    let admin = gateway.admin();
    match admin.sign_in(email, password, from, known.as_deref()).await {
        Ok(secret) => {
            end(&request, &options, &gateway, view).await?;
            let next = within(form.text("next"));
            let mut answer = view.go_with(&next, Cookie::Session, &secret);
            let mark = Cookie::Known.set(&admin.mark_browser(email), &options.site);
            answer.headers_mut().append(header::SET_COOKIE, mark);
            Ok(answer)
        }
        Err(SignInError::Wrong(_)) => {
            let mut wrong = FormErrors::default();
            // Mark both, so as not to reveal which one is wrong.
            wrong.note("email", "");
            wrong.note("password", "");
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(refused(status, &wrong, view.t.wrong))
        }
        Err(SignInError::Limited(limit)) => {
            let words = limited(view.t, &limit);
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut answer = refused(status, &FormErrors::default(), &words);
            let seconds = limit.retry_after.as_secs().max(1);
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            Ok(answer)
        }
        Err(SignInError::Busy) => Err(view.fault(Kind::Busy)),
        Err(SignInError::Failed(trouble)) => Err(view.trouble(&trouble)),
    }
}

/// The message that sign-in is locked, with the minutes left.
pub fn limited(t: &Texts, limit: &Exhausted) -> String {
    let minutes = limit.retry_after.as_secs().div_ceil(60).max(1);
    filled(t.limited, &[&minutes.to_string()])
}

/// Where to go next: `next` if it is within the dashboard, else its start, so that sign-in links cannot lead to other sites.
pub fn within(next: &str) -> String {
    let inside =
        next == "/dashboard" || next.starts_with("/dashboard/") || next.starts_with("/dashboard?");
    let plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let path = next.split('?').next().unwrap_or_default();
    let straight = !path.contains("//") && !path.contains("/.") && !path.contains('%');
    if inside && plain && straight {
        next.to_owned()
    } else {
        "/dashboard".to_owned()
    }
}

pub async fn sign_out(
    posted: Posted<Anyone>,
    request: HttpRequest,
    options: web::Data<Options>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    end(&request, &options, &gateway, view).await?;
    Ok(view.go_with("/dashboard/sign-in", Cookie::Session, ""))
}

/// Ends this browser's session, if there is one.
pub async fn end(
    request: &HttpRequest,
    options: &Options,
    gateway: &Gateway,
    view: &Viewer,
) -> Result<(), Fault> {
    let Some(secret) = Cookie::Session.read(request, &options.site) else {
        return Ok(());
    };
    let ended = gateway.admin().sign_out(&secret).await;
    ended.map_err(|trouble| view.trouble(&trouble))
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_sign_in_leads_nowhere_but_into_the_dashboard() {
        assert_eq!(
            within("/dashboard/ledger?kind=charge"),
            "/dashboard/ledger?kind=charge"
        );
        for next in [
            "",
            "https://evil.example",
            "//evil.example",
            "/dashboard//evil.example",
            "/dashboardx",
            "/dashboard/\\evil",
            "/dashboard/../v1",
            "/dashboard/%2e%2e/v1",
            "/v1",
        ] {
            assert_eq!(within(next), "/dashboard", "{next:?}");
        }
    }
}
