//! The caller of a method: a key of scope `verify`, as a bearer token or as the parameter `access_token`.

use actix_web::HttpRequest;

use super::fault::{Fault, Word};
use super::parameters::Parameters;
use crate::gateway::{Access, Error, Gateway, Scope};
use crate::verification::asked::Face;
use crate::verification::id::ProjectId;
use crate::web::{account, credentials};

/// A request whose key is valid.
pub struct Call {
    pub gateway: Gateway,
    pub access: Access,
    pub project: ProjectId,
    pub parameters: Parameters,
}

impl Call {
    pub async fn authenticate(
        gateway: &Gateway,
        request: &HttpRequest,
        parameters: Parameters,
    ) -> Result<Self, Fault> {
        let token = credentials::bearer(request).map(str::to_owned);
        let token = match token {
            Some(token) => token,
            None => parameters
                .take("access_token", Word::AccessTokenInvalid)?
                .ok_or(Word::AccessTokenRequired)?,
        };
        let access = gateway
            .directory()
            .authenticate(&token, gateway.now())
            .await;
        let access = access.map_err(|error| Fault::from(Error::from(error)))?;
        let access = access
            .filter(|access| access.allows(Scope::Verify))
            .ok_or(Word::AccessTokenInvalid)?;
        let project = access
            .project
            .or_else(|| gateway.directory().find_project("default"))
            .ok_or(Word::AccessTokenInvalid)?;
        account::of_project(request, Some(project.0));
        Ok(Self {
            gateway: gateway.clone(),
            access: access.through(Face::Telegram),
            project,
            parameters,
        })
    }
}
