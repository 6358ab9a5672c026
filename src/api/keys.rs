//! `/v1/keys`: who may call; scope `admin`.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Admin, Caller};
use super::idempotency;
use super::input::{Fields, Query, integer, printable, text};
use super::openapi::parameters::{Batch, Idempotency};
use super::openapi::sets;
use super::problem::{Code, Problem};
use super::verifications::rfc3339;
use crate::gateway::{Access, ApiKey, Gateway, Scope, Trouble};
use crate::verification::span;

/// Stands for every project.
const EVERY: &str = "*";
const LONGEST_DAYS: u64 = 3_650;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewKey)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct NewKeyBody {
    /// The project's name; the key's own without one. `*` makes a key of the whole instance, which only such a key may.
    project: Option<String>,
    #[schema(value_type = Vec<sets::Scope>, min_items = 1)]
    scopes: Vec<String>,
    /// In seconds; without it the key does not expire.
    #[schema(minimum = 1, maximum = 315_360_000)]
    expires_in: Option<u64>,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyBody {
    id: Uuid,
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
    /// To the minute, and up to a minute late.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_used_at: Option<String>,
    /// What to send as `Authorization: Bearer …`. Shown only by the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    key: Option<String>,
}

/// Keys, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyList)]
pub struct KeysBody {
    items: Vec<KeyBody>,
    /// For `cursor` of the next request; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Make a key
#[utoipa::path(
    post, operation_id = "createKey", path = "/v1/keys", tag = "Projects",
    params(Idempotency),
    request_body = NewKeyBody,
    responses((status = 201, description = "Made; the key is shown this once", body = KeyBody)),
    security(("key" = ["admin"]))
)]
pub async fn create(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::read(&request, &body)?;
    let named = fields.take("project", text(1, 100));
    let scopes = fields.require("scopes", scopes);
    let expires_in = fields.take("expires_in", integer(1..=LONGEST_DAYS * 86_400));
    fields.finish()?;
    let project = if named.as_deref() == Some(EVERY) {
        caller.instance_only()?;
        None
    } else {
        Some(caller.project_or_default(&gateway, named.as_deref())?)
    };
    let scopes = scopes.unwrap_or_default();
    let expires_at =
        expires_in.map(|seconds| span::after(gateway.now(), Duration::from_secs(seconds)));
    idempotency::once(
        &gateway,
        &caller.access,
        (project.or(caller.access.project), "/v1/keys"),
        &request,
        &body,
        async |ticket| {
            let made = gateway
                .create_key(project, &scopes, expires_at, ticket)
                .await;
            let (key, secret) = made.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
            Ok(shown_with_secret(&gateway, &key, secret))
        },
    )
    .await
}

/// List keys
///
/// Those that are out of force too; none is shown.
#[utoipa::path(
    get, operation_id = "listKeys", path = "/v1/keys", tag = "Projects",
    params(Batch),
    responses((status = 200, description = "A page", body = KeysBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let limit = usize::try_from(query.limit()).unwrap_or(0);
    let cursor = query.take("cursor", |text| {
        Uuid::try_parse(text).map_err(|_| "is not a cursor of this list".to_owned())
    });
    query.finish()?;
    let found = gateway.list_keys(&caller.access).await;
    let mut found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    found.retain(|key| cursor.is_none_or(|cursor| key.id < cursor));
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    Ok(HttpResponse::Ok().json(KeysBody {
        items: found.iter().map(|key| KeyBody::of(&gateway, key)).collect(),
        next_cursor,
    }))
}

/// Revoke a key
///
/// At once here; on other replicas as soon as they hear of it, half a second at most.
#[utoipa::path(
    delete, operation_id = "revokeKey", path = "/v1/keys/{id}", tag = "Projects",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 204, description = "Out of force")),
    security(("key" = ["admin"]))
)]
pub async fn revoke(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let no_such = || {
        Problem::new(
            Code::NotFound,
            "There is no such key in a project of this key.",
        )
    };
    let id = Uuid::try_parse(&id)
        .ok()
        .filter(|_| id.len() == 36)
        .ok_or_else(no_such)?;
    let revoked = gateway.revoke_key(&caller.access, id).await;
    revoked.map_err(|trouble| match trouble {
        Trouble::NotFound => no_such(),
        other => Problem::of(other, gateway.now()),
    })?;
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
            project,
            scopes: key.scopes.split(',').map(str::to_owned).collect(),
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
            revoked_at: key.revoked_at.map(rfc3339),
            last_used_at: key.last_used_at.map(rfc3339),
            key: None,
        }
    }
}

fn shown_with_secret(gateway: &Gateway, key: &ApiKey, secret: String) -> HttpResponse {
    HttpResponse::Created().json(KeyBody {
        key: Some(secret),
        ..KeyBody::of(gateway, key)
    })
}

/// The answer that made a key, told again.
pub(super) async fn tell_again(
    gateway: &Gateway,
    access: &Access,
    id: Uuid,
    sealed: &[u8],
) -> Result<HttpResponse, Problem> {
    let found = gateway.key_again(access, id, sealed).await;
    let (key, secret) = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    Ok(shown_with_secret(gateway, &key, secret))
}

fn scopes(value: &Value) -> Result<String, String> {
    let items = value
        .as_array()
        .filter(|items| !items.is_empty())
        .ok_or("must be a list of one or more of verify, finance and admin")?;
    let mut scopes: Vec<&str> = Vec::new();
    for item in items {
        let scope = item.as_str().ok_or("must be a list of strings")?;
        let known = Scope::parse(scope).ok_or_else(|| {
            format!(
                "`{}` is not a scope; there are verify, finance and admin",
                printable(scope)
            )
        })?;
        if !scopes.contains(&known.as_str()) {
            scopes.push(known.as_str());
        }
    }
    Ok(scopes.join(","))
}
