//! The cookies of the dashboard: the session's, a visitor's, and what a person prefers.

use std::fmt::Write as _;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};

use super::Options;
use crate::gateway::Admin;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The secret of a session.
    Session,
    /// Ties the forms of somebody who is not signed in to this browser.
    Visit,
    Language,
    Theme,
    Zone,
}

impl Cookie {
    /// `__Host-` binds a cookie to https and to this very host (RFC 6265bis, section 4.1.3.2); plain http knows no such cookie.
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-pinroute",
            (Self::Session, false) => "pinroute",
            (Self::Visit, true) => "__Host-pinroute-visit",
            (Self::Visit, false) => "pinroute-visit",
            (Self::Language, _) => "pinroute-language",
            (Self::Theme, _) => "pinroute-theme",
            (Self::Zone, _) => "pinroute-zone",
        }
    }

    pub fn read(self, request: &HttpRequest, options: &Options) -> Option<String> {
        let name = self.name(is_secure(options));
        let headers = request.headers().get_all(header::COOKIE);
        // Pair by pair: another program on this host may have set one that is no text.
        let mut pairs = headers
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='));
        let (_, value) = pairs.find(|(known, _)| *known == name)?;
        (!value.is_empty() && value.len() <= 128).then(|| value.to_owned())
    }

    /// `Set-Cookie` with a value of letters, digits, `-`, `_`, `+` and `/`; an empty one removes the cookie.
    pub fn set(self, value: &str, options: &Options) -> HeaderValue {
        const YEAR: u64 = 365 * 24 * 60 * 60;
        let secure = is_secure(options);
        let lasts = match self {
            _ if value.is_empty() => Some(0),
            Self::Session => Some(Admin::SESSION_LONGEST.as_secs()),
            Self::Visit => None,
            Self::Language | Self::Theme | Self::Zone => Some(YEAR),
        };
        // Lax: a link in a mail opens the page that it names. What changes something is a form with a token, from a page of ours.
        let mut text = format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Lax",
            self.name(secure)
        );
        if let Some(seconds) = lasts {
            let _ = write!(text, "; Max-Age={seconds}");
        }
        if secure {
            text.push_str("; Secure");
        }
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

fn is_secure(options: &Options) -> bool {
    options.public_url.starts_with("https://")
}
