//! Identifies the viewer of a request: session, cookies, language.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono_tz::Tz;

use super::fault::{Fault, Kind};
use super::forms;
use super::sections::Section;
use super::viewer::{Theme, Viewer};
use crate::dashboard::Options;
use crate::dashboard::text::Language;
use crate::gateway::Gateway;
use crate::reports::query;
use crate::secret::random;
use crate::web::cookies::Cookie;

impl Viewer {
    pub async fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let options = data::<Options>(request);
        let sections = data::<&'static [Section]>(request);
        let gateway = data::<Gateway>(request);
        let accepts = request.headers().get(header::ACCEPT_LANGUAGE);
        let accepts = accepts.and_then(|value| value.to_str().ok());
        let chosen = Cookie::Language.read(request, &options.site);
        let language = chosen
            .and_then(|text| Language::parse(&text))
            .unwrap_or_else(|| Language::accepted(accepts.unwrap_or_default()));
        let theme = Cookie::Theme.read(request, &options.site);
        let zone = Cookie::Zone.read(request, &options.site);
        let address = request.uri().path_and_query().map(ToString::to_string);
        let mut view = Self {
            t: language.texts,
            language,
            theme: theme
                .and_then(|text| Theme::parse(&text))
                .unwrap_or(Theme::Auto),
            zone: zone
                .and_then(|name| query::zone(&name).ok())
                .unwrap_or(Tz::UTC),
            user: None,
            token: String::new(),
            address: address.filter(|_| request.method() == Method::GET),
            visit: None,
            sections: **sections,
            options: options.clone(),
        };
        if let Some(secret) = Cookie::Session.read(request, &options.site) {
            match gateway.admin().session(&secret).await {
                Ok(Some(session)) => {
                    view.user = Some(session.user);
                    view.token = forms::token(&secret);
                    return Ok(view);
                }
                Ok(None) => {}
                Err(error) => return Err(view.trouble(&error)),
            }
        }
        let known = Cookie::Visit.read(request, &options.site);
        let visit = known.unwrap_or_else(|| {
            let fresh = URL_SAFE_NO_PAD.encode(random::<32>());
            view.visit = Some(fresh.clone());
            fresh
        });
        view.token = forms::token(&visit);
        Ok(view)
    }
}

/// Application data, registered with the routes.
pub(super) fn data<T: 'static>(request: &HttpRequest) -> web::Data<T> {
    let found = request.app_data::<web::Data<T>>();
    found.expect("registered in `pages::mount`").clone()
}

/// Answers addresses without a page: 404 if signed in, else a redirect to the sign-in.
pub async fn nothing_here(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let view = Viewer::of(&request).await?;
    let kind = match view.user {
        Some(_) => Kind::NotFound,
        None => Kind::SignedOut,
    };
    Err(view.fault(kind))
}
