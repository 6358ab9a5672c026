//! The account of a request: its line in the log (`log.requests`) and its span in the trace. Neither has what a caller wrote:
//! not the path, but its pattern; no query, no address.

use std::time::Instant;

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage as _, HttpRequest};
use uuid::Uuid;

use crate::trace::Stage;

/// A request that is being answered, of which account is given.
pub struct Account {
    began: Instant,
    is_logged: bool,
    face: &'static str,
    method: &'static str,
    stage: Stage,
}

/// The project of the caller, once it is known.
#[derive(Default)]
struct Project(Option<Uuid>);

/// Notes whose request it is.
pub fn of_project(request: &HttpRequest, project: Option<Uuid>) {
    if let Some(noted) = request.extensions_mut().get_mut::<Project>() {
        noted.0 = project;
    }
}

impl Account {
    /// `None`: nobody wants it.
    pub fn open(request: &ServiceRequest, face: &'static str, stage: Stage) -> Option<Self> {
        let is_logged = tracing::enabled!(target: "pinroute::requests", tracing::Level::INFO);
        if !is_logged && !stage.is_open() {
            return None;
        }
        request.extensions_mut().insert(Project::default());
        Some(Self {
            began: Instant::now(),
            is_logged,
            face,
            method: method(request.method()),
            stage,
        })
    }

    /// `request`: as the face left it; `None`: it did not reach its end.
    pub fn close(
        mut self,
        status: StatusCode,
        request: Option<&HttpRequest>,
        request_id: &str,
        trace_id: &str,
    ) {
        let route = request.and_then(HttpRequest::match_pattern);
        let noted = request.map(HttpRequest::extensions);
        let noted = noted.as_ref().and_then(|all| all.get::<Project>());
        let project = noted.and_then(|project| project.0);
        if self.is_logged {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a request does not last for years"
            )]
            let duration_ms = self.began.elapsed().as_micros() as f64 / 1_000.0;
            tracing::info!(
                target: "pinroute::requests",
                method = self.method,
                route = route.as_deref().unwrap_or("none"),
                status = status.as_u16(),
                duration_ms,
                request_id,
                trace_id,
                face = self.face,
                project = project.map(tracing::field::display),
                "request"
            );
        }
        let stage = &mut self.stage;
        if !stage.is_open() {
            return;
        }
        stage.name(|| match &route {
            Some(route) => format!("{} {route}", self.method),
            None => self.method.to_owned(),
        });
        stage.set("http.request.method", self.method);
        if let Some(route) = route {
            stage.set("http.route", route);
        }
        stage.set("http.response.status_code", status.as_u16());
        stage.set("pinroute.request_id", request_id.to_owned());
        stage.set("pinroute.face", self.face);
        if let Some(project) = project {
            stage.set("pinroute.project", project.to_string());
        }
        if status.is_server_error() {
            stage.fail();
        }
    }
}

/// A caller can make up any method.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
