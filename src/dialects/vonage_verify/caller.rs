//! The caller: Basic credentials, whose user are the last digits of the key's id, and whose password is the key.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::api_key;
use super::fault::Fault;
use crate::gateway::{Access, Error, Gateway, Scope};
use crate::verification::asked::Face;
use crate::verification::id::ProjectId;
use crate::web::credentials;

/// A caller whose key is valid.
#[derive(Debug)]
pub struct Caller {
    pub gateway: Gateway,
    pub access: Access,
    pub project: ProjectId,
}

impl FromRequest for Caller {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (user, key) = credentials::basic(&request).ok_or_else(Fault::unauthorized)?;
            let gateway = request.app_data::<web::Data<Gateway>>();
            let gateway: &Gateway = gateway.ok_or_else(Fault::unauthorized)?;
            let found = gateway.directory().authenticate(&key, gateway.now()).await;
            let found = found.map_err(|error| Fault::from(Error::from(error)))?;
            let access = found.filter(|access| user.eq_ignore_ascii_case(&api_key(access.key)));
            let access = access.ok_or_else(Fault::unauthorized)?;
            if !access.allows(Scope::Verify) {
                return Err(Fault::forbidden("The key lacks the scope `verify`"));
            }
            let default = || gateway.directory().find_project("default");
            let project = access.project.or_else(default);
            Ok(Self {
                gateway: gateway.clone(),
                project: project.ok_or_else(Fault::unauthorized)?,
                access: access.through(Face::Vonage),
            })
        })
    }
}
