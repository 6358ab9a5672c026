//! How a page looks to whoever asked for it: who that is, the language, the colours; and the answer that carries it.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono_tz::Tz;
use maud::Markup;

use super::Options;
use super::cookies::Cookie;
use super::fault::{Fault, Kind};
use super::fields::Wrong;
use super::forms;
use super::shell::{self, Section};
use super::text::{Language, Texts};
use crate::access::{Right, may};
use crate::gateway::{Gateway, User};
use crate::reports::query;
use crate::secret::random;

/// What the page may load and do (CSP, level 3): its own files, and nothing that stands inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text)
    }
}

#[derive(Clone)]
pub struct View {
    pub t: &'static Texts,
    pub language: Language,
    pub theme: Theme,
    /// Whose days and hours are shown.
    pub zone: Tz,
    pub sandbox: bool,
    pub user: Option<User>,
    /// What forms of this browser carry.
    pub token: String,
    /// Path and query, of a page that can be come back to.
    pub address: Option<String>,
    options: web::Data<Options>,
    /// A visitor's cookie that is yet to be set.
    visit: Option<String>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View({:?}, {:?})", self.user, self.language)
    }
}

impl View {
    pub async fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let options = data::<Options>(request);
        let gateway = data::<Gateway>(request);
        let accepts = request.headers().get(header::ACCEPT_LANGUAGE);
        let accepts = accepts.and_then(|value| value.to_str().ok());
        let chosen = Cookie::Language.read(request, &options);
        let language = chosen
            .and_then(|text| Language::parse(&text))
            .unwrap_or_else(|| Language::accepted(accepts.unwrap_or_default()));
        let theme = Cookie::Theme.read(request, &options);
        let zone = Cookie::Zone.read(request, &options);
        let address = request.uri().path_and_query().map(ToString::to_string);
        let mut view = Self {
            t: language.texts(),
            language,
            theme: theme
                .and_then(|text| Theme::parse(&text))
                .unwrap_or(Theme::Auto),
            zone: zone
                .and_then(|name| query::zone(&name).ok())
                .unwrap_or(Tz::UTC),
            sandbox: options.sandbox,
            user: None,
            token: String::new(),
            address: address.filter(|_| request.method() == Method::GET),
            visit: None,
            options: options.clone(),
        };
        if let Some(secret) = Cookie::Session.read(request, &options) {
            match gateway.session(&secret).await {
                Ok(Some(session)) => {
                    view.user = Some(session.user);
                    view.token = forms::token(&secret);
                    return Ok(view);
                }
                Ok(None) => {}
                Err(_) => return Err(view.fault(Kind::Unavailable)),
            }
        }
        let known = Cookie::Visit.read(request, &options);
        let visit = known.unwrap_or_else(|| {
            let fresh = URL_SAFE_NO_PAD.encode(random::<32>());
            view.visit = Some(fresh.clone());
            fresh
        });
        view.token = forms::token(&visit);
        Ok(view)
    }

    pub fn may(&self, right: Right) -> bool {
        self.user.as_ref().is_some_and(|user| may(user.role, right))
    }

    /// A whole page.
    pub fn page(&self, title: &str, section: Section, body: &Markup) -> HttpResponse {
        self.answer(StatusCode::OK, title, Some(section), body)
    }

    /// The same with a form, of which something may be wrong.
    pub fn form_page(
        &self,
        wrong: &Wrong,
        title: &str,
        section: impl Into<Option<Section>>,
        body: &Markup,
    ) -> HttpResponse {
        let status = if wrong.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        self.answer(status, title, section.into(), body)
    }

    /// The same with any status, and outside of the sections.
    pub fn answer(
        &self,
        status: StatusCode,
        title: &str,
        section: Option<Section>,
        body: &Markup,
    ) -> HttpResponse {
        let mut answer = HttpResponse::build(status);
        answer
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header(("cross-origin-opener-policy", "same-origin"))
            .insert_header((header::VARY, "cookie, accept-language"));
        if let Some(visit) = &self.visit {
            let cookie = Cookie::Visit.set(visit, &self.options);
            answer.append_header((header::SET_COOKIE, cookie));
        }
        answer.body(shell::render(self, title, section, body).into_string())
    }

    /// On to another page, after something was done.
    #[expect(clippy::unused_self, reason = "reads as the other answers do")]
    pub fn go(&self, to: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((header::LOCATION, to))
            .finish()
    }

    /// The same with a cookie set or removed.
    pub fn go_with(&self, to: &str, cookie: Cookie, value: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((header::LOCATION, to))
            .insert_header((header::SET_COOKIE, cookie.set(value, &self.options)))
            .finish()
    }

    /// An address below `public_url`, as it is given to people.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.options.public_url)
    }
}

/// What `routes` and the server have put in; without it nothing was ever served.
pub(super) fn data<T: 'static>(request: &HttpRequest) -> web::Data<T> {
    let found = request.app_data::<web::Data<T>>();
    found.expect("the server has it").clone()
}
