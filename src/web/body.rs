//! The raw body of a request. A body that cannot be read is refused in the words of the face that asked for it.

use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::fault::{Fault, Kind};

/// The largest body, in bytes.
pub const LIMIT: usize = 64 * 1024;

/// A body, up to [`LIMIT`]. `F` is the face's own fault.
#[derive(Debug)]
pub struct Body<F> {
    bytes: Bytes,
    face: PhantomData<F>,
}

impl<F> Deref for Body<F> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<F: From<Fault> + Into<Error> + 'static> FromRequest for Body<F> {
    type Error = F;
    type Future = LocalBoxFuture<'static, Result<Self, F>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| F::from(unread(&error)))?;
            Ok(Self {
                bytes,
                face: PhantomData,
            })
        })
    }
}

fn unread(error: &Error) -> Fault {
    if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::new(
            Kind::TooLarge,
            format!("The body may have at most {LIMIT} bytes."),
        );
    }
    Fault::new(Kind::Invalid, "The body cannot be read.")
}
