//! Credentials of a request: a bearer token (RFC 6750), or a user and a password (RFC 7617).
//!
//! A face takes what its clients send, checks it against what it knows, and refuses with [`refused`].

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fault::{Challenge, Fault, Kind};

/// The token of `Authorization: Bearer …`.
#[must_use]
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    of_scheme(request, "bearer")
}

/// User and password of `Authorization: Basic …`. The user ends at the first colon.
#[must_use]
pub fn basic(request: &HttpRequest) -> Option<(String, String)> {
    let encoded = of_scheme(request, "basic")?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Credentials are missing or wrong.
#[must_use]
pub fn refused(challenge: Challenge, detail: &str) -> Fault {
    Fault::new(Kind::Unauthorized(challenge), detail)
}

fn of_scheme<'a>(request: &'a HttpRequest, wanted: &str) -> Option<&'a str> {
    let value = request.headers().get(header::AUTHORIZATION)?;
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case(wanted)
        .then(|| credentials.trim())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(authorization: &str) -> HttpRequest {
        TestRequest::default()
            .insert_header((header::AUTHORIZATION, authorization))
            .to_http_request()
    }

    #[test]
    fn a_scheme_is_read_without_regard_to_case() {
        assert_eq!(bearer(&request("bEARER  pin_x ")), Some("pin_x"));
        assert_eq!(bearer(&request("Basic dTpw")), None);
        assert_eq!(bearer(&request("Bearer")), None);
        assert_eq!(bearer(&TestRequest::default().to_http_request()), None);
    }

    #[test]
    fn a_password_may_hold_colons() {
        // `user:a:b`, and `user` without a colon.
        let read = basic(&request("basic dXNlcjphOmI="));
        assert_eq!(read, Some(("user".to_owned(), "a:b".to_owned())));
        assert_eq!(basic(&request("Basic dXNlcg==")), None);
        assert_eq!(basic(&request("Basic not-base64!")), None);
        assert_eq!(basic(&request("Bearer dXNlcjphOmI=")), None);
    }
}
