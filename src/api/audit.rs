//! `GET /v1/audit` and `/v1/audit.csv`: who changed what; scope `admin`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Admin, Caller};
use super::openapi::parameters::{AuditFilter, OneProject, Range};
use super::openapi::sets;
use super::page::{self, Page, PageParameters, page_of};
use super::problem::Problem;
use super::values::{self, moments, rfc3339};
use crate::audit::{Action, Entry};
use crate::gateway::{AuditQuery, Gateway};
use crate::web::{Query, file};

/// Of a filter, in characters; no e-mail address is longer.
const LONGEST: usize = 254;

/// An entry of the audit log, which is append-only.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct EntryBody {
    id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    at: String,
    actor: ActorBody,
    /// Null on the command line.
    #[schema(required, example = "203.0.113.7")]
    client_ip: Option<String>,
    #[schema(value_type = sets::AuditAction)]
    action: &'static str,
    object: ObjectBody,
    /// The project's name; null: it concerns the whole instance.
    #[schema(required)]
    project: Option<String>,
    /// Of a change, what differs; null: there was none, or it is not shown. Without secrets, and numbers masked.
    #[schema(value_type = Option<Object>, required)]
    before: Option<Value>,
    #[schema(value_type = Option<Object>, required)]
    after: Option<Value>,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditActor)]
pub struct ActorBody {
    #[schema(value_type = sets::AuditActorKind)]
    kind: &'static str,
    /// Of the user or the key; null: the command line.
    #[schema(required)]
    id: Option<Uuid>,
    /// The user's e-mail address, the key's name, or the user of the operating system.
    #[schema(required)]
    name: Option<String>,
}

/// What it was done to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditObject)]
pub struct ObjectBody {
    /// The first word of the action.
    #[schema(value_type = sets::AuditObjectKind)]
    kind: &'static str,
    /// Null: there is only one.
    #[schema(required)]
    id: Option<String>,
    #[schema(required)]
    name: Option<String>,
}

page_of! {
    /// A page of the audit log, newest first.
    EntriesBody as AuditEntryList: EntryBody
}

/// List entries of the audit log
///
/// Who changed what, newest first: keys, projects and their rules, money, the guard's lists and blocks, webhooks, integrations, users and
/// their sign-ins. An entry is stored in the same change as what it tells of. A project's key sees the entries of its project.
#[utoipa::path(
    get, operation_id = "listAudit", path = "/v1/audit", tag = "Audit",
    params(AuditFilter, Range, OneProject, PageParameters),
    responses((status = 200, description = "A page", body = EntriesBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let page = Page::read(&mut query, page::id);
    let asked = filtered(&caller, &gateway, query, &page)?;
    let found = gateway.admin().list_audit(&asked).await;
    let found = found.map_err(|error| Problem::of(error, gateway.now()))?;
    let found = page.cut(found, |last| last.id.to_string());
    let body = EntriesBody::of(found, |entry| EntryBody::of(&gateway, entry));
    Ok(HttpResponse::Ok().json(body))
}

/// Export the audit log as CSV
///
/// All entries as a stream (RFC 4180), newest first; `before` and `after` as JSON.
#[utoipa::path(
    get, operation_id = "exportAuditCsv", path = "/v1/audit.csv", tag = "Audit",
    params(AuditFilter, Range, OneProject),
    responses((status = 200, description = "The first row names the columns", body = String, content_type = "text/csv")),
    security(("key" = ["admin"]))
)]
pub async fn csv(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request)?;
    let asked = filtered(&caller, &gateway, query, &Page::whole())?;
    let parts = gateway.admin().audit_csv(asked).await;
    let parts = parts.map_err(|error| Problem::of(error, gateway.now()))?;
    Ok(file::csv("audit.csv", parts))
}

/// The filters of a query, and the place where its page begins.
fn filtered(
    caller: &Caller<Admin>,
    gateway: &Gateway,
    mut query: Query,
    page: &Page<Uuid>,
) -> Result<AuditQuery, Problem> {
    let named = values::project(&mut query);
    let (from, to) = moments(&mut query);
    let mut asked = AuditQuery {
        project: None,
        from,
        to,
        action: query.take("action", action),
        actor: query.take("actor", |text| whose(text, "user, key or cli")),
        object: query.take("object", |text| {
            whose(text, &format!("one of {}", Action::objects().join(", ")))
        }),
        before: page.cursor,
        limit: page.wanted(),
    };
    query.finish()?;
    asked.project = caller.project(gateway, named.as_deref())?;
    Ok(asked)
}

impl EntryBody {
    fn of(gateway: &Gateway, entry: Entry) -> Self {
        let Entry { id, at, by, deed } = entry;
        let name = |id| gateway.directory().project_name(id);
        Self {
            id,
            at: rfc3339(at),
            actor: ActorBody {
                kind: by.actor.kind.as_str(),
                id: by.actor.id,
                name: by.actor.name,
            },
            client_ip: by.client.map(|ip| ip.to_string()),
            action: deed.action.as_str(),
            object: ObjectBody {
                kind: deed.action.object(),
                id: deed.id,
                name: deed.name,
            },
            project: deed.project.and_then(name),
            before: deed.before,
            after: deed.after,
        }
    }
}

fn action(text: &str) -> Result<Action, String> {
    Action::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        format!("must be one of: {}", names.join(", "))
    })
}

/// A kind, an id or a name.
fn whose(text: &str, kinds: &str) -> Result<String, String> {
    let fits = (1..=LONGEST).contains(&text.chars().count());
    fits.then(|| text.to_owned()).ok_or_else(|| {
        format!("must be a kind ({kinds}), an id or a name of up to {LONGEST} characters")
    })
}
