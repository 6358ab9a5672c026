//! `/dashboard/sign-in`, and out again.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::dashboard::Options;
use crate::dashboard::access::{Anyone, Posted, Sent};
use crate::dashboard::cookies::Cookie;
use crate::dashboard::fault::Fault;
use crate::dashboard::forms::Form;
use crate::dashboard::shell;
use crate::dashboard::view::View;
use crate::gateway::{Gateway, SignInError};

pub async fn form(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let view = View::of(&request).await?;
    if view.user.is_some() {
        return Ok(view.go("/dashboard"));
    }
    let next = Form::parse(request.query_string());
    let body = page(&view, next.text("next"), "", None);
    Ok(view.answer(StatusCode::OK, view.t.sign_in, None, &body))
}

fn page(view: &View, next: &str, email: &str, fault: Option<&str>) -> Markup {
    let t = view.t;
    html! {
        div class="narrow" {
            (shell::mark())
            h1 { (t.sign_in) }
            p class="lead" { (t.sign_in_lead) }
            @if let Some(fault) = fault { p class="notice bad" role="alert" { (fault) } }
            form method="post" action="/dashboard/sign-in" class="stack" {
                (shell::token(view))
                input type="hidden" name="next" value=(next);
                label { span { (t.email) } input type="email" name="email" value=(email) autocomplete="username" required; }
                label { span { (t.password) } input type="password" name="password" autocomplete="current-password" required; }
                button type="submit" { (t.sign_in) }
            }
        }
    }
}

pub async fn sign_in(
    sent: Sent,
    request: HttpRequest,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&sent.view, &sent.form);
    let client = request
        .peer_addr()
        .map(|address| address.ip().to_string())
        .unwrap_or_default();
    let (email, password) = (form.text("email"), form.raw("password"));
    let refused = |status, words: &str| {
        let body = page(view, form.text("next"), email, Some(words));
        Ok(view.answer(status, view.t.sign_in, None, &body))
    };
    match gateway.sign_in(email, password, &client).await {
        Ok(secret) => Ok(view.go_with(&within(form.text("next")), Cookie::Session, &secret)),
        Err(SignInError::Wrong) => refused(StatusCode::UNPROCESSABLE_ENTITY, view.t.wrong),
        Err(SignInError::Limited(_)) => refused(StatusCode::TOO_MANY_REQUESTS, view.t.limited),
        Err(SignInError::Trouble(trouble)) => Err(view.trouble(&trouble)),
    }
}

/// Where to go on: only within the dashboard.
fn within(next: &str) -> String {
    let inside =
        next == "/dashboard" || next.starts_with("/dashboard/") || next.starts_with("/dashboard?");
    let plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if inside && plain && !next.contains("//") {
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
    if let Some(secret) = Cookie::Session.read(&request, &options) {
        let ended = gateway.sign_out(&secret).await;
        ended.map_err(|trouble| view.trouble(&trouble))?;
    }
    Ok(view.go_with("/dashboard/sign-in", Cookie::Session, ""))
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
            "/v1",
        ] {
            assert_eq!(within(next), "/dashboard", "{next:?}");
        }
    }
}
