//! `/v1/budgets`: how much projects may spend in each period, and how much they have spent.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};

use crate::api::body::{Form, RawBody, body, list_body, nested};
use crate::api::caller::{Admin, Caller, Finance};
use crate::api::forms::{self, ValueForm, named};
use crate::api::openapi::sets;
use crate::api::problem::{Code, Problem};
use crate::api::values::{MoneyBody, rfc3339};
use crate::gateway::{Access, BudgetError, BudgetState, Error, Gateway, NewBudget, ProjectError};
use crate::money::{Micros, Money};
use crate::verification::budget::{Budget, Period};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;
use crate::web::{Fault, FieldFault, Fields, Query};

body! {
    /// The budget of a project.
    closed struct NewBudgetBody as "BudgetRequest" {
        /// The project's name; required with a key of the whole instance.
        #[expect(dead_code, reason = "looked up by its name, even if the rest cannot be read")]
        optional project: Option<String> = forms::project(),
        required period: Period = period(),
        /// More than 0.
        required limit: MoneyBody = nested(limit),
        /// ISO 3166; null: every country.
        optional country: Option<Country> = forms::country(),
        /// Shares of the limit at which `budget.reached` is sent.
        optional alert_at: Option<Vec<u16>> = shares(),
    }
}

list_body! {
    /// All budgets of the projects that the key covers.
    closed struct NewBudgetsBody as "BudgetsRequest" { items: NewBudgetBody, at most 500 }
}

fn period() -> impl Form<Out = Period> {
    named::<sets::Period, _>(|value| {
        let period = value.as_str().and_then(Period::parse);
        period.ok_or_else(|| "must be hour, day or month".to_owned())
    })
}

fn limit(fields: &mut Fields) -> Option<MoneyBody> {
    let limit = MoneyBody::read(fields)?;
    if limit.amount <= Micros::ZERO {
        fields.fault(
            "amount",
            "must be more than 0; for no limit, leave the budget out".to_owned(),
        );
    }
    Some(limit)
}

/// Shares of a limit, in thousandths.
fn shares() -> impl Form<Out = Vec<u16>> {
    const MOST: usize = 10;
    let schema = || {
        let share = ObjectBuilder::new()
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)));
        ArrayBuilder::new()
            .items(share)
            .max_items(Some(MOST))
            .examples([json!([0.5, 0.8])])
            .into()
    };
    ValueForm::new(|value| read_shares(value, MOST), schema)
}

/// A budget and its use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budget)]
pub struct BudgetBody {
    project: String,
    #[schema(value_type = sets::Period)]
    period: &'static str,
    limit: MoneyBody,
    #[schema(required)]
    country: Option<String>,
    alert_at: Vec<f64>,
    /// The charges of attempts that were planned in this period, in the limit's currency.
    #[schema(example = "12.34")]
    spent: String,
    /// The estimates of attempts whose cost is still unknown.
    #[schema(example = "0.05")]
    reserved: String,
    #[schema(value_type = String, format = DateTime)]
    resets_at: String,
}

/// The current budgets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budgets)]
pub struct BudgetsBody {
    items: Vec<BudgetBody>,
}

/// List budgets
///
/// With the amount spent and reserved of each.
#[utoipa::path(
    get, operation_id = "listBudgets", path = "/v1/budgets", tag = "Finance",
    responses((status = 200, description = "The current budgets", body = BudgetsBody)),
    security(("key" = ["finance"]))
)]
pub async fn list(
    caller: Caller<Finance>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Query::read(&request)?.finish()?;
    answer(&gateway, &caller.access).await
}

/// Replace the budgets
///
/// Of every project that the key covers: a project that is not named has no budget afterwards. They apply to messages sent from
/// now on; a new budget starts with the amount already spent in its period.
#[utoipa::path(
    put, operation_id = "putBudgets", path = "/v1/budgets", tag = "Finance",
    request_body = NewBudgetsBody,
    responses((status = 200, description = "The new budgets", body = BudgetsBody)),
    security(("key" = ["admin"]))
)]
pub async fn put(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::json(&request, &body)?;
    let mut seen = std::collections::HashSet::new();
    let wanted = NewBudgetsBody::read(&mut fields, |item| {
        let new = read(item, &caller, &gateway)?;
        let budget = &new.budget;
        let twin = (
            new.project,
            budget.period,
            budget.country,
            budget.limit.currency.to_string(),
        );
        if !seen.insert(twin) {
            item.fault(
                "period",
                "repeats the project, period, country and currency of another item".to_owned(),
            );
        }
        Some(new)
    });
    let wanted: Vec<NewBudget> = fields.finish_with(wanted)?;
    match gateway.admin().put_budgets(&caller.access, &wanted).await {
        Ok(()) => answer(&gateway, &caller.access).await,
        Err(BudgetError::NoRate { row, from, to }) => Err(Problem::field(
            Code::ExchangeRateMissing,
            &format!("/items/{row}/limit/currency"),
            format!(
                "is {to}, and there is no exchange rate for {from}, the currency of a provider; PUT /v1/exchange-rates adds one"
            ),
        )),
        Err(BudgetError::Project(ProjectError::Policy(faults))) => {
            let fault = |fault: crate::gateway::PolicyFault| FieldFault {
                pointer: fault.pointer,
                detail: fault.detail,
            };
            Err(Fault::invalid(faults.into_iter().map(fault).collect()).into())
        }
        Err(BudgetError::Failed(trouble)) => Err(Problem::of(trouble, gateway.now())),
        Err(BudgetError::Project(_)) => Err(Problem::of(Error::Unavailable, gateway.now())),
    }
}

fn read(item: &mut Fields, caller: &Caller<Admin>, gateway: &Gateway) -> Option<NewBudget> {
    let named = item.peek("project").map(str::to_owned);
    let asked = NewBudgetBody::read(item);
    // Looked up whatever else is wrong, so that all faults are reported at once.
    let project = project(item, named.as_deref(), caller, gateway);
    let asked = asked?;
    Some(NewBudget {
        project: project?,
        budget: Budget {
            period: asked.period,
            limit: asked.limit.money(),
            country: asked.country,
            alert_at: asked.alert_at.unwrap_or_else(|| Budget::ALERT_AT.to_vec()),
        },
    })
}

fn project(
    item: &mut Fields,
    named: Option<&str>,
    caller: &Caller<Admin>,
    gateway: &Gateway,
) -> Option<ProjectId> {
    if item.blames("project") {
        return None;
    }
    match caller.project(gateway, named) {
        Ok(Some(project)) => return Some(project),
        Ok(None) => item.fault(
            "project",
            "is required with a key of the whole instance".to_owned(),
        ),
        Err(_) => {
            let name = named.unwrap_or_default();
            item.fault(
                "project",
                format!("`{name}` is not a project that the key covers"),
            );
        }
    }
    None
}

fn read_shares(value: &Value, most: usize) -> Result<Vec<u16>, String> {
    const MEND: &str = "must be a list of up to ten shares, from 0.001 to 1 with three decimals at most, such as [0.5, 0.8]";
    let list = value
        .as_array()
        .filter(|list| list.len() <= most)
        .ok_or(MEND)?;
    let share = |value: &Value| {
        let given = value.as_f64().ok_or(MEND)? * 1_000.0;
        let share = given.round();
        if !(1.0..=1_000.0).contains(&share) || (given - share).abs() > 1e-9 {
            return Err(MEND.to_owned());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 1000"
        )]
        Ok(share as u16)
    };
    let mut shares: Vec<u16> = list.iter().map(share).collect::<Result<_, String>>()?;
    shares.sort_unstable();
    shares.dedup();
    Ok(shares)
}

async fn answer(gateway: &Gateway, access: &Access) -> Result<HttpResponse, Problem> {
    let budgets = gateway.finance().budgets(access).await;
    let budgets = budgets.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let body = |state: BudgetState| {
        let currency = state.budget.limit.currency;
        BudgetBody {
            project: gateway
                .directory()
                .project_name(state.project)
                .unwrap_or_default(),
            period: state.budget.period.as_str(),
            country: state.budget.country.map(|country| country.to_string()),
            alert_at: state
                .budget
                .alert_at
                .iter()
                .map(|share| f64::from(*share) / 1_000.0)
                .collect(),
            spent: Money::new(state.spent, currency).decimal(),
            reserved: Money::new(state.reserved, currency).decimal(),
            resets_at: rfc3339(state.resets_at),
            limit: state.budget.limit.into(),
        }
    };
    Ok(HttpResponse::Ok().json(BudgetsBody {
        items: budgets.into_iter().map(body).collect(),
    }))
}
