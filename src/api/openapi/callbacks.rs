//! The operations that providers and identity servers call, for the document alone: their handlers are another face's, `inlets`, which renders no
//! OpenAPI.
#![expect(dead_code, reason = "only their descriptions are used")]

use uuid::Uuid;

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

/// Deliver a code that an identity server made
///
/// Identity servers call it, at the `url` of an integration, each in its own format, signed or with the integration's secret. Answered once
/// durable; the message is sent behind, along the project's route. The same request within 30 seconds is one; later it is a resend.
/// Where nothing is delivered, the answer is in the server's own form.
#[utoipa::path(
    post, operation_id = "deliverCode", path = "/hooks/{kind}/{id}", tag = "Callbacks",
    params(
        ("kind" = super::sets::IntegrationKind, Path, description = "The integration's kind"),
        ("id" = Uuid, Path, description = "The integration's id"),
    ),
    request_body(content = Object, description = "In the server's own format: JSON, and for kind `generic` also a form or several parts; at most 64 KiB"),
    responses((status = 200, description = "Accepted, or a repeat", body = Accepted))
)]
pub fn hook() {}

/// Deliver a code that a program made, by GET
///
/// For integrations whose `methods` have GET. The query is the request.
#[utoipa::path(
    get, operation_id = "deliverCodeByGet", path = "/hooks/{kind}/{id}", tag = "Callbacks",
    params(
        ("kind" = super::sets::IntegrationKind, Path, description = "The integration's kind"),
        ("id" = Uuid, Path, description = "The integration's id"),
    ),
    responses((status = 200, description = "Accepted, or a repeat", body = Accepted))
)]
pub fn hook_by_get() {}

/// Tell that a delivered code was entered
///
/// The host checks the code, so only it knows. Reports then count the verification as approved. By a key of scope `verify`; once, until 24
/// hours after the code expired.
#[utoipa::path(
    post, operation_id = "reportVerified", path = "/hooks/{kind}/{id}/verified", tag = "Callbacks",
    params(
        ("kind" = super::sets::IntegrationKind, Path, description = "The integration's kind"),
        ("id" = Uuid, Path, description = "The integration's id"),
    ),
    request_body = Verified,
    responses((status = 200, description = "Noted", body = Accepted)),
    security(("key" = ["verify"]))
)]
pub fn verified() {}

/// A hook's answer.
#[derive(utoipa::ToSchema)]
struct Accepted {
    /// Always `ok`.
    #[schema(example = "ok")]
    code: String,
    /// The verification's id.
    id: Uuid,
}

/// Which code was entered: the newest of a number, or that of an answer's `id`.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Verified {
    /// Instead of `id`.
    #[schema(value_type = String, required = false)]
    phone_number: Option<String>,
    /// Of the hook's answer, instead of `phone_number`.
    #[schema(value_type = Uuid, required = false)]
    id: Option<Uuid>,
    /// What was entered; another one than was delivered is refused.
    #[schema(value_type = String, required = false)]
    code: Option<String>,
}
