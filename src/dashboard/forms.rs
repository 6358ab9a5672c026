//! Forms that come in: only from our own pages, with the token that the page was given.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::view::View;
use crate::secret::fingerprint;

/// The name of the field that holds the token.
pub const TOKEN: &str = "form_token";

/// The fields of a form, or of a query.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Self {
        let fields = web::Query::<Vec<(String, String)>>::from_query(text);
        Self(fields.map(web::Query::into_inner).unwrap_or_default())
    }

    /// A field without the space around it; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// As it was typed: for passwords.
    pub fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Every value of a field that may stand several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.trim())
    }
}

/// The token of a browser's forms: follows from its cookie, which another site can neither read nor set.
pub fn token(secret: &str) -> String {
    let mut text = b"form ".to_vec();
    text.extend_from_slice(secret.as_bytes());
    URL_SAFE_NO_PAD.encode(fingerprint(&text))
}

/// The form of a request; `None`: it cannot be read, or another site sent it.
pub async fn read(request: &HttpRequest, payload: &mut Payload, view: &View) -> Option<Form> {
    let body = web::Bytes::from_request(request, payload).await.ok()?;
    let form = Form::parse(std::str::from_utf8(&body).ok()?);
    let given = form.raw(TOKEN).as_bytes();
    let fits = verify_slices_are_equal(given, view.token.as_bytes()).is_ok();
    (fits && is_from_here(request)).then_some(form)
}

/// What the browser says about where the form stood. Our pages send no referrer, which makes their `Origin` be `null`: then
/// `Sec-Fetch-Site` tells, and on plain http, where browsers leave that out too, the token alone.
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

/// Text as a part of a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                out.push(digit.to_ascii_uppercase());
            }
        }
    }
    out
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
