//! `/v1/keys`: API keys; scope `admin`.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{RawBody, body};
use super::caller::{Admin, Caller};
use super::forms::{self, some_of, unknown};
use super::idempotency;
use super::openapi::parameters::Idempotency;
use super::openapi::sets;
use super::page::{self, Page, PageParameters, page_of};
use super::problem::{Code, Problem};
use super::values::{path_id, rfc3339};
use crate::gateway::{ApiKey, Gateway, KeyRequest, LONGEST_KEY_DAYS, Replay, Scope};
use crate::verification::span;
use crate::web::{Fields, Query};

/// Names all projects.
const EVERY: &str = "*";

body! {
    /// The key to create.
    closed struct NewKeyBody as "KeyRequest" {
        /// The project's name; the caller's own project if omitted. `*` creates a key of the whole instance, which requires one.
        optional project: Option<String> = forms::project(),
        /// What you call it, to tell keys apart; shown in lists and as the author of ledger entries.
        optional name: Option<String> = forms::key_name(),
        required scopes: String = some_of::<sets::Scope, _>(scopes),
        /// In seconds; without it the key does not expire.
        optional expires_in: Option<Duration> = forms::seconds(1..=LONGEST_KEY_DAYS * 86_400),
    }
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyBody {
    id: Uuid,
    #[schema(required)]
    name: Option<String>,
    /// `*`: a key of the whole instance.
    project: String,
    #[schema(value_type = Vec<sets::Scope>)]
    scopes: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    revoked_at: Option<String>,
    /// With a precision of a minute, and up to a minute late.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_used_at: Option<String>,
    /// The value for `Authorization: Bearer …`. Shown once, in the answer that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    key: Option<String>,
    /// What clients of other services are configured with to use this key; shown with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    dialects: Option<Value>,
}

page_of! {
    /// A page of keys, newest first.
    KeysBody as KeyList: KeyBody
}

/// Create an API key
#[utoipa::path(
    post, operation_id = "createKey", path = "/v1/keys", tag = "Projects",
    params(Idempotency),
    request_body = NewKeyBody,
    responses((status = 201, description = "Created; the key is shown this once", body = KeyBody)),
    security(("key" = ["admin"]))
)]
pub async fn create(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let asked = Fields::read_json(&request, &body, NewKeyBody::read)?;
    let named = asked.project.as_deref();
    let project = if named == Some(EVERY) {
        caller.instance_only()?;
        None
    } else {
        Some(caller.project_or_default(&gateway, named)?)
    };
    let expires_at = asked
        .expires_in
        .map(|after| span::after(gateway.now(), after));
    let new = KeyRequest {
        name: asked.name,
        project,
        scopes: asked.scopes,
        expires_at,
    };
    idempotency::once(
        &gateway,
        (project.or(caller.access.project), "/v1/keys"),
        &request,
        &body,
        async |ticket| {
            let made = gateway
                .admin()
                .create_key(new, &caller.access, ticket)
                .await;
            let (key, secret) = made.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
            Ok(shown_with_secret(&gateway, &key, secret))
        },
        async |replay| {
            let Replay::Key { id, sealed } = replay else {
                return None;
            };
            let found = gateway.admin().key_again(&caller.access, id, &sealed).await;
            let found = found.map_err(|trouble| Problem::of(trouble, gateway.now()));
            Some(found.map(|(key, secret)| shown_with_secret(&gateway, &key, secret)))
        },
    )
    .await
}

/// List API keys
///
/// Expired and revoked ones too; the keys themselves are not shown.
#[utoipa::path(
    get, operation_id = "listKeys", path = "/v1/keys", tag = "Projects",
    params(PageParameters),
    responses((status = 200, description = "A page", body = KeysBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let page = Page::read(&mut query, page::id);
    query.finish()?;
    let found = gateway.admin().list_keys(&caller.access).await;
    let mut found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    found.retain(|key| page.cursor.is_none_or(|before| key.id < before));
    let found = page.cut(found, |last| last.id.to_string());
    let body = KeysBody::of(found, |key| KeyBody::of(&gateway, &key));
    Ok(HttpResponse::Ok().json(body))
}

/// Revoke an API key
///
/// Takes effect immediately on this replica, and within a second on the others.
#[utoipa::path(
    delete, operation_id = "revokeKey", path = "/v1/keys/{id}", tag = "Projects",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 204, description = "Revoked")),
    security(("key" = ["admin"]))
)]
pub async fn revoke(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let no_such = || Problem::new(Code::NotFound, "No such key is accessible with this key.");
    let id = path_id(&id).ok_or_else(no_such)?;
    let revoked = gateway.admin().revoke_key(&caller.access, id).await;
    revoked.map_err(|trouble| Problem::of_resource(trouble, gateway.now(), no_such))?;
    Ok(HttpResponse::NoContent().finish())
}

impl KeyBody {
    fn of(gateway: &Gateway, key: &ApiKey) -> Self {
        let project = match key.project {
            None => EVERY.to_owned(),
            Some(id) => gateway.directory().project_name(id).unwrap_or_default(),
        };
        Self {
            id: key.id,
            name: key.name.clone(),
            project,
            scopes: key.scopes.split(',').map(str::to_owned).collect(),
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
            revoked_at: key.revoked_at.map(rfc3339),
            last_used_at: key.last_used_at.map(rfc3339),
            key: None,
            dialects: None,
        }
    }
}

fn shown_with_secret(gateway: &Gateway, key: &ApiKey, secret: String) -> HttpResponse {
    HttpResponse::Created().json(KeyBody {
        dialects: Some(gateway.dialect_credentials(key, &secret)),
        key: Some(secret),
        ..KeyBody::of(gateway, key)
    })
}

fn scopes(value: &Value) -> Result<String, String> {
    let items = value
        .as_array()
        .filter(|items| !items.is_empty())
        .ok_or("must be a list of one or more of verify, finance and admin")?;
    let mut scopes: Vec<&str> = Vec::new();
    for item in items {
        let scope = item.as_str().ok_or("must be a list of strings")?;
        let known = Scope::parse(scope)
            .ok_or_else(|| unknown(scope, "scope", &Scope::ALL.map(Scope::as_str)))?;
        if !scopes.contains(&known.as_str()) {
            scopes.push(known.as_str());
        }
    }
    Ok(scopes.join(","))
}
