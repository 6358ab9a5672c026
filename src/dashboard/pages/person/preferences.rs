//! `/dashboard/preferences`: stores language, colours and time zone in cookies.

use actix_web::{FromRequest, HttpRequest, HttpResponse};

use super::account;
use super::sign_in::within;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::FormErrors;
use crate::dashboard::frame::rights::{Anyone, Sent, Signed};
use crate::dashboard::frame::viewer::Theme;
use crate::dashboard::text::Language;
use crate::dashboard::text::faults::filled;
use crate::reports::query;
use crate::web::cookies::Cookie;

pub async fn keep(sent: Sent, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let (view, form) = (&sent.view, &sent.form);
    let to = within(form.text("back"));
    if let Some(language) = Language::parse(form.text("language")) {
        return Ok(view.go_with(&to, Cookie::Language, language.code));
    }
    if let Some(theme) = Theme::parse(form.text("theme")) {
        return Ok(view.go_with(&to, Cookie::Theme, theme.as_str()));
    }
    let name = form.text("tz");
    if let Ok(zone) = query::zone(name) {
        return Ok(view.go_with(&to, Cookie::Zone, zone.name()));
    }
    let signed = Signed::<Anyone>::extract(&request).await?;
    let mut wrong = FormErrors::default();
    wrong.note("tz", filled(view.t.faults.not_a_zone, &[name]));
    Ok(account::page(&signed, form, &wrong, None))
}
