//! Faces on one server, each with faults of its own: a small one with JSON of another shape and Basic credentials, next to the
//! API, the inlets and the dashboard.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, dev};
use pinroute::app::{Ends, Faces, mounts};
use pinroute::web::fields::integer;
use pinroute::web::{
    self, Address, Body, Challenge, Fields, Kind, Mount, ServerOptions, credentials, problem,
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::on_both_engines;
use crate::stage::Stage;

on_both_engines!(every_face_answers_faults_in_its_own_words);

const SHAPE: &str = "application/vnd.toy+json";

/// The faults of the small face.
#[derive(Debug)]
struct ToyFault(web::Fault);

impl From<web::Fault> for ToyFault {
    fn from(fault: web::Fault) -> Self {
        Self(fault)
    }
}

impl std::fmt::Display for ToyFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl ResponseError for ToyFault {
    fn status_code(&self) -> StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        render(&self.0)
    }
}

fn render(fault: &web::Fault) -> HttpResponse {
    let number = match fault.kind {
        Kind::Unauthorized(_) => 20_003,
        Kind::Invalid => 60_200,
        Kind::NotFound => 20_404,
        Kind::MethodNotAllowed(_) => 20_405,
        Kind::TooLarge => 20_413,
        _ => 20_500,
    };
    let fields: Vec<&str> = fault.fields.iter().map(|f| f.pointer.as_str()).collect();
    let (status, ..) = problem::row(&fault.kind);
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap())
        .json(json!({ "toy": number, "fields": fields }));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(SHAPE));
    problem::headers(&mut response, &fault.kind);
    response
}

/// The user of a request, by its Basic credentials.
struct User(String);

impl FromRequest for User {
    type Error = ToyFault;
    type Future = std::future::Ready<Result<Self, ToyFault>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let known = credentials::basic(request).filter(|(_, password)| password == "open:sesame");
        std::future::ready(match known {
            Some((user, _)) => Ok(Self(user)),
            None => Err(credentials::refused(Challenge::Basic, "Who is it?").into()),
        })
    }
}

async fn make(
    user: User,
    request: HttpRequest,
    body: Body<ToyFault>,
) -> Result<HttpResponse, ToyFault> {
    let mut fields = Fields::json(&request, &body)?;
    let size = fields.require("size", integer(1..=9));
    let size = fields.finish_with(size)?;
    Ok(HttpResponse::Created().json(json!({ "of": user.0, "size": size })))
}

fn toy() -> Mount {
    Mount {
        prefix: "/toy",
        routes: Arc::new(|config| {
            config.service(Address::new("/toy/things", render).post(make));
        }),
        render,
    }
}

struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    async fn send(&self, method: Method, path: &str, body: Option<String>) -> Response {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("X-Request-Id", "faces-1")
            .basic_auth("ann", Some("open:sesame"));
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "faces-1", "{path}");
        response
    }

    /// A fault of the small face.
    async fn toy_fault(&self, response: Response, status: u16, body: Value) {
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], SHAPE);
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.json::<Value>().await.unwrap(), body);
    }
}

/// The faces of the program and the small one, on a port of their own.
fn served(gateway: &pinroute::gateway::Gateway) -> (Client, dev::ServerHandle) {
    let faces = Faces {
        sandbox: None,
        public_url: "http://127.0.0.1".to_owned(),
        operator_name: String::new(),
        dialects: Vec::new(),
        metrics: None,
    };
    let mut mounts = mounts(gateway, &faces, &Ends::default());
    mounts.push(toy());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let options = ServerOptions {
        workers: 1,
        grace: Duration::ZERO,
        stop: CancellationToken::new(),
        trusted_proxies: Arc::default(),
        tracer: None,
    };
    let server = web::serve(listener, mounts, options).unwrap();
    let handle = server.handle();
    tokio::spawn(server);
    #[expect(clippy::disallowed_methods, reason = "it speaks to ourselves alone")]
    let http = reqwest::Client::builder().no_proxy();
    let http = http.redirect(reqwest::redirect::Policy::none());
    let http = http.build().unwrap();
    (Client { base, http }, handle)
}

async fn every_face_answers_faults_in_its_own_words(stage: Stage) {
    let app = stage.app().await;
    let (client, server) = served(&app.gateway);
    the_small_face(&client).await;
    the_others(&client).await;
    server.stop(false).await;
}

async fn the_small_face(client: &Client) {
    let post = |body: &str| client.send(Method::POST, "/toy/things", Some(body.to_owned()));
    let made = post(r#"{"size":3}"#).await;
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    assert_eq!(made, json!({ "of": "ann", "size": 3 }));

    let bare = json!({ "toy": 60_200, "fields": [] });
    client.toy_fault(post("{").await, 400, bare).await;
    let fields = json!({ "toy": 60_200, "fields": ["/size", "/colour"] });
    let wrong = post(r#"{"size":10,"colour":"red"}"#).await;
    client.toy_fault(wrong, 400, fields).await;
    let large = post(&format!(r#"{{"size":"{}"}}"#, "x".repeat(70_000))).await;
    let too_large = json!({ "toy": 20_413, "fields": [] });
    client.toy_fault(large, 413, too_large).await;

    let stranger = client
        .http
        .post(format!("{}/toy/things", client.base))
        .basic_auth("ann", Some("wrong"))
        .header("Content-Type", "application/json")
        .body("{}")
        .send()
        .await
        .unwrap();
    let asked = stranger.headers()["www-authenticate"].to_str().unwrap();
    assert!(asked.starts_with("Basic realm="), "{asked}");
    assert!(stranger.headers().contains_key("x-request-id"));
    let unknown = json!({ "toy": 20_003, "fields": [] });
    client.toy_fault(stranger, 401, unknown).await;

    for path in ["/toy", "/toy/", "/toy/thing", "/toy/things/7"] {
        let nothing = client.send(Method::GET, path, None).await;
        let body = json!({ "toy": 20_404, "fields": [] });
        client.toy_fault(nothing, 404, body).await;
    }
    let put = client.send(Method::PUT, "/toy/things", None).await;
    assert_eq!(put.headers()["allow"], "POST");
    let body = json!({ "toy": 20_405, "fields": [] });
    client.toy_fault(put, 405, body).await;
}

async fn the_others(client: &Client) {
    let problem = "application/problem+json";
    for (method, path, status, code) in [
        (Method::GET, "/toys", 404, "not_found"),
        (Method::GET, "/docs/nothing.css", 404, "not_found"),
        (Method::GET, "/v1/verifications", 401, "unauthorized"),
        (Method::DELETE, "/v1/keys", 405, "method_not_allowed"),
        (
            Method::GET,
            "/callbacks/telegram",
            405,
            "method_not_allowed",
        ),
        (Method::GET, "/callbacks", 404, "not_found"),
        (Method::POST, "/callbacks/telegram", 401, "unauthorized"),
    ] {
        let response = client.send(method, path, None).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], problem, "{path}");
        if status == 401 {
            assert_eq!(response.headers()["www-authenticate"], "Bearer", "{path}");
        }
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], code, "{path}");
    }

    let page = client.send(Method::GET, "/dashboard/sign-in", None).await;
    assert_eq!(page.status(), 200);
    let unknown = client.send(Method::GET, "/dashboard/nothing", None).await;
    assert_eq!(unknown.status(), 303, "a stranger is sent to sign in");
    let forged = client.send(Method::POST, "/dashboard/sign-in", None).await;
    assert_eq!(forged.status(), 403);
    let asset = client.send(Method::GET, "/dashboard/assets/x", None).await;
    assert_eq!(asset.status(), 404);
    for page in [page, forged, asset] {
        let kind = page.headers()["content-type"].to_str().unwrap();
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(page.headers().contains_key("content-security-policy"));
    }
}
