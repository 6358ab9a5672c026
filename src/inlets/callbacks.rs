//! `/callbacks/…`: delivery reports that providers send us.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use super::fault::Fault;
use crate::gateway::{CallbackMethod, CallbackRequest, Gateway};
use crate::web::Body;

/// A report that is signed over the raw body, as Telegram's are. Answered with 200 once durable, also when it is about no
/// message of ours or a repeat, so that the provider does not send it again.
pub async fn signed(
    gateway: web::Data<Gateway>,
    provider: web::Path<String>,
    request: HttpRequest,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    receive(&gateway, &provider, None, &request, &body).await
}

/// A report to the address that the provider got with the message. The token in it is the authentication, and names the one
/// attempt that the report may change.
pub async fn by_token(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let (provider, token) = path.into_inner();
    receive(&gateway, &provider, Some(&token), &request, &body).await
}

/// Like [`by_token`], from a provider that calls with GET: the fields are parameters of the query.
pub async fn by_token_in_get(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (provider, token) = path.into_inner();
    receive(&gateway, &provider, Some(&token), &request, &[]).await
}

/// A handshake by GET, answered as the provider expects, or with 405 if it has none.
pub async fn handshake(
    gateway: web::Data<Gateway>,
    provider: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    receive(&gateway, &provider, None, &request, &[]).await
}

async fn receive(
    gateway: &Gateway,
    provider: &str,
    token: Option<&str>,
    request: &HttpRequest,
    body: &[u8],
) -> Result<HttpResponse, Fault> {
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let callback = CallbackRequest {
        provider,
        token,
        method: if request.method() == Method::GET {
            CallbackMethod::Get
        } else {
            CallbackMethod::Post
        },
        headers: &headers,
        query: request.query_string(),
        body,
    };
    let reply = gateway.verify().receive_report(callback).await?;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if let Some(kind) = reply.content_type {
        response.content_type(kind);
    }
    Ok(response.body(reply.body))
}
