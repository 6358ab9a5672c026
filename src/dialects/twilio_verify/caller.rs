//! The caller: Basic credentials, whose user is the account's SID or the key's, and whose password is the key.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::fault::Fault;
use super::sid;
use super::wire::time;
use crate::gateway::{Access, Error, Gateway, Scope};
use crate::verification::asked::Face;
use crate::verification::id::ProjectId;
use crate::verification::policy::Policy;
use crate::web::{account, client, credentials};

/// A caller whose key is valid.
#[derive(Debug)]
pub struct Caller {
    pub gateway: Gateway,
    pub access: Access,
}

/// A project, as Twilio's clients know it.
#[derive(Clone, Debug)]
pub struct Service {
    pub project: ProjectId,
    pub policy: Arc<Policy>,
    pub account_sid: String,
    pub sid: String,
}

impl Service {
    pub fn of(gateway: &Gateway, project: ProjectId) -> Self {
        let policy = gateway.directory().policy(project);
        Self {
            account_sid: sid::account(project, &policy),
            sid: sid::service(project, &policy),
            policy,
            project,
        }
    }

    /// When the project was created.
    pub fn created(&self, gateway: &Gateway) -> Option<String> {
        let projects = gateway.directory().projects();
        let project = projects.iter().find(|project| project.id == self.project)?;
        Some(time(project.created_at))
    }
}

impl Caller {
    /// The service with this SID, if the key covers it.
    pub fn service(&self, text: &str) -> Result<Service, Fault> {
        let directory = self.gateway.directory();
        let own = sid::read("VA", text).map(ProjectId);
        let known = own.filter(|id| directory.project_name(*id).is_some());
        let kept =
            || directory.find_by_policy(&self.access, |policy| policy.twilio.service_sid == text);
        let project = known.or_else(|| kept().filter(|_| sid::read("VA", text).is_some()));
        let project = project.filter(|project| self.access.covers(*project));
        let not_found = || Fault::not_found(&format!("/Services/{text}"));
        Ok(Service::of(&self.gateway, project.ok_or_else(not_found)?))
    }

    /// The services that the key covers.
    pub fn services(&self) -> Vec<Service> {
        let projects = self.gateway.directory().projects();
        let covered = projects.iter().map(|project| project.id);
        let covered = covered.filter(|project| self.access.covers(*project));
        covered
            .map(|project| Service::of(&self.gateway, project))
            .collect()
    }

    /// Refuses a key that may not change settings.
    pub fn must_be_admin(&self) -> Result<(), Fault> {
        if self.access.allows(Scope::Admin) {
            Ok(())
        } else {
            Err(Fault::forbidden("The key lacks the scope `admin`"))
        }
    }
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
            let found = found
                .map_err(|error| Fault::of(Error::from(error), Fault::max_sends, request.path()))?;
            let access = found.filter(|access| belongs(gateway, access, &user));
            let access = access.ok_or_else(Fault::unauthorized)?;
            if !access.allows(Scope::Verify) {
                return Err(Fault::forbidden("The key lacks the scope `verify`"));
            }
            account::of_project(&request, access.project.map(|project| project.0));
            Ok(Self {
                gateway: gateway.clone(),
                access: access
                    .from(Some(client::address(&request)))
                    .through(Face::Twilio),
            })
        })
    }
}

/// Whether the user is the key's own SID, or the SID of an account that the key covers.
fn belongs(gateway: &Gateway, access: &Access, user: &str) -> bool {
    if sid::read("SK", user) == Some(access.key) {
        return true;
    }
    let Some(id) = sid::read("AC", user).map(ProjectId) else {
        return false;
    };
    let directory = gateway.directory();
    let own = Some(id).filter(|id| directory.project_name(*id).is_some());
    let kept = || directory.find_by_policy(access, |policy| policy.twilio.account_sid == user);
    own.or_else(kept)
        .is_some_and(|project| access.covers(project))
}
