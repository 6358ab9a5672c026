//! `/v1/projects`: projects and their policies; scope `admin`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Admin, Caller};
use super::idempotency;
use super::input::{Fields, Query, printable};
use super::openapi::parameters::{Batch, Idempotency};
use super::problem::{Code, FieldFault, Problem};
use super::verifications::rfc3339;
use crate::gateway::{
    Access, Gateway, Project, ProjectError, Trouble, check_name, parsed_overrides,
};

/// What a project sets otherwise than `[defaults]` of the configuration: the same keys, written in the same way.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Policy)]
#[serde(deny_unknown_fields)]
pub struct PolicyBody {
    /// Digits of a code.
    #[schema(minimum = 4, maximum = 8)]
    code_length: Option<u8>,
    /// How long a verification stays open: 30s to 24h.
    #[schema(example = "10m")]
    ttl: Option<String>,
    /// Codes that are compared before the verification locks.
    #[schema(minimum = 1, maximum = 100)]
    max_checks: Option<u32>,
    /// Creates and resends; automatic fallbacks do not count.
    #[schema(minimum = 1, maximum = 50)]
    max_sends: Option<u32>,
    /// How long a visitor waits before asking again: 0s to 24h.
    #[schema(example = "30s")]
    resend_after: Option<String>,
    /// Steps in order: `channel`, `wait` (1s to 1h), perhaps `approve_within`.
    #[schema(value_type = Option<Vec<Object>>, min_items = 1)]
    route: Option<Value>,
    /// `allow` and `deny`, lists of ISO 3166 codes; `*` allows every one.
    #[schema(value_type = Option<Object>)]
    countries: Option<Value>,
    /// `per_number`, `per_ip`, `creates`, `wrong_codes_per_number`: each a list of rates such as `5/10m`, or `off`.
    #[schema(value_type = Option<Object>)]
    limits: Option<Value>,
    /// `period` and `limit`, perhaps `country` and `alert_at`; a list of these; or `off`.
    #[schema(value_type = Option<Value>)]
    budget: Option<Value>,
    /// Texts of SMS by language tag, with `{code}` and perhaps `{minutes}`.
    #[schema(value_type = Option<Object>)]
    templates: Option<Value>,
    /// Segments that one of these texts may take.
    #[schema(minimum = 1, maximum = 10)]
    max_segments: Option<u32>,
}

/// A project to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewProject)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct NewProjectBody {
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    name: String,
    policy: Option<PolicyBody>,
}

/// A change of a project's policy.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ProjectChange)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct ChangeBody {
    /// A JSON Merge Patch (RFC 7396): null lets the default stand again.
    policy: PolicyBody,
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Project)]
pub struct ProjectBody {
    /// The `aud` of its proofs.
    id: Uuid,
    name: String,
    /// What it overrides.
    #[schema(value_type = PolicyBody)]
    policy: Value,
    /// Every value that is in force.
    #[schema(value_type = PolicyBody)]
    effective: Value,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
}

/// Projects, by name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectList)]
pub struct ProjectsBody {
    items: Vec<ProjectBody>,
    /// For `cursor` of the next request; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Make a project
///
/// For a key of the whole instance. What it does not override follows `[defaults]`, also when those change.
#[utoipa::path(
    post, operation_id = "createProject", path = "/v1/projects", tag = "Projects",
    params(Idempotency),
    request_body = NewProjectBody,
    responses((status = 201, description = "Made", body = ProjectBody)),
    security(("key" = ["admin"]))
)]
pub async fn create(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.instance_only()?;
    let mut fields = Fields::read(&request, &body)?;
    let name = fields.require("name", |value| {
        let name = value.as_str().ok_or("must be a string")?;
        check_name(name)?;
        Ok(name.to_owned())
    });
    let policy = fields.take("policy", object);
    fields.finish()?;
    let name = name.unwrap_or_default();
    let policy = policy.unwrap_or_else(|| json!({}));
    idempotency::once(
        &gateway,
        &caller.access,
        (None, "/v1/projects"),
        &request,
        &body,
        async |ticket| {
            let made = gateway.create_project(&name, &policy, ticket).await;
            let project = made.map_err(|error| fault(error, &name, &gateway))?;
            Ok(shown(&gateway, &project, 201))
        },
    )
    .await
}

/// List projects
#[utoipa::path(
    get, operation_id = "listProjects", path = "/v1/projects", tag = "Projects",
    params(Batch),
    responses((status = 200, description = "A page", body = ProjectsBody)),
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
        check_name(text).map_err(|_| "is not a cursor of this list".to_owned())?;
        Ok(text.to_owned())
    });
    query.finish()?;
    let found = gateway.list_projects(&caller.access).await;
    let mut found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.retain(|project| cursor.as_ref().is_none_or(|cursor| project.name > *cursor));
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|last| last.name.clone());
    Ok(HttpResponse::Ok().json(ProjectsBody {
        items: found
            .iter()
            .map(|project| ProjectBody::of(&gateway, project))
            .collect(),
        next_cursor,
    }))
}

/// A project
#[utoipa::path(
    get, operation_id = "getProject", path = "/v1/projects/{name}", tag = "Projects",
    params(("name" = String, Path, description = "The project's name")),
    responses((status = 200, description = "As it is", body = ProjectBody)),
    security(("key" = ["admin"]))
)]
pub async fn find(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = gateway.named_project(&caller.access, &name).await;
    let project = found.map_err(|trouble| fault(trouble.into(), &name, &gateway))?;
    Ok(shown(&gateway, &project, 200))
}

/// Change a project's policy
///
/// For verifications that begin from now on, on every replica, without a restart; those that are under way keep the rules
/// that they began with.
#[utoipa::path(
    patch, operation_id = "changeProject", path = "/v1/projects/{name}", tag = "Projects",
    params(("name" = String, Path, description = "The project's name")),
    request_body = ChangeBody,
    responses((status = 200, description = "As it is now", body = ProjectBody)),
    security(("key" = ["admin"]))
)]
pub async fn change(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    name: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::read(&request, &body)?;
    let policy = fields.require("policy", object);
    fields.finish()?;
    let policy = policy.unwrap_or_else(|| json!({}));
    let changed = gateway.change_policy(&caller.access, &name, &policy).await;
    let project = changed.map_err(|error| fault(error, &name, &gateway))?;
    Ok(shown(&gateway, &project, 200))
}

impl ProjectBody {
    fn of(gateway: &Gateway, project: &Project) -> Self {
        Self {
            id: project.id.0,
            name: project.name.clone(),
            policy: parsed_overrides(&project.overrides),
            effective: gateway.effective_policy(project),
            created_at: rfc3339(project.created_at),
        }
    }
}

fn shown(gateway: &Gateway, project: &Project, status: u16) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).json(ProjectBody::of(gateway, project))
}

/// The answer to a request that was repeated: the project as it is now.
pub(super) async fn tell_again(
    gateway: &Gateway,
    access: &Access,
    name: &str,
    status: u16,
) -> Result<HttpResponse, Problem> {
    let found = gateway.named_project(access, name).await;
    let project = found.map_err(|trouble| fault(trouble.into(), name, gateway))?;
    Ok(shown(gateway, &project, status))
}

fn object(value: &Value) -> Result<Value, String> {
    if value.is_object() {
        Ok(value.clone())
    } else {
        Err("must be an object".to_owned())
    }
}

fn fault(error: ProjectError, name: &str, gateway: &Gateway) -> Problem {
    match error {
        ProjectError::NameTaken => Problem::field(
            Code::InvalidRequest,
            "/name",
            format!("a project `{name}` exists already; choose another name"),
        ),
        ProjectError::Policy(faults) => {
            let fault = |fault: crate::gateway::PolicyFault| FieldFault {
                pointer: printable(&fault.pointer),
                detail: fault.detail,
            };
            Problem::invalid(faults.into_iter().map(fault).collect())
        }
        ProjectError::Trouble(Trouble::NotFound) => Problem::new(
            Code::NotFound,
            "There is no such project that this key acts on.",
        ),
        ProjectError::Trouble(trouble) => Problem::of(trouble, gateway.now()),
    }
}
