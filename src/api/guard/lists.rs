//! `/v1/guard/lists`: numbers, prefixes, countries and addresses that are let through, or that nothing is sent to; scope `admin`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::abuse::lists::{Entry, LONGEST_NOTE, List, Match, Matched};
use crate::api::body::{Form, RawBody, body};
use crate::api::caller::{Admin, Caller};
use crate::api::forms::{self, named, note, text, unknown, value};
use crate::api::idempotency;
use crate::api::openapi::parameters::{Idempotency, OneProject};
use crate::api::openapi::sets;
use crate::api::page::{self, Page, PageParameters, page_of};
use crate::api::problem::{Code, Problem};
use crate::api::values::{self, rfc3339};
use crate::gateway::{EntryFault, EntryRequest, Error, Gateway, Replay};
use crate::verification::id::ProjectId;
use crate::web::{Fields, Query};

/// Every project, as a project's name.
const EVERY: &str = "*";

body! {
    /// The entry to add.
    closed struct NewEntryBody as "ListEntryRequest" {
        /// `allow` passes the project's `countries`, and what the guard says; limits and budgets hold all the same. `block`: nothing is sent.
        required kind: List = named::<sets::ListKind, _>(read_kind),
        required r#match: Matched = named::<sets::ListMatch, _>(read_match),
        /// A number in international form, a prefix such as `+99890`, a country (ISO 3166), or an address or network such as
        /// `203.0.113.0/24`, which is compared with the visitor's address where the site tells it.
        required value: String = text(1..=60),
        /// From then on it does not count. Required, and within 90 days, where more than a number is allowed.
        optional expires_at: Option<DateTime<Utc>> = moment(),
        /// Why. Required where more than a number is allowed.
        optional note: Option<String> = note(LONGEST_NOTE),
        /// With a key of the whole instance: the project's name; every project if it is `*` or omitted.
        optional project: Option<String> = forms::project(),
    }
}

/// An entry of the lists.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListEntry)]
pub struct EntryBody {
    id: Uuid,
    #[schema(value_type = sets::ListKind)]
    kind: &'static str,
    #[schema(value_type = sets::ListMatch)]
    r#match: &'static str,
    /// Null: the number was erased, and its keyed hash is kept so that it stays blocked.
    #[schema(required)]
    value: Option<String>,
    /// `*`: every project.
    project: String,
    #[schema(required)]
    note: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
}

page_of! {
    /// A page of the lists, newest first.
    EntriesBody as ListEntryList: EntryBody
}

/// Add an entry to the lists
///
/// It takes the place of one that says something about the same thing in the same projects. It counts at once on this replica, and within
/// a second on the others.
#[utoipa::path(
    post, operation_id = "addListEntry", path = "/v1/guard/lists", tag = "Guard",
    params(Idempotency),
    request_body = NewEntryBody,
    responses((status = 201, description = "Added", body = EntryBody)),
    security(("key" = ["admin"]))
)]
pub async fn add(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::json(&request, &body)?;
    let asked = NewEntryBody::read(&mut fields);
    let asked = fields.finish_with(asked)?;
    let project = project(&caller, &gateway, asked.project.as_deref())?;
    let matches = matched(&gateway, project, asked.r#match, &asked.value);
    let matches = matches.map_err(|why| Problem::field(Code::InvalidRequest, "/value", why))?;
    let asked = EntryRequest {
        project,
        list: asked.kind,
        matches,
        note: asked.note.unwrap_or_default(),
        expires_at: asked.expires_at,
        overrules: false,
    };
    idempotency::once(
        &gateway,
        (project, "/v1/guard/lists"),
        &request,
        &body,
        async |ticket| {
            let admin = gateway.admin();
            let added = admin
                .add_entry(&asked, &caller.access, ticket.as_ref())
                .await;
            let added = added.map_err(|fault| refused(&gateway, fault))?;
            Ok(idempotency::answer(201, &EntryBody::of(&gateway, &added)))
        },
        async |replay| {
            let Replay::GuardEntry { id } = replay else {
                return None;
            };
            let found = gateway.admin().find_entry(&caller.access, id).await;
            let found = found.map_err(|error| fault(error, &gateway));
            Some(found.map(|entry| idempotency::answer(201, &EntryBody::of(&gateway, &entry))))
        },
    )
    .await
}

/// List the entries of the lists
///
/// Those of the key's project and those of every project.
#[utoipa::path(
    get, operation_id = "listListEntries", path = "/v1/guard/lists", tag = "Guard",
    params(PageParameters, OneProject),
    responses((status = 200, description = "A page", body = EntriesBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = values::project(&mut query);
    let page = Page::read(&mut query, page::id);
    query.finish()?;
    let project = project(&caller, &gateway, named.as_deref())?;
    let found = gateway.admin().list_entries(&caller.access).await;
    let mut found = found.map_err(|error| fault(error, &gateway))?;
    found.retain(|entry| {
        let is_of_it = project.is_none() || entry.project.is_none() || entry.project == project;
        is_of_it && page.cursor.is_none_or(|before| entry.id < before)
    });
    let found = page.cut(found, |last| last.id.to_string());
    let body = EntriesBody::of(found, |entry| EntryBody::of(&gateway, &entry));
    Ok(HttpResponse::Ok().json(body))
}

/// Remove an entry from the lists
#[utoipa::path(
    delete, operation_id = "deleteListEntry", path = "/v1/guard/lists/{id}", tag = "Guard",
    params(("id" = Uuid, Path, description = "The entry's id")),
    responses((status = 204, description = "Removed")),
    security(("key" = ["admin"]))
)]
pub async fn delete(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = values::path_id(&id).ok_or_else(no_such)?;
    let deleted = gateway.admin().delete_entry(&caller.access, id).await;
    deleted.map_err(|error| fault(error, &gateway))?;
    Ok(HttpResponse::NoContent().finish())
}

impl EntryBody {
    pub fn of(gateway: &Gateway, entry: &Entry) -> Self {
        let project = match entry.project {
            None => EVERY.to_owned(),
            Some(id) => gateway.directory().project_name(id).unwrap_or_default(),
        };
        Self {
            id: entry.id,
            kind: entry.list.as_str(),
            r#match: entry.matches.kind().as_str(),
            value: match &entry.matches {
                Match::Erased(_) => None,
                known => Some(known.value()),
            },
            project,
            note: Some(entry.note.clone()).filter(|note| !note.is_empty()),
            expires_at: entry.expires_at.map(rfc3339),
            created_at: rfc3339(entry.created_at),
        }
    }
}

/// `None`: every project.
fn project(
    caller: &Caller<Admin>,
    gateway: &Gateway,
    named: Option<&str>,
) -> Result<Option<ProjectId>, Problem> {
    if named == Some(EVERY) {
        caller.instance_only()?;
        return Ok(None);
    }
    caller.project(gateway, named)
}

fn moment() -> impl Form<Out = DateTime<Utc>> {
    let read = |value: &Value| values::moment(value.as_str().ok_or("must be a string")?, false);
    value(read, |schema| schema.examples(["2026-12-24"]))
}

/// Numbers are read by the project's rules, also those that it would not verify.
fn matched(
    gateway: &Gateway,
    project: Option<ProjectId>,
    kind: Matched,
    value: &str,
) -> Result<Match, String> {
    if kind != Matched::Number {
        return Match::parse(kind, value);
    }
    let number = gateway.verify().read_searched_number(project, value);
    number.map(Match::Number).map_err(|error| error.to_string())
}

fn refused(gateway: &Gateway, fault: EntryFault) -> Problem {
    match fault {
        EntryFault::Field(name, why) => {
            Problem::field(Code::InvalidRequest, &format!("/{name}"), why)
        }
        EntryFault::Full(most) => {
            let detail = format!("The lists already have {most} entries; remove some first.");
            Problem::new(Code::InvalidRequest, detail)
        }
        EntryFault::Failed(error) => self::fault(error, gateway),
    }
}

fn fault(error: Error, gateway: &Gateway) -> Problem {
    Problem::of_resource(error, gateway.now(), no_such)
}

fn no_such() -> Problem {
    let detail = "No such entry is accessible with this key.";
    Problem::new(Code::NotFound, detail)
}

fn read_kind(value: &Value) -> Result<List, String> {
    let name = value.as_str().ok_or("must be a string")?;
    List::parse(name).ok_or_else(|| unknown(name, "list", &List::ALL.map(List::as_str)))
}

fn read_match(value: &Value) -> Result<Matched, String> {
    let name = value.as_str().ok_or("must be a string")?;
    let known = Matched::ALL.map(Matched::as_str);
    Matched::parse(name).ok_or_else(|| unknown(name, "thing to match", &known))
}
