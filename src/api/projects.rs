//! `/v1/projects`: projects and their policies; scope `admin`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{RawBody, body};
use super::caller::{Admin, Caller};
use super::forms::{self, named};
use super::idempotency;
use super::openapi::parameters::Idempotency;
use super::openapi::sets;
use super::page::{Page, PageParameters, page_of};
use super::problem::{Code, Problem};
use super::values::rfc3339;
use crate::gateway::{Error, Gateway, Project, ProjectError, Replay, check_name, parsed_overrides};
use crate::web::fields::printable;
use crate::web::{Fault, FieldFault, Fields, Query};

/// The overrides of a project, with the keys and formats of `[defaults]` in the configuration.
#[derive(ToSchema)]
#[schema(as = Policy)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "only its shape is used: the configuration's rules read it"
)]
pub struct PolicyBody {
    /// Digits of a code.
    #[schema(minimum = 4, maximum = 8)]
    code_length: Option<u8>,
    /// How long a verification stays open: 30s to 24h.
    #[schema(example = "10m")]
    ttl: Option<String>,
    /// Checks before the verification is locked.
    #[schema(minimum = 1, maximum = 100)]
    max_checks: Option<u32>,
    /// Creates and resends; automatic fallbacks do not count.
    #[schema(minimum = 1, maximum = 50)]
    max_sends: Option<u32>,
    /// How long a visitor waits before a resend: 0s to 24h.
    #[schema(example = "30s")]
    resend_after: Option<String>,
    /// The steps, in order.
    #[schema(value_type = Option<Vec<RouteStep>>, min_items = 1)]
    route: Option<Value>,
    #[schema(value_type = Option<NumberRules>)]
    numbers: Option<Value>,
    #[schema(value_type = Option<CountryRules>)]
    countries: Option<Value>,
    #[schema(value_type = Option<Limits>)]
    limits: Option<Value>,
    /// `period` and `limit`, optionally `country` and `alert_at`; a list of these; or `off`.
    #[schema(value_type = Option<Value>)]
    budget: Option<Value>,
    /// Texts of SMS by language tag, with `{code}` and optionally `{minutes}` and `{brand}`.
    #[schema(value_type = Option<HashMap<String, String>>)]
    templates: Option<Value>,
    /// The largest number of segments of one of these texts.
    #[schema(minimum = 1, maximum = 10)]
    max_segments: Option<u32>,
    /// What `{brand}` stands for in a text; empty: the project's name.
    #[schema(max_length = 30)]
    brand: Option<String>,
    #[schema(value_type = Option<TwilioRules>)]
    twilio: Option<Value>,
    #[schema(value_type = Option<VonageRules>)]
    vonage: Option<Value>,
    #[schema(value_type = Option<GuardRules>)]
    guard: Option<Value>,
    /// Ages shorter than the installation's: `numbers` and `client` from 3d on, `decisions` from 7d on.
    #[schema(value_type = Option<HashMap<String, String>>)]
    retention: Option<Value>,
}

/// The rules against pumping.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct GuardRules {
    /// Of every rule that has no mode of its own.
    #[schema(value_type = sets::GuardMode, required = false)]
    mode: Option<String>,
    /// What is left to a verification that is challenged: channels that nobody earns by.
    #[schema(value_type = Vec<String>, required = false)]
    challenge_channels: Option<Vec<String>>,
    /// `mode` and thresholds by the name of a rule.
    #[schema(value_type = Object, required = false)]
    rules: Option<Value>,
}

/// How clients of Twilio Verify are served.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct TwilioRules {
    /// What the channel `sms` means: the project's `route`, or `literal`, SMS alone.
    #[schema(value_type = String, required = false)]
    sms: Option<String>,
    /// Whether requests may bring codes of their own.
    #[schema(value_type = bool, required = false)]
    custom_codes: Option<bool>,
    /// The account's SID at Twilio, where the site keeps it.
    #[schema(value_type = String, required = false)]
    account_sid: Option<String>,
    /// The service's SID at Twilio, where the site keeps it.
    #[schema(value_type = String, required = false)]
    service_sid: Option<String>,
}

/// How clients of Vonage Verify are served.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct VonageRules {
    /// What a workflow's step with the channel `sms` means: the project's `route`, or `literal`, SMS alone.
    #[schema(value_type = String, required = false)]
    sms: Option<String>,
}

/// A step of a route.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct RouteStep {
    channel: sets::Channel,
    /// How long to wait for evidence of delivery: 1s to 1h.
    #[schema(example = "15s")]
    wait: String,
    /// Go on although it was delivered, when the code has not been entered by then: 1s to 24h.
    #[schema(value_type = String, required = false, example = "90s")]
    approve_within: Option<String>,
}

/// How phone numbers are read.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct NumberRules {
    /// The country of numbers without a country code; empty: they are refused.
    #[schema(value_type = String, required = false)]
    default_country: Option<String>,
    /// `refuse` or `try`: what to do with numbers that the numbering data calls fixed lines.
    #[schema(value_type = String, required = false)]
    fixed_line: Option<String>,
    /// Exceptions by country.
    #[schema(value_type = Object, required = false)]
    fixed_line_countries: Option<Value>,
}

/// Countries by ISO 3166 code, `001` the networks of none, and prefixes: the longest decides, then the country; `deny` before `monitor`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct CountryRules {
    /// `*` allows every country, but not `001`.
    #[schema(value_type = Vec<String>, required = false)]
    allow: Option<Vec<String>>,
    #[schema(value_type = Vec<String>, required = false)]
    deny: Option<Vec<String>>,
    /// It lets pass, and the guard records a decision.
    #[schema(value_type = Vec<String>, required = false)]
    monitor: Option<Vec<String>>,
}

/// Each is a list of rates such as `5/10m`, or `"off"`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Limits {
    #[schema(value_type = Value, required = false)]
    per_number: Option<Value>,
    #[schema(value_type = Value, required = false)]
    per_ip: Option<Value>,
    #[schema(value_type = Value, required = false)]
    creates: Option<Value>,
    #[schema(value_type = Value, required = false)]
    wrong_codes_per_number: Option<Value>,
    /// Limits of your own by name: rates for the sends whose requests bring the same value in `limit_keys`.
    #[schema(value_type = HashMap<String, Vec<String>>, required = false)]
    keys: Option<Value>,
}

body! {
    /// The project to create.
    closed struct NewProjectBody as "ProjectRequest" {
        required name: String = forms::project_name(),
        optional policy: Option<Value> = policy(),
    }
}

body! {
    /// A change of a project's policy.
    closed struct ChangeBody as "ProjectChange" {
        /// A JSON Merge Patch (RFC 7396): null restores the default.
        optional policy: Option<Value> = policy(),
        /// The same as `twilio` of the policy, such as the SIDs that a site keeps.
        optional twilio: Option<Value> = twilio_rules(),
    }
}

/// An object, whose keys the configuration's rules read.
fn object(value: &Value) -> Result<Value, String> {
    let object = value.is_object().then(|| value.clone());
    object.ok_or_else(|| "must be an object".to_owned())
}

fn policy() -> impl super::body::Form<Out = Value> {
    named::<PolicyBody, _>(object)
}

fn twilio_rules() -> impl super::body::Form<Out = Value> {
    named::<TwilioRules, _>(object)
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Project)]
pub struct ProjectBody {
    /// The `aud` of its proofs.
    id: Uuid,
    name: String,
    /// Its overrides.
    #[schema(value_type = PolicyBody)]
    policy: Value,
    /// All effective values.
    #[schema(value_type = PolicyBody)]
    effective: Value,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
}

page_of! {
    /// A page of projects, by name.
    ProjectsBody as ProjectList: ProjectBody
}

/// Create a project
///
/// Requires a key of the whole instance. Values that it does not override follow `[defaults]`, also when those change.
#[utoipa::path(
    post, operation_id = "createProject", path = "/v1/projects", tag = "Projects",
    params(Idempotency),
    request_body = NewProjectBody,
    responses((status = 201, description = "Created", body = ProjectBody)),
    security(("key" = ["admin"]))
)]
pub async fn create(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    caller.instance_only()?;
    let NewProjectBody { name, policy } = Fields::read_json(&request, &body, NewProjectBody::read)?;
    let policy = policy.unwrap_or_else(|| json!({}));
    idempotency::once(
        &gateway,
        (None, "/v1/projects"),
        &request,
        &body,
        async |ticket| {
            let admin = gateway.admin();
            let made = admin.create_project(&name, &policy, &caller.access.by, ticket);
            let project = made.await.map_err(|error| fault(error, &name, &gateway))?;
            Ok(shown(&gateway, &project, 201))
        },
        async |replay| {
            let Replay::Project { name, status } = replay else {
                return None;
            };
            let found = gateway.admin().named_project(&caller.access, &name).await;
            let found = found.map_err(|trouble| fault(trouble.into(), &name, &gateway));
            Some(found.map(|project| shown(&gateway, &project, status)))
        },
    )
    .await
}

/// List projects
#[utoipa::path(
    get, operation_id = "listProjects", path = "/v1/projects", tag = "Projects",
    params(PageParameters),
    responses((status = 200, description = "A page", body = ProjectsBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let page = Page::read(&mut query, |text| {
        check_name(text).is_ok().then(|| text.to_owned())
    });
    query.finish()?;
    let found = gateway.admin().list_projects(&caller.access).await;
    let mut found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let after = page.cursor.as_ref();
    found.retain(|project| after.is_none_or(|after| project.name > *after));
    let found = page.cut(found, |last| last.name.clone());
    let body = ProjectsBody::of(found, |project| ProjectBody::of(&gateway, &project));
    Ok(HttpResponse::Ok().json(body))
}

/// Get a project
#[utoipa::path(
    get, operation_id = "getProject", path = "/v1/projects/{name}", tag = "Projects",
    params(("name" = String, Path, description = "The project's name")),
    responses((status = 200, description = "The project", body = ProjectBody)),
    security(("key" = ["admin"]))
)]
pub async fn find(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = gateway.admin().named_project(&caller.access, &name).await;
    let project = found.map_err(|trouble| fault(trouble.into(), &name, &gateway))?;
    Ok(shown(&gateway, &project, 200))
}

/// Change a project's policy
///
/// Applies to verifications that start from now on, on every replica, without a restart; those under way keep the rules
/// that they started with.
#[utoipa::path(
    patch, operation_id = "changeProject", path = "/v1/projects/{name}", tag = "Projects",
    params(("name" = String, Path, description = "The project's name")),
    request_body = ChangeBody,
    responses((status = 200, description = "The changed project", body = ProjectBody)),
    security(("key" = ["admin"]))
)]
pub async fn change(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    name: web::Path<String>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let ChangeBody { policy, twilio } = Fields::read_json(&request, &body, ChangeBody::read)?;
    if policy.is_none() && twilio.is_none() {
        return Err(Problem::field(
            Code::InvalidRequest,
            "/policy",
            "is required",
        ));
    }
    let mut policy = policy.unwrap_or_else(|| json!({}));
    if let Some(twilio) = twilio {
        policy["twilio"] = twilio;
    }
    let changed = gateway
        .admin()
        .change_policy(&caller.access, &name, &policy)
        .await;
    let project = changed.map_err(|error| fault(error, &name, &gateway))?;
    Ok(shown(&gateway, &project, 200))
}

impl ProjectBody {
    fn of(gateway: &Gateway, project: &Project) -> Self {
        Self {
            id: project.id.0,
            name: project.name.clone(),
            policy: parsed_overrides(&project.overrides),
            effective: gateway.admin().effective_policy(project),
            created_at: rfc3339(project.created_at),
        }
    }
}

fn shown(gateway: &Gateway, project: &Project, status: u16) -> HttpResponse {
    idempotency::answer(status, &ProjectBody::of(gateway, project))
}

fn fault(error: ProjectError, name: &str, gateway: &Gateway) -> Problem {
    match error {
        ProjectError::NameTaken => Problem::field(
            Code::InvalidRequest,
            "/name",
            format!("is taken: a project `{name}` exists already; choose another name"),
        ),
        ProjectError::Policy(faults) => {
            let fault = |fault: crate::gateway::PolicyFault| FieldFault {
                pointer: printable(&fault.pointer),
                detail: fault.detail,
            };
            Fault::invalid(faults.into_iter().map(fault).collect()).into()
        }
        ProjectError::Failed(Error::NotFound) => Problem::new(
            Code::NotFound,
            "No such project is accessible with this key.",
        ),
        ProjectError::Failed(trouble) => Problem::of(trouble, gateway.now()),
    }
}
