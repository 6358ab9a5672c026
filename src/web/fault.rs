//! The refusals of the kit. Each face says it in its own shape, with its [`Render`].
//!
//! A new reason is a variant of [`Kind`]; the faces' matches then fail to compile until they render it.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::HeaderValue;

/// Answers a fault of the kit in the words of one face.
pub type Render = fn(&Fault) -> HttpResponse;

/// What `WWW-Authenticate` asks for with a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    Bearer,
    Basic,
}

impl Challenge {
    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Bearer => "Bearer",
            Self::Basic => "Basic realm=\"pinroute\", charset=\"UTF-8\"",
        })
    }
}

/// Why a request was refused before a handler could act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Credentials are missing or wrong.
    Unauthorized(Challenge),
    /// The request cannot be parsed, or some of its fields are wrong: then [`Fault::fields`] names them.
    Invalid,
    /// No such address.
    NotFound,
    /// The address exists; the value for `Allow` lists its methods.
    MethodNotAllowed(Arc<str>),
    /// The request did not arrive in time.
    Timeout,
    /// The body exceeds [`super::body::LIMIT`].
    TooLarge,
    /// The body's type or encoding is not supported.
    UnsupportedMediaType,
    /// The first request with this idempotency key is still running.
    StillRunning,
    /// The idempotency key was used with another body.
    KeyReused,
    /// The service cannot answer now; a retry may succeed.
    Unavailable,
    /// A fault of the service; a retry does not help.
    Internal,
}

/// One field of a body or parameter of a query that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// A JSON pointer (RFC 6901) into the body, or `/name` of a query parameter.
    pub pointer: String,
    pub detail: String,
}

/// A refusal of the kit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    pub kind: Kind,
    /// For people, in English.
    pub detail: Box<str>,
    /// All fields that are wrong; empty for any other kind than [`Kind::Invalid`].
    pub fields: Box<[FieldFault]>,
}

impl Fault {
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into().into(),
            fields: Box::default(),
        }
    }

    #[must_use]
    pub fn invalid(fields: Vec<FieldFault>) -> Self {
        let detail = match fields.as_slice() {
            [one] => format!("{} {}", one.pointer, one.detail),
            many => format!("{} fields are invalid.", many.len()),
        };
        Self {
            fields: fields.into(),
            ..Self::new(Kind::Invalid, detail)
        }
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            Kind::NotFound,
            "Nothing is at this address; /docs lists what there is.",
        )
    }

    #[must_use]
    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(
            Kind::MethodNotAllowed(allow.into()),
            format!("This address supports {allow}."),
        )
    }

    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "An internal error occurred; the log of the server names its cause. Repeating the request does not help.",
        )
    }

    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(
            Kind::Unavailable,
            "The database cannot be reached or is too busy. The request may or may not have been accepted: repeat it with the same Idempotency-Key.",
        )
    }
}
