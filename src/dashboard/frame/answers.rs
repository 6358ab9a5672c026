//! Responses: pages, redirects, cookies.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use maud::Markup;

use super::fields::FormErrors;
use super::shell;
use super::viewer::Viewer;
use crate::dashboard::Options;
use crate::web::cookies::Cookie;

/// Content security policy: our own files only, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// With an https `public_url`, browsers must not come back over plain HTTP: for a year, on this host alone.
const HTTPS_ALONE: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds `Strict-Transport-Security` to every answer of a site that is reached over https.
pub async fn over_https_alone<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let options = request.app_data::<web::Data<Options>>();
    let is_secure = options.is_some_and(|options| options.site.is_secure());
    let mut response = next.call(request).await?;
    if is_secure {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ALONE);
    }
    Ok(response)
}

impl Viewer {
    /// A page; `section` is the path of its row in the navigation.
    pub fn page(&self, title: &str, section: &str, body: &Markup) -> HttpResponse {
        self.answer(StatusCode::OK, title, Some(section), body)
    }

    /// A page with a form: 422 if a field is invalid.
    pub fn form_page(
        &self,
        wrong: &FormErrors,
        title: &str,
        section: impl Into<Option<&'static str>>,
        body: &Markup,
    ) -> HttpResponse {
        let status = if wrong.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        self.answer(status, title, section.into(), body)
    }

    /// A page with any status; without a `section` it is outside the navigation.
    pub fn answer(
        &self,
        status: StatusCode,
        title: &str,
        section: Option<&str>,
        body: &Markup,
    ) -> HttpResponse {
        let mut answer = HttpResponse::build(status);
        answer
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header(("cross-origin-opener-policy", "same-origin"))
            .insert_header((header::VARY, "cookie, accept-language"));
        if let Some(visit) = &self.visit {
            let cookie = Cookie::Visit.set(visit, &self.options.site);
            answer.append_header((header::SET_COOKIE, cookie));
        }
        answer.body(shell::render(self, title, section, body).into_string())
    }

    /// Redirects after a form was processed (303).
    #[expect(clippy::unused_self, reason = "called like the other responses")]
    pub fn go(&self, to: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((header::LOCATION, to))
            .finish()
    }

    /// Redirects and sets a cookie; an empty value removes it.
    pub fn go_with(&self, to: &str, cookie: Cookie, value: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((header::LOCATION, to))
            .insert_header((header::SET_COOKIE, cookie.set(value, &self.options.site)))
            .finish()
    }
}
