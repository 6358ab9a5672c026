//! Extractors that enforce rights. A handler that takes [`Signed`] or [`Posted`] cannot be reached without a session and the
//! right; [`Posted`] also requires the form's token. [`may`] decides which role has which right.
//!
//! To require a new right: its line in `needs!`.

use std::marker::PhantomData;
use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::fault::{Fault, Kind};
use super::forms::{self, Form, Once};
use super::identify::data;
use super::viewer::Viewer;
use crate::access::{Right, may};
use crate::dashboard::Options;
use crate::gateway::{Access, Gateway, Replay, Ticket, User};
use crate::web::client;
use crate::web::cookies::Cookie;

/// A right as a type, for a handler's signature.
pub trait Needs: 'static {
    const RIGHT: Right;
}

macro_rules! needs {
    ($($name:ident => $right:ident),+ $(,)?) => {$(
        #[derive(Debug)]
        pub struct $name;

        impl Needs for $name {
            const RIGHT: Right = Right::$right;
        }
    )+};
}

needs! {
    Anyone => Any,
    SeesVerifications => Verifications,
    SeesLedger => Ledger,
    SeesMoney => Money,
    Books => Book,
    SetsRules => Rules,
    ManagesKeys => Keys,
    ManagesUsers => Users,
    SeesAudit => Audit,
}

/// A signed-in user with the right `R`.
#[derive(Debug)]
pub struct Signed<R> {
    pub view: Viewer,
    pub user: User,
    /// The browser's address.
    pub client: IpAddr,
    right: PhantomData<R>,
}

impl<R> Signed<R> {
    /// The user's identity towards the gateway.
    pub fn access(&self) -> Access {
        Access::of_person(&self.user).from(Some(self.client))
    }

    pub fn may(&self, right: Right) -> bool {
        may(self.user.role, right)
    }
}

impl<R: Needs> FromRequest for Signed<R> {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let view = Viewer::of(&request).await?;
            let Some(user) = view.user.clone() else {
                return Err(view.fault(Kind::SignedOut));
            };
            if !may(user.role, R::RIGHT) {
                return Err(view.fault(Kind::Forbidden));
            }
            Ok(Self {
                view,
                user,
                client: client::address(&request),
                right: PhantomData,
            })
        })
    }
}

/// Like [`Signed`], with a submitted form whose token belongs to this browser's session.
#[derive(Debug)]
pub struct Posted<R> {
    pub signed: Signed<R>,
    pub form: Form,
    path: String,
}

impl<R> Posted<R> {
    /// Runs `first`, or, if this form was sent before, `again`, which looks up the earlier result; `None` if it cannot.
    pub async fn once<T, E>(
        &self,
        gateway: &Gateway,
        first: impl AsyncFnOnce(Ticket) -> Result<T, E>,
        again: impl AsyncFnOnce(Replay) -> Option<Result<T, E>>,
    ) -> Result<Result<T, E>, Fault> {
        let view = &self.signed.view;
        let used = || view.fault(Kind::Used);
        let done = self.form.once(gateway, &self.path, first).await;
        match done.map_err(|trouble| view.trouble(&trouble))? {
            Once::Now(done) => Ok(done),
            Once::Before(replay) => again(replay).await.ok_or_else(used),
            Once::Used => Err(used()),
        }
    }
}

impl<R: Needs> FromRequest for Posted<R> {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed = Signed::<R>::from_request(request, payload);
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let signed = signed.await?;
            match forms::read(&request, &mut payload, &[&signed.view.token]).await {
                Some(form) => {
                    let path = request.path().to_owned();
                    request.extensions_mut().insert(Actor(signed.user.id));
                    Ok(Self { signed, form, path })
                }
                None => Err(signed.view.fault(Kind::Forged)),
            }
        })
    }
}

/// The acting user, left in the request for [`log`].
struct Actor(Uuid);

/// Logs every change a user makes, with its outcome.
pub async fn log<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let response = next.call(request).await?;
    let request = response.request();
    if let Some(Actor(user)) = request.extensions().get() {
        let (path, status) = (request.path(), response.status().as_u16());
        tracing::info!(%user, path, status, "dashboard action");
    }
    Ok(response)
}

/// A submitted form whose token belongs to this browser, signed in or not.
#[derive(Debug)]
pub struct Sent {
    pub view: Viewer,
    pub form: Form,
}

impl FromRequest for Sent {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let view = Viewer::of(&request).await?;
            // The page may have been opened before the user signed in in another tab.
            let visit = Cookie::Visit.read(&request, &data::<Options>(&request).site);
            let visit = visit
                .map(|secret| forms::token(&secret))
                .unwrap_or_default();
            let tokens = [view.token.as_str(), &visit];
            let tokens = if visit.is_empty() {
                &tokens[..1]
            } else {
                &tokens
            };
            match forms::read(&request, &mut payload, tokens).await {
                Some(form) => Ok(Self { view, form }),
                None => Err(view.fault(Kind::Forged)),
            }
        })
    }
}
