//! The caller: Basic credentials, whose user are the last digits of the key's id, and whose password is the key; or an application, by a
//! token that it signed.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::fault::Fault;
use super::wire::api_key;
use crate::gateway::{Access, Error, Gateway, Scope};
use crate::integrations::Token;
use crate::verification::asked::Face;
use crate::verification::id::ProjectId;
use crate::web::{account, credentials};

/// A caller whose key or token is valid.
#[derive(Debug)]
pub struct Caller {
    pub gateway: Gateway,
    pub access: Access,
    pub project: ProjectId,
    /// The address for webhooks about the application's requests.
    pub status_url: Option<String>,
}

impl FromRequest for Caller {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let gateway = request.app_data::<web::Data<Gateway>>();
            let gateway: &Gateway = gateway.ok_or_else(Fault::unauthorized)?;
            let caller = if let Some(token) = credentials::bearer(&request) {
                by_token(gateway, token).await?
            } else {
                let (user, key) = credentials::basic(&request).ok_or_else(Fault::unauthorized)?;
                by_key(gateway, &user, &key).await?
            };
            account::of_project(&request, Some(caller.project.0));
            Ok(caller)
        })
    }
}

async fn by_key(gateway: &Gateway, user: &str, key: &str) -> Result<Caller, Fault> {
    let found = gateway.directory().authenticate(key, gateway.now()).await;
    let found = found.map_err(|error| Fault::from(Error::from(error)))?;
    let access = found.filter(|access| user.eq_ignore_ascii_case(&api_key(access.key)));
    let access = access.ok_or_else(Fault::unauthorized)?;
    if !access.allows(Scope::Verify) {
        return Err(Fault::forbidden("The key lacks the scope `verify`."));
    }
    let default = || gateway.directory().find_project("default");
    let project = access.project.or_else(default);
    Ok(Caller {
        gateway: gateway.clone(),
        project: project.ok_or_else(Fault::unauthorized)?,
        access: access.through(Face::Vonage),
        status_url: None,
    })
}

async fn by_token(gateway: &Gateway, token: &str) -> Result<Caller, Fault> {
    let token = Token::read(token).ok_or_else(Fault::unauthorized)?;
    let found = gateway.directory().integration(token.application).await;
    let found = found.map_err(|error| Fault::from(Error::from(error)))?;
    let integration = found.ok_or_else(Fault::unauthorized)?;
    let application = integration.settings.application.as_ref();
    let application = application
        .filter(|application| token.is_good(&application.public_key, gateway.now()))
        .ok_or_else(Fault::unauthorized)?;
    Ok(Caller {
        gateway: gateway.clone(),
        project: integration.project,
        access: Access::of_integration(&integration).through(Face::Vonage),
        status_url: application.status_url.clone(),
    })
}
