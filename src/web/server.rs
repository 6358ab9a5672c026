//! The server: one listener, and the faces that are mounted on it.
//!
//! A new face is a [`Mount`] in the list that the composition root hands over.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::ConnectionType;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpServer, dev, web};
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use super::body;
use super::client::Proxies;
use super::fault::{Fault, Render};
use super::meter::Meter;
use super::request_id::{self, Face};
use crate::trace::Tracer;

/// A face, and the addresses that are its own.
#[derive(Clone)]
pub struct Mount {
    /// Every address at or below it belongs to the face, such as `/dashboard`. Empty: every address that no other face has.
    pub prefix: &'static str,
    /// Adds its addresses and the data that their handlers need.
    pub routes: Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>,
    /// Answers what no handler of the face gets to see: an unknown address, a request that does not arrive in time.
    pub render: Render,
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mount({:?})", self.prefix)
    }
}

impl Mount {
    /// A face whose handlers need one thing.
    pub fn of<T: Send + Sync + 'static>(
        prefix: &'static str,
        data: T,
        addresses: fn(&mut ServiceConfig),
        render: Render,
    ) -> Self {
        let data = Data::new(data);
        Self {
            prefix,
            routes: Arc::new(move |config| {
                config.app_data(data.clone());
                addresses(config);
            }),
            render,
        }
    }

    fn name(&self) -> &'static str {
        match self.prefix.trim_start_matches('/') {
            "" => "api",
            name => name,
        }
    }

    fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.prefix);
        self.prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// How a server runs.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Threads that answer requests.
    pub workers: usize,
    /// How long requests in flight may take at shutdown.
    pub grace: Duration,
    /// From its cancellation on, each answer is the last one of its connection, so that none is cut off.
    pub stop: CancellationToken,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// `None`: nothing is recorded.
    pub tracer: Option<Tracer>,
}

/// How long a connection may be idle: longer than proxies keep theirs, so that none sends a request on one that is being closed.
/// nginx keeps them for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Serves `mounts` on a bound listener.
pub fn serve(
    listener: TcpListener,
    mounts: Vec<Mount>,
    options: ServerOptions,
) -> std::io::Result<dev::Server> {
    let mounts: Arc<[Mount]> = mounts.into();
    let (stop, tracer) = (options.stop, options.tracer);
    let proxies = Proxies(options.trusted_proxies);
    let server = HttpServer::new(move || {
        let (stop, tracer) = (stop.clone(), tracer.clone());
        let tagged = Arc::clone(&mounts);
        let names = mounts.iter().map(Mount::name);
        let meter = Rc::new(Meter::of(names.chain([SERVICE])));
        let unknown = Arc::clone(&mounts);
        let mut app = App::new()
            .app_data(web::PayloadConfig::new(body::LIMIT))
            .app_data(proxies.clone())
            .wrap(from_fn(move |request, next| {
                let face = face(&tagged, dev::ServiceRequest::path(&request));
                let answer = request_id::tag(request, next, face, tracer.clone());
                let (stop, meter, began) = (stop.clone(), Rc::clone(&meter), Instant::now());
                async move {
                    let mut answer = answer.await;
                    let status = match &answer {
                        Ok(answer) => answer.status(),
                        Err(error) => error.as_response_error().status_code(),
                    };
                    meter.count(face.name, status, began);
                    if stop.is_cancelled()
                        && let Ok(answer) = &mut answer
                    {
                        let head = answer.response_mut().head_mut();
                        head.set_connection_type(ConnectionType::Close);
                    }
                    answer
                }
            }));
        for mount in mounts.iter() {
            app = app.configure(|config| (mount.routes)(config));
        }
        app.default_service(web::to(move |request: HttpRequest| {
            let face = face(&unknown, request.path());
            std::future::ready((face.render)(&Fault::not_found()))
        }))
    });
    Ok(server
        .workers(options.workers)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(options.grace.as_secs() + 1)
        .disable_signals()
        .listen(listener)?
        .run())
}

/// Health, metrics, keys, documents: what is below no face's prefix, and not of the API.
const SERVICE: &str = "service";

/// The face that an address belongs to: the one with the longest prefix.
fn face(mounts: &[Mount], path: &str) -> Face {
    let owner = mounts
        .iter()
        .filter(|mount| mount.covers(path))
        .max_by_key(|mount| mount.prefix.len());
    Face {
        name: match owner {
            Some(mount) if !mount.prefix.is_empty() || path.starts_with("/v1/") => mount.name(),
            _ => SERVICE,
        },
        render: owner.map_or(super::problem::render, |mount| mount.render),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_face_with_the_longest_prefix() {
        let mount = |prefix| Mount {
            prefix,
            routes: Arc::new(|_| {}),
            render: super::super::problem::render,
        };
        assert!(mount("").covers("/v1/keys"));
        assert!(mount("/dashboard").covers("/dashboard"));
        assert!(mount("/dashboard").covers("/dashboard/keys"));
        assert!(!mount("/dashboard").covers("/dashboards"));
    }
}
