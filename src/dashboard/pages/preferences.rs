//! Language, colours and time zone, kept in cookies.

use actix_web::{HttpResponse, web};

use crate::dashboard::Options;
use crate::dashboard::access::Sent;
use crate::dashboard::cookies::Cookie;
use crate::dashboard::fault::Fault;
use crate::dashboard::text::Language;
use crate::dashboard::view::Theme;
use crate::reports::query;

pub async fn keep(sent: Sent, _: web::Data<Options>) -> Result<HttpResponse, Fault> {
    let (view, form) = (&sent.view, &sent.form);
    let back = form.text("back");
    let inside = back.starts_with("/dashboard") && !back.contains("//") && !back.contains('\\');
    let to = if inside { back } else { "/dashboard" };
    if let Some(language) = Language::parse(form.text("language")) {
        return Ok(view.go_with(to, Cookie::Language, language.as_str()));
    }
    if let Some(theme) = Theme::parse(form.text("theme")) {
        return Ok(view.go_with(to, Cookie::Theme, theme.as_str()));
    }
    if let Ok(zone) = query::zone(form.text("zone")) {
        return Ok(view.go_with(to, Cookie::Zone, zone.name()));
    }
    Ok(view.go(to))
}
