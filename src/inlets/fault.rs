//! The answer to a refused report: a problem (RFC 9457), whose status says whether a retry can succeed.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::gateway::{Error, ReportError};
use crate::web::{self, Challenge, Kind, problem};

/// A refusal, in the shape of the inlets.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Fault(#[from] web::Fault);

impl From<ReportError> for Fault {
    fn from(error: ReportError) -> Self {
        Self(match error {
            ReportError::NotAuthentic => web::Fault::new(
                Kind::Unauthorized(Challenge::Bearer),
                "The callback is not authentic, or too old.",
            ),
            ReportError::Malformed(what) => web::Fault::new(
                Kind::Invalid,
                format!("The callback cannot be read: {what}."),
            ),
            ReportError::NoGet => web::Fault::method_not_allowed("POST"),
            ReportError::Failed(Error::Internal) => web::Fault::internal(),
            ReportError::Failed(_) => web::Fault::unavailable(),
        })
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        problem::render(&self.0)
    }
}
