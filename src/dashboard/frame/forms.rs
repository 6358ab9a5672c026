//! Submitted forms. They are accepted only from our own pages, with the token the page carried.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::gateway::{Begun, Error, Gateway, Replay, Ticket};
use crate::secret::{fingerprint, random};

/// The name of the field that holds the token.
pub const TOKEN: &str = "form_token";
/// The name of the field that makes a form take effect once.
pub const ONCE: &str = "form_once";

/// The fields of a form or of a query string.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Self {
        let fields = web::Query::<Vec<(String, String)>>::from_query(text);
        Self(fields.map(web::Query::into_inner).unwrap_or_default())
    }

    /// A field without surrounding whitespace; empty if it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field exactly as typed, for passwords; empty if it is missing.
    pub fn raw(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// A field exactly as typed; `None` if it is missing.
    pub fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The fields without the token and the mark, to detect a mark reused with other input.
    fn filled_in(&self) -> String {
        let own = self
            .0
            .iter()
            .filter(|(name, _)| name != TOKEN && name != ONCE);
        let written: Vec<String> = own
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        written.join("&")
    }

    /// All values of a field that may occur more than once.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.trim())
    }
}

/// The token that a browser's forms must carry. It is derived from a cookie, which other sites can neither read nor set.
pub fn token(secret: &str) -> String {
    let mut text = b"form ".to_vec();
    text.extend_from_slice(secret.as_bytes());
    URL_SAFE_NO_PAD.encode(fingerprint(&text))
}

/// Reads a submitted form. `None` if it is unreadable, carries none of these tokens, or was sent by another site.
pub async fn read(request: &HttpRequest, payload: &mut Payload, tokens: &[&str]) -> Option<Form> {
    let body = web::Bytes::from_request(request, payload).await.ok()?;
    let form = Form::parse(std::str::from_utf8(&body).ok()?);
    let given = form.raw(TOKEN).as_bytes();
    let mut tokens = tokens.iter();
    let fits = tokens.any(|token| verify_slices_are_equal(given, token.as_bytes()).is_ok());
    (fits && is_from_here(request)).then_some(form)
}

/// The outcome of a form that takes effect once.
#[derive(Debug)]
pub enum Once<T> {
    Now(T),
    /// It was sent before, with this result.
    Before(Replay),
    /// It is still being processed, or was sent before with other input.
    Used,
}

impl Form {
    /// Runs `first` unless this form was already sent to `path`. A form without a mark counts as new. If `first` fails, the
    /// form can be sent again.
    pub async fn once<T, E>(
        &self,
        gateway: &Gateway,
        path: &str,
        first: impl AsyncFnOnce(Ticket) -> Result<T, E>,
    ) -> Result<Once<Result<T, E>>, Error> {
        let mark = match self.text(ONCE) {
            "" => format!("{:016x}", u64::from_be_bytes(random())),
            mark => mark.chars().take(64).collect(),
        };
        let filled_in = self.filled_in();
        let begun = gateway
            .idempotency()
            .begin(None, path, &mark, filled_in.as_bytes());
        Ok(match begun.await? {
            Begun::Fresh(ticket) => {
                let done = first(ticket.clone()).await;
                if done.is_err() {
                    gateway.release(ticket).await;
                }
                Once::Now(done)
            }
            Begun::Replay(replay) => Once::Before(replay),
            Begun::InProgress | Begun::Mismatch => Once::Used,
        })
    }
}

/// Whether the browser reports that the form was on one of our pages. Our pages send no referrer, so their `Origin` is `null` and
/// `Sec-Fetch-Site` decides. Over plain HTTP browsers omit that too, which leaves only the token.
fn is_from_here(request: &HttpRequest) -> bool {
    let said = |name: &str| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap_or("?").to_owned())
    };
    match (said("sec-fetch-site"), said(header::ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, None) => true,
        (None, Some(origin)) if origin == "null" => true,
        (None, Some(origin)) => {
            let host = said(header::HOST.as_str()).unwrap_or_default();
            origin.split_once("://").is_some_and(|(_, own)| own == host)
        }
    }
}

/// Escaped in a query: everything but unreserved characters and the slash.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Percent-encodes the name or the value of a query parameter.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        let text = "+998 90?&=#/ü";
        let form = Form::parse(&format!("a={}&b=%20x%20", encoded(text)));
        assert_eq!(
            (form.text("a"), form.text("b"), form.raw("b")),
            (text, "x", " x ")
        );
        assert_eq!(form.text("c"), "");
    }
}
