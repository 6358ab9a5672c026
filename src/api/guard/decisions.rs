//! `/v1/guard/decisions` and `/v1/guard/decisions.csv`, `/v1/guard/blocks` and `/v1/guard/cells`: what the guard decided, and by which figures.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::abuse::guard::rules::Rule;
use crate::abuse::guard::verdict::{Fired, Outcome};
use crate::api::caller::{Admin, Caller};
use crate::api::openapi::parameters::{DecisionFilter, OneProject, Range, WhichRule};
use crate::api::openapi::sets;
use crate::api::page::{self, Page, PageParameters, page_of};
use crate::api::problem::{Code, Problem};
use crate::api::values::{self, moments, rfc3339};
use crate::gateway::{Decision, DecisionQuery, FullCell, Gateway, OpenBlock};
use crate::verification::id::VerificationId;
use crate::verification::phone::Country;
use crate::web::{Query, file};

/// A decision of the guard about one message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardDecision)]
pub struct DecisionBody {
    id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    at: String,
    project: String,
    /// Null: the start was denied, so no verification was kept.
    #[schema(required)]
    verification_id: Option<Uuid>,
    /// What was to be sent.
    #[schema(value_type = sets::DecidedOn)]
    on: &'static str,
    #[schema(value_type = sets::GuardOutcome)]
    outcome: &'static str,
    /// ISO 3166.
    country: String,
    /// The number without its last four digits.
    #[schema(example = "+99890777")]
    prefix: String,
    /// It was let through although rules said otherwise, since its number proved itself before.
    owner: bool,
    /// More than 1: the first of so many alike, of one range in one minute.
    count: u32,
    /// All that fired, also those that are not enforced.
    rules: Vec<FiredBody>,
}

/// A rule that fired.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FiredRule)]
pub struct FiredBody {
    #[schema(value_type = sets::GuardRule)]
    rule: &'static str,
    /// `shadow`: decided and recorded, not enforced.
    #[schema(value_type = sets::GuardMode)]
    mode: &'static str,
    /// What was counted by: a country's code, or a keyed hash of a range, an address or a network.
    #[schema(example = "country:UZ")]
    cell: String,
    /// What was counted, with this message.
    value: u32,
    /// The most that would not have fired.
    threshold: u32,
    /// What it was counted over; `block`: the range is blocked for what it did before; `now`: nothing was counted.
    #[schema(value_type = sets::GuardWindow)]
    window: &'static str,
    /// Of this rule alone.
    #[schema(value_type = sets::GuardOutcome)]
    effect: &'static str,
}

page_of! {
    /// A page of decisions, newest first.
    DecisionsBody as GuardDecisionList: DecisionBody
}

/// A range of numbers that is blocked for a while.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardBlock)]
pub struct BlockBody {
    id: String,
    project: String,
    /// The range; null where no decision about it is kept.
    #[schema(required)]
    prefix: Option<String>,
    /// 1: 15 minutes, 2: 2 hours, 3: 12 hours.
    #[schema(minimum = 1, maximum = 3)]
    level: u8,
    /// When it ends, if nothing more is asked for.
    #[schema(value_type = String, format = DateTime)]
    until: String,
}

/// The blocks that are on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardBlockList)]
pub struct BlocksBody {
    items: Vec<BlockBody>,
}

/// What is counted about a country, a range, an address or a network.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardCell)]
pub struct CellBody {
    project: String,
    #[schema(example = "country:UZ")]
    cell: String,
    /// Messages whose termination is paid for, and whose verification is not approved, of 24 hours.
    unverified_24h: u32,
    unverified_1h: u32,
    verified_24h: u32,
    verified_1h: u32,
    /// The most that was verified on one of the last 14 days, in UTC.
    best_day: u32,
}

/// The fullest cells.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardCellList)]
pub struct CellsBody {
    items: Vec<CellBody>,
}

/// List decisions of the guard
///
/// Those in which a rule fired, newest first. A message that nothing was remarkable about has none. With `format=csv` it is
/// `/v1/guard/decisions.csv`.
#[utoipa::path(
    get, operation_id = "listDecisions", path = "/v1/guard/decisions", tag = "Guard",
    params(DecisionFilter, Range, OneProject, PageParameters),
    responses((status = 200, description = "A page", body = DecisionsBody)),
    security(("key" = ["admin"]))
)]
pub async fn list(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let csv = query.take("format", |text| match text {
        "json" => Ok(false),
        "csv" => Ok(true),
        _ => Err("must be json or csv".to_owned()),
    });
    let page = Page::read(&mut query, page::id);
    let asked = filtered(&caller, &gateway, query, &page)?;
    if csv == Some(true) {
        return exported(&gateway, asked).await;
    }
    let found = gateway.verify().list_decisions(&asked).await;
    let found = found.map_err(|error| Problem::of(error, gateway.now()))?;
    let found = page.cut(found, |last| last.id.to_string());
    let body = DecisionsBody::of(found, |decision| DecisionBody::of(&gateway, &decision));
    Ok(HttpResponse::Ok().json(body))
}

/// Export decisions of the guard as CSV
///
/// All that match as a stream (RFC 4180), newest first. `rules` has what fired as `rule mode value>threshold window effect`, with
/// semicolons between them.
#[utoipa::path(
    get, operation_id = "exportDecisionsCsv", path = "/v1/guard/decisions.csv", tag = "Guard",
    params(DecisionFilter, Range, OneProject),
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
    exported(&gateway, asked).await
}

/// The filters of a query, and the place where its page begins.
fn filtered(
    caller: &Caller<Admin>,
    gateway: &Gateway,
    mut query: Query,
    page: &Page<Uuid>,
) -> Result<DecisionQuery, Problem> {
    let named = values::project(&mut query);
    let (from, to) = moments(&mut query);
    let mut asked = DecisionQuery {
        project: None,
        from,
        to,
        outcome: query.take("outcome", outcome),
        rule: query.take("rule", rule),
        country: query.take("country", Country::existing),
        prefix: query.take("prefix", prefix),
        verification: query.take("verification_id", |text| {
            Uuid::try_parse(text)
                .map(VerificationId::from_uuid)
                .map_err(|_| "must be a verification's id".to_owned())
        }),
        before: page.cursor,
        limit: page.wanted(),
    };
    query.finish()?;
    asked.project = caller.project(gateway, named.as_deref())?;
    Ok(asked)
}

async fn exported(gateway: &Gateway, asked: DecisionQuery) -> Result<HttpResponse, Problem> {
    let parts = gateway.verify().decisions_csv(asked).await;
    let parts = parts.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    Ok(file::csv("decisions.csv", parts))
}

/// List the ranges that are blocked
///
/// Of a range whose rule fired three times within 15 minutes nothing is sent by channels that somebody earns by: for 15 minutes, then 2
/// hours, then 12 hours; each quiet day takes one step back.
#[utoipa::path(
    get, operation_id = "listBlocks", path = "/v1/guard/blocks", tag = "Guard",
    params(OneProject),
    responses((status = 200, description = "The last used first", body = BlocksBody)),
    security(("key" = ["admin"]))
)]
pub async fn blocks(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = values::project(&mut query);
    query.finish()?;
    let project = caller.project(&gateway, named.as_deref())?;
    let found = gateway.verify().blocks(project).await;
    let found = found.map_err(|error| Problem::of(error, gateway.now()))?;
    let items = found.into_iter();
    Ok(HttpResponse::Ok().json(BlocksBody {
        items: items.map(|one| BlockBody::of(&gateway, one)).collect(),
    }))
}

/// End a block
///
/// At once. What was counted stays: the rule may fire again.
#[utoipa::path(
    delete, operation_id = "endBlock", path = "/v1/guard/blocks/{id}", tag = "Guard",
    params(("id" = String, Path, description = "The block's id")),
    responses((status = 204, description = "Ended")),
    security(("key" = ["admin"]))
)]
pub async fn end_block(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let ended = gateway.verify().end_block(&caller.access, &id).await;
    if ended.map_err(|error| Problem::of(error, gateway.now()))? {
        return Ok(HttpResponse::NoContent().finish());
    }
    let detail = "No such block is accessible with this key.";
    Err(Problem::new(Code::NotFound, detail))
}

/// List the fullest cells
///
/// Those that a rule counts by with the most unverified messages, as this replica knows them.
#[utoipa::path(
    get, operation_id = "listCells", path = "/v1/guard/cells", tag = "Guard",
    params(WhichRule, OneProject),
    responses((status = 200, description = "Up to 100, fullest first", body = CellsBody)),
    security(("key" = ["admin"]))
)]
pub async fn cells(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = values::project(&mut query);
    let rule = query.take("rule", rule);
    query.finish()?;
    let project = caller.project(&gateway, named.as_deref())?;
    let rule = rule.unwrap_or(Rule::UnverifiedPrefix);
    let items = gateway.verify().fullest_cells(project, rule).into_iter();
    Ok(HttpResponse::Ok().json(CellsBody {
        items: items.map(|one| CellBody::of(&gateway, &one)).collect(),
    }))
}

impl DecisionBody {
    pub fn of(gateway: &Gateway, decision: &Decision) -> Self {
        let name = gateway
            .directory()
            .project_name(decision.facts.cells.project);
        Self {
            id: decision.id,
            at: rfc3339(decision.at),
            project: name.unwrap_or_default(),
            verification_id: decision.verification.map(VerificationId::uuid),
            on: decision.on.as_str(),
            outcome: decision.outcome.as_str(),
            country: decision.facts.cells.country.to_string(),
            prefix: decision.prefix.clone(),
            owner: decision.is_owner,
            count: decision.count,
            rules: decision.rules.iter().map(FiredBody::of).collect(),
        }
    }
}

impl FiredBody {
    pub fn of(fired: &Fired) -> Self {
        Self {
            rule: fired.rule.as_str(),
            mode: fired.mode.as_str(),
            cell: fired.cell.to_string(),
            value: fired.value,
            threshold: fired.threshold,
            window: fired.window.as_str(),
            effect: fired.effect.as_str(),
        }
    }
}

impl BlockBody {
    fn of(gateway: &Gateway, block: OpenBlock) -> Self {
        let name = gateway.directory().project_name(block.project);
        Self {
            id: block.id(),
            project: name.unwrap_or_default(),
            prefix: block.range,
            level: block.level,
            until: rfc3339(block.until),
        }
    }
}

impl CellBody {
    fn of(gateway: &Gateway, (key, reading): &FullCell) -> Self {
        let name = gateway.directory().project_name(key.project);
        Self {
            project: name.unwrap_or_default(),
            cell: key.cell.to_string(),
            unverified_24h: reading.unverified_day,
            unverified_1h: reading.unverified_hour,
            verified_24h: reading.verified_day,
            verified_1h: reading.verified_hour,
            best_day: reading.best_day,
        }
    }
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text).ok_or_else(|| "must be allow, challenge or deny".to_owned())
}

fn rule(text: &str) -> Result<Rule, String> {
    Rule::parse(text).ok_or_else(|| {
        let names = Rule::ALL.map(Rule::as_str).join(", ");
        format!("must be one of: {names}")
    })
}

/// The beginning of a range.
fn prefix(text: &str) -> Result<String, String> {
    DecisionQuery::read_prefix(text).ok_or_else(|| "must be a prefix such as +99890777".to_owned())
}
