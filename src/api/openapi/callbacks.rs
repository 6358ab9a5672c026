//! The operations that providers call, for the document alone: their handlers are another face's, `inlets`, which renders no
//! OpenAPI.
#![expect(dead_code, reason = "only their descriptions are used")]

use super::parameters::Signature;

/// Receive a provider's signed report (Telegram)
///
/// Providers call it; they get the address with each message, or in their own settings. The report is signed over the raw body with
/// the token that the provider and this gateway share; an unsigned report is refused. Answered with 200 once durable, also for an
/// unknown message and for a repeat, so that the provider does not send it again.
#[utoipa::path(
    post, operation_id = "receiveSignedReport", path = "/callbacks/{provider}", tag = "Callbacks",
    params(("provider" = String, Path, description = "The provider's name in the configuration", example = "telegram"), Signature),
    request_body(content = Object, description = "In the provider's own format; at most 64 KiB"),
    responses((status = 200, description = "Durable, or about no message of ours"))
)]
pub fn signed() {}

/// Receive an SMS provider's report
///
/// Providers call it, at the address that they got with the message. The token in it is the authentication, and names the one attempt
/// that the report may change. The provider's `report` in the configuration says which fields are read.
#[utoipa::path(
    post, operation_id = "receiveReport", path = "/callbacks/{provider}/{token}", tag = "Callbacks",
    params(
        ("provider" = String, Path, description = "The provider's name in the configuration", example = "eskiz"),
        ("token" = String, Path, description = "An attempt's id, a full stop, and an HMAC over provider and attempt; never logged"),
    ),
    request_body(
        content((Object = "application/json"), (HashMap<String, String> = "application/x-www-form-urlencoded")),
        description = "In the provider's own format; at most 64 KiB. without a body, the query is read"
    ),
    responses((status = 200, description = "Durable, or about no message of ours"))
)]
pub fn by_token() {}

/// Receive an SMS provider's report by GET
///
/// The report's fields are parameters of the query, under the provider's own names.
#[utoipa::path(
    get, operation_id = "receiveReportByGet", path = "/callbacks/{provider}/{token}", tag = "Callbacks",
    params(
        ("provider" = String, Path, description = "The provider's name in the configuration", example = "eskiz"),
        ("token" = String, Path, description = "An attempt's id, a full stop, and an HMAC over provider and attempt; never logged"),
    ),
    responses((status = 200, description = "Durable, or about no message of ours"))
)]
pub fn by_token_in_get() {}
