//! The caller: the key in `Authorization`, and the scope that a handler requires in its signature.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::problem::{Code, Problem};
use crate::gateway::{Access, Gateway, Scope};
use crate::verification::id::ProjectId;
use crate::web::{Challenge, account, client, credentials};

/// A scope as a type.
pub trait Required {
    const SCOPE: Scope;
}

#[derive(Debug)]
pub struct Verify;

#[derive(Debug)]
pub struct Finance;

#[derive(Debug)]
pub struct Admin;

impl Required for Verify {
    const SCOPE: Scope = Scope::Verify;
}

impl Required for Finance {
    const SCOPE: Scope = Scope::Finance;
}

impl Required for Admin {
    const SCOPE: Scope = Scope::Admin;
}

/// A caller whose key is valid and has the scope `S`: no handler can be reached without.
#[derive(Debug)]
pub struct Caller<S> {
    pub access: Access,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// The project of a request: the one that it names, or the key's own.
    pub fn project(
        &self,
        gateway: &Gateway,
        named: Option<&str>,
    ) -> Result<Option<ProjectId>, Problem> {
        let Some(name) = named else {
            return Ok(self.access.project);
        };
        match gateway.directory().find_project(name) {
            Some(project) if self.access.covers(project) => Ok(Some(project)),
            // Whether another project exists is not this key's business.
            _ if self.access.project.is_some() => Err(Problem::new(
                Code::Forbidden,
                "The key is limited to its own project.",
            )),
            _ => Err(Problem::field(
                Code::InvalidRequest,
                "/project",
                format!("`{name}` is not a project"),
            )),
        }
    }

    /// Refuses a key of one project.
    pub fn instance_only(&self) -> Result<(), Problem> {
        match self.access.project {
            None => Ok(()),
            Some(_) => Err(Problem::new(
                Code::Forbidden,
                "This requires a key of the whole instance: `pinroute keys create --project '*' --scope admin` makes one.",
            )),
        }
    }

    /// Like [`Self::project`]; `default` where an instance key names none.
    pub fn project_or_default(
        &self,
        gateway: &Gateway,
        named: Option<&str>,
    ) -> Result<ProjectId, Problem> {
        match self.project(gateway, named)? {
            Some(project) => Ok(project),
            None => gateway
                .directory()
                .find_project("default")
                .ok_or_else(Problem::unavailable),
        }
    }
}

impl<S: Required> FromRequest for Caller<S> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let access = access(&request).await?;
            if !access.allows(S::SCOPE) {
                let detail = format!("The key lacks the scope `{}`.", S::SCOPE.as_str());
                return Err(Problem::new(Code::Forbidden, detail));
            }
            Ok(Self {
                access,
                scope: PhantomData,
            })
        })
    }
}

async fn access(request: &HttpRequest) -> Result<Access, Problem> {
    let unauthorized = |detail| Problem::from(credentials::refused(Challenge::Bearer, detail));
    let key = credentials::bearer(request).ok_or_else(|| {
        unauthorized("Send `Authorization: Bearer KEY`; `pinroute keys create` creates a key.")
    })?;
    let gateway = request
        .app_data::<web::Data<Gateway>>()
        .ok_or_else(Problem::unavailable)?;
    match gateway.directory().authenticate(key, gateway.now()).await {
        Ok(Some(access)) => {
            account::of_project(request, access.project.map(|project| project.0));
            Ok(access.from(Some(client::address(request))))
        }
        Ok(None) => Err(unauthorized("The key is unknown, expired or revoked.")),
        Err(error) => Err(Problem::of(error.into(), gateway.now())),
    }
}
