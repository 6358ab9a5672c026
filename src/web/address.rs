//! One address and its methods. Any other method is refused with 405 and the list of registered methods; OPTIONS answers
//! the same list.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::{Method, header};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, Route, guard, web};

use super::fault::{Fault, Render};

/// GET, and HEAD with it (RFC 9110, section 9.1).
#[must_use]
pub fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// An address of a face: `Address::new("/v1/keys", render).get(list).post(create)` is a service.
pub struct Address {
    resource: Resource,
    methods: Vec<&'static str>,
    render: Render,
}

impl Address {
    /// `render` answers methods that the address does not have.
    #[must_use]
    pub fn new(path: &str, render: Render) -> Self {
        Self {
            resource: web::resource(path),
            methods: Vec::new(),
            render,
        }
    }

    /// GET and HEAD.
    #[must_use]
    pub fn get<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.push("HEAD");
        self.route("GET", get().to(handler))
    }

    /// GET alone, where a HEAD would have an effect.
    #[must_use]
    pub fn get_without_head<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("GET", web::get().to(handler))
    }

    #[must_use]
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("POST", web::post().to(handler))
    }

    #[must_use]
    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("PUT", web::put().to(handler))
    }

    #[must_use]
    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("PATCH", web::patch().to(handler))
    }

    #[must_use]
    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route("DELETE", web::delete().to(handler))
    }

    fn route(mut self, method: &'static str, route: Route) -> Self {
        self.methods.push(method);
        self.resource = self.resource.route(route);
        self
    }
}

impl HttpServiceFactory for Address {
    fn register(mut self, config: &mut AppService) {
        self.methods.sort_unstable();
        let allow = self.methods.join(", ");
        let options = {
            let allow = allow.clone();
            move || {
                let mut answer = HttpResponse::NoContent();
                answer.insert_header((header::ALLOW, allow.as_str()));
                std::future::ready(answer.finish())
            }
        };
        let render = self.render;
        let other = move || std::future::ready(render(&Fault::method_not_allowed(&allow)));
        self.resource
            .route(web::method(Method::OPTIONS).to(options))
            .default_service(web::to(other))
            .register(config);
    }
}
