//! `/callbacks/…`: what providers post to us. No key; each provider authenticates in its own way.

use actix_web::{HttpRequest, HttpResponse, web};

use super::openapi::parameters::Signature;
use super::problem::Problem;
use crate::gateway::{CallbackRequest, Gateway};

/// A signed report of a provider (Telegram)
///
/// The provider calls it; the address is given to it with each message, or in its own settings. Signed over the raw body with the token
/// that the provider and this gateway share; nothing is believed without it. Answered with 200 once durable, also for a message that is not
/// known and for a repeat, so that the provider does not send it again.
#[utoipa::path(
    post, operation_id = "receiveSignedReport", path = "/callbacks/{provider}", tag = "Callbacks",
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "telegram"), Signature),
    request_body(content = Object, description = "As the provider writes it; 64 KiB at most"),
    responses((status = 200, description = "Durable, or of no concern"))
)]
pub async fn signed(
    gateway: web::Data<Gateway>,
    provider: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    receive(&gateway, &provider, None, &request, &body).await
}

/// A report of an SMS provider
///
/// The provider calls it, at the address that it was given with the message. The token in it is the authentication, and names the one attempt
/// that the report may change. Which fields are read stands in the provider's `report` in the configuration.
#[utoipa::path(
    post, operation_id = "receiveReport", path = "/callbacks/{provider}/{token}", tag = "Callbacks",
    params(
        ("provider" = String, Path, description = "The provider's name in the configuration", example = "eskiz"),
        ("token" = String, Path, description = "An attempt's id, a full stop, and an HMAC over provider and attempt; never logged"),
    ),
    request_body(
        content((Object = "application/json"), (HashMap<String, String> = "application/x-www-form-urlencoded")),
        description = "As the provider writes it; 64 KiB at most. Without one, the query is read"
    ),
    responses((status = 200, description = "Durable, or of no concern"))
)]
pub async fn by_token(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (provider, token) = path.into_inner();
    receive(&gateway, &provider, Some(&token), &request, &body).await
}

/// A report of an SMS provider that calls with GET
///
/// The same, with the report's fields as parameters of the query, under the provider's own names.
#[utoipa::path(
    get, operation_id = "receiveReportByGet", path = "/callbacks/{provider}/{token}", tag = "Callbacks",
    params(
        ("provider" = String, Path, description = "The provider's name in the configuration", example = "eskiz"),
        ("token" = String, Path, description = "An attempt's id, a full stop, and an HMAC over provider and attempt; never logged"),
    ),
    responses((status = 200, description = "Durable, or of no concern"))
)]
pub async fn by_token_in_get(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (provider, token) = path.into_inner();
    receive(&gateway, &provider, Some(&token), &request, &[]).await
}

async fn receive(
    gateway: &Gateway,
    provider: &str,
    token: Option<&str>,
    request: &HttpRequest,
    body: &[u8],
) -> Result<HttpResponse, Problem> {
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
        headers: &headers,
        query: request.query_string(),
        body,
    };
    gateway.receive_report(callback).await?;
    Ok(HttpResponse::Ok().finish())
}
