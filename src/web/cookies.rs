//! The cookies of our pages: the session's, a visitor's, and preferences. All of them are here, so that no two share a name.

use std::fmt::Write as _;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};

use super::Site;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The secret of a session.
    Session,
    /// That somebody signed in with this browser before; see `gateway::admin`.
    Known,
    /// Ties the forms of a visitor who is not signed in to this browser.
    Visit,
    Language,
    Theme,
    Zone,
}

impl Cookie {
    /// `__Host-` binds a cookie to https and to this very host (RFC 6265bis, section 4.1.3.2); plain http has no such cookie.
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-pinroute",
            (Self::Session, false) => "pinroute",
            (Self::Known, true) => "__Host-pinroute-known",
            (Self::Known, false) => "pinroute-known",
            (Self::Visit, true) => "__Host-pinroute-visit",
            (Self::Visit, false) => "pinroute-visit",
            (Self::Language, _) => "pinroute-language",
            (Self::Theme, _) => "pinroute-theme",
            (Self::Zone, _) => "pinroute-zone",
        }
    }

    pub fn read(self, request: &HttpRequest, site: &Site) -> Option<String> {
        let name = self.name(site.is_secure());
        let headers = request.headers().get_all(header::COOKIE);
        // Pair by pair: another program on this host may have set a cookie that is not text.
        let mut pairs = headers
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='));
        let (_, value) = pairs.find(|(known, _)| *known == name)?;
        (!value.is_empty() && value.len() <= 128).then(|| value.to_owned())
    }

    /// `Set-Cookie` with a value of letters, digits, `-`, `_`, `+` and `/`; an empty one removes the cookie.
    pub fn set(self, value: &str, site: &Site) -> HeaderValue {
        const YEAR: u64 = 365 * 24 * 60 * 60;
        let secure = site.is_secure();
        let lasts = match self {
            _ if value.is_empty() => Some(0),
            Self::Session => Some(site.session_longest.as_secs()),
            Self::Visit => None,
            Self::Known | Self::Language | Self::Theme | Self::Zone => Some(YEAR),
        };
        // Lax: a link in a mail opens the page that it names. Changes need a form with a token, from one of our pages.
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
