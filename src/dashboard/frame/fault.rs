//! Error pages.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use maud::{DOCTYPE, html};

use super::forms::encoded;
use super::viewer::Viewer;
use crate::dashboard::text::Texts;
use crate::gateway::Error;
use crate::web::{self, problem};

/// Why the page cannot be shown.
#[derive(Debug)]
pub enum Kind {
    /// Redirects to the sign-in, which leads back afterwards.
    SignedOut,
    Forbidden,
    /// A form without its token, or sent by another site.
    Forged,
    NotFound,
    /// A form that was already sent.
    Used,
    /// A one-time link that was used or has expired.
    LinkVoid,
    /// Too many people are signing in at once.
    Busy,
    Unavailable,
    /// A fault of ours; trying again does not help.
    Internal,
}

/// The page shown instead.
#[derive(Debug)]
pub struct Fault {
    view: Box<Viewer>,
    kind: Kind,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl Kind {
    fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut => StatusCode::SEE_OTHER,
            Self::Forbidden | Self::Forged => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Used => StatusCode::CONFLICT,
            Self::LinkVoid => StatusCode::GONE,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(&self, t: &Texts) -> (&'static str, &'static str) {
        match self {
            Self::SignedOut => (t.sign_in, t.sign_in_lead),
            Self::Forbidden => (t.forbidden, t.forbidden_why),
            Self::Forged => (t.forged, t.forged_why),
            Self::NotFound => (t.not_found, t.not_found_why),
            Self::Used => (t.used_form, t.used_form_why),
            Self::LinkVoid => (t.link_void, t.link_void_why),
            Self::Busy => (t.unavailable, t.busy_why),
            Self::Unavailable => (t.unavailable, t.unavailable_why),
            Self::Internal => (t.internal, t.internal_why),
        }
    }
}

impl Viewer {
    pub fn fault(&self, kind: Kind) -> Fault {
        Fault {
            view: Box::new(self.clone()),
            kind,
        }
    }

    pub fn trouble(&self, trouble: &Error) -> Fault {
        self.fault(match trouble {
            Error::NotFound => Kind::NotFound,
            Error::Limited(_) | Error::Blocked | Error::Refused(_) | Error::Unavailable => {
                Kind::Unavailable
            }
            Error::Internal => Kind::Internal,
        })
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        if matches!(self.kind, Kind::SignedOut) {
            let mut to = "/dashboard/sign-in".to_owned();
            if let Some(next) = &self.view.address {
                to = format!("{to}?next={}", encoded(next));
            }
            return HttpResponse::SeeOther()
                .insert_header((header::LOCATION, to))
                .finish();
        }
        let (title, why) = self.kind.words(self.view.t);
        let body = html! {
            div class="empty alone" {
                p class="figure" aria-hidden="true" { (self.kind.status().as_u16()) }
                h1 { (title) }
                p { (why) }
                p { a class="button" href="/dashboard" { (self.view.t.to_start) } }
            }
        };
        let mut answer = self.view.answer(self.kind.status(), title, None, &body);
        if matches!(self.kind, Kind::Busy) {
            let seconds = header::HeaderValue::from_static("3");
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        answer
    }
}

/// A plain page for requests that reach no handler, such as those that time out. The session and the
/// language are unknown here.
pub fn render(fault: &web::Fault) -> HttpResponse {
    let (status, _, title) = problem::row(&fault.kind);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head { title { (title) } }
            body { h1 { (title) } p { (fault.detail) } }
        }
    };
    let mut answer = HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(body.into_string());
    problem::headers(&mut answer, &fault.kind);
    answer
}
