//! `GET /v1/ledger` and `/v1/ledger.csv`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::caller::{Caller, Finance};
use crate::api::openapi::parameters::{LedgerFilter, OneProject, Range};
use crate::api::openapi::sets;
use crate::api::page::{Page, PageParameters, page_of};
use crate::api::problem::Problem;
use crate::api::values::{self, moments, rfc3339};
use crate::gateway::{Gateway, LedgerQuery};
use crate::ledger::entry::{Entry, Kind};
use crate::verification::id::VerificationId;
use crate::web::{Query, file};

/// An entry of the ledger, which is append-only.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub struct EntryBody {
    id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    at: String,
    #[schema(value_type = sets::LedgerKind)]
    kind: &'static str,
    #[schema(value_type = sets::LedgerBasis)]
    basis: String,
    /// Negative for a charge, positive for a refund.
    #[schema(pattern = r"^-?[0-9]+(\.[0-9]{1,6})?$")]
    amount: String,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    /// The provider's name in the configuration.
    provider: String,
    /// The project's name; null for an entry of the account as a whole.
    #[schema(required)]
    project: Option<String>,
    #[schema(required)]
    verification_id: Option<Uuid>,
    #[schema(required)]
    attempt_id: Option<Uuid>,
    /// The author of a manual entry.
    #[schema(required)]
    author: Option<String>,
    #[schema(required)]
    note: Option<String>,
    /// The country of the number (ISO 3166); null for an entry of the account as a whole.
    #[schema(required)]
    country: Option<String>,
}

page_of! {
    /// A page of entries, newest first.
    LedgerBody as LedgerList: EntryBody
}

/// List ledger entries
///
/// Newest first. With `format=csv` it is `/v1/ledger.csv`.
#[utoipa::path(
    get, operation_id = "listLedger", path = "/v1/ledger", tag = "Finance",
    params(LedgerFilter, Range, OneProject, PageParameters),
    responses((status = 200, description = "A page", body = LedgerBody)),
    security(("key" = ["finance"]))
)]
pub async fn ledger(
    caller: Caller<Finance>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let csv = query.take("format", |text| match text {
        "json" => Ok(false),
        "csv" => Ok(true),
        _ => Err("must be json or csv".to_owned()),
    });
    let page = Page::read(&mut query, read_cursor);
    let asked = filtered(&caller, &gateway, query, &page)?;
    if csv == Some(true) {
        return exported(&caller, &gateway, asked).await;
    }
    let found = gateway.finance().list_ledger(&caller.access, asked).await;
    let found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let body = LedgerBody::of(page.cut(found, cursor), |entry| {
        EntryBody::of(&gateway, &entry)
    });
    Ok(HttpResponse::Ok().json(body))
}

/// Export ledger entries as CSV
///
/// All entries as a stream (RFC 4180), newest first.
#[utoipa::path(
    get, operation_id = "exportLedgerCsv", path = "/v1/ledger.csv", tag = "Finance",
    params(LedgerFilter, Range, OneProject),
    responses((status = 200, description = "The first row names the columns", body = String, content_type = "text/csv")),
    security(("key" = ["finance"]))
)]
pub async fn ledger_csv(
    caller: Caller<Finance>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request)?;
    let asked = filtered(&caller, &gateway, query, &Page::whole())?;
    exported(&caller, &gateway, asked).await
}

/// The filters of a query, and the place where its page begins.
fn filtered(
    caller: &Caller<Finance>,
    gateway: &Gateway,
    mut query: Query,
    page: &Page<(DateTime<Utc>, Uuid)>,
) -> Result<LedgerQuery, Problem> {
    let named = values::project(&mut query);
    let (from, before) = moments(&mut query);
    let mut asked = LedgerQuery {
        from,
        before,
        provider: query.take("provider", provider),
        kind: query.take("kind", |text| {
            Kind::parse(text)
                .ok_or_else(|| "must be charge, refund, top_up or adjustment".to_owned())
        }),
        verification: query.take("verification_id", |text| {
            Uuid::try_parse(text)
                .map(VerificationId::from_uuid)
                .map_err(|_| "must be a verification's id".to_owned())
        }),
        cursor: page.cursor,
        limit: page.wanted(),
        project: None,
    };
    query.finish()?;
    asked.project = caller.project(gateway, named.as_deref())?;
    Ok(asked)
}

async fn exported(
    caller: &Caller<Finance>,
    gateway: &Gateway,
    asked: LedgerQuery,
) -> Result<HttpResponse, Problem> {
    let parts = gateway.finance().ledger_csv(&caller.access, asked).await;
    let parts = parts.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    Ok(file::csv("ledger.csv", parts))
}

fn cursor(entry: &Entry) -> String {
    format!("{}.{}", entry.at.timestamp_micros(), entry.id.simple())
}

/// A name as the configuration allows it.
fn provider(text: &str) -> Result<String, String> {
    let named = (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    if named {
        Ok(text.to_owned())
    } else {
        Err("must be a provider's name: lowercase letters, digits, _ and -".to_owned())
    }
}

fn read_cursor(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = text
        .split_once('.')
        .filter(|(at, _)| at.len() <= 16 && !at.starts_with('-'))?;
    Some((
        DateTime::from_timestamp_micros(at.parse().ok()?)?,
        Uuid::try_parse(id).ok()?,
    ))
}

impl EntryBody {
    pub(super) fn of(gateway: &Gateway, entry: &Entry) -> Self {
        Self {
            id: entry.id,
            at: rfc3339(entry.at),
            kind: entry.kind.as_str(),
            basis: entry.basis.clone(),
            amount: entry.money.decimal(),
            currency: entry.money.currency.to_string(),
            provider: entry.provider.clone(),
            project: entry.project.and_then(|id| {
                gateway
                    .directory()
                    .project_name(crate::verification::id::ProjectId(id))
            }),
            verification_id: entry.verification,
            attempt_id: entry.attempt,
            author: entry.author.clone(),
            note: entry.note.clone(),
            country: entry.country.map(|country| country.to_string()),
        }
    }
}
