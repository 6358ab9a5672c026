//! `/v1/budgets`: what projects may spend in each period, and what of it is used.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::caller::{Admin, Caller, Finance};
use crate::api::input::{Fields, Query, money, text};
use crate::api::openapi::sets;
use crate::api::problem::{Code, FieldFault, Problem};
use crate::api::verifications::{MoneyBody, rfc3339};
use crate::gateway::{BudgetError, BudgetState, Gateway, NewBudget, ProjectError, Trouble};
use crate::money::{Micros, Money};
use crate::verification::budget::{Budget, Period};
use crate::verification::phone::Country;

/// What a project may spend.
#[derive(Debug, ToSchema)]
#[schema(as = NewBudget)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct NewBudgetBody {
    /// Its name; needed with a key of the whole instance.
    project: Option<String>,
    #[schema(value_type = sets::Period)]
    period: String,
    /// More than nothing.
    limit: MoneyBody,
    /// ISO 3166; null: every country.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: Option<String>,
    /// Shares of the limit that `budget.reached` tells of.
    #[schema(max_items = 10, example = json!([0.5, 0.8]))]
    alert_at: Option<Vec<f64>>,
}

/// All budgets of the projects that the key covers.
#[derive(Debug, ToSchema)]
#[schema(as = NewBudgets)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct NewBudgetsBody {
    #[schema(max_items = 500)]
    items: Vec<NewBudgetBody>,
}

/// A budget and what of it is used.
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
    /// What is charged of attempts that were planned in this period, in the limit's currency.
    #[schema(example = "12.34")]
    spent: String,
    /// The estimates of attempts whose cost is not known yet.
    #[schema(example = "0.05")]
    reserved: String,
    #[schema(value_type = String, format = DateTime)]
    resets_at: String,
}

/// The budgets that are in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budgets)]
pub struct BudgetsBody {
    items: Vec<BudgetBody>,
}

/// Budgets, and what of them is used
#[utoipa::path(
    get, operation_id = "listBudgets", path = "/v1/budgets", tag = "Finance",
    responses((status = 200, description = "Those in force", body = BudgetsBody)),
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
/// Of every project that the key covers: one that is not named has no budget afterwards. They hold for what is sent from now on;
/// one that is new in its period begins with what was spent in it already.
#[utoipa::path(
    put, operation_id = "putBudgets", path = "/v1/budgets", tag = "Finance",
    request_body = NewBudgetsBody,
    responses((status = 200, description = "Those in force now", body = BudgetsBody)),
    security(("key" = ["admin"]))
)]
pub async fn put(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::read(&request, &body)?;
    let mut seen = std::collections::HashSet::new();
    let wanted = fields.items(500, |item| {
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
                "is a second limit for the same project, period, country and currency".to_owned(),
            );
        }
        Some(new)
    });
    fields.finish()?;
    let wanted: Vec<NewBudget> = wanted.unwrap_or_default().into_iter().flatten().collect();
    match gateway.put_budgets(&caller.access, &wanted).await {
        Ok(()) => answer(&gateway, &caller.access).await,
        Err(BudgetError::NoRate { row, from, to }) => Err(Problem::field(
            Code::ExchangeRateMissing,
            &format!("/items/{row}/limit/currency"),
            format!(
                "is {to}, and there is no exchange rate for {from}, which a provider is paid in; PUT /v1/exchange-rates adds one"
            ),
        )),
        Err(BudgetError::Project(ProjectError::Policy(faults))) => {
            let fault = |fault: crate::gateway::PolicyFault| FieldFault {
                pointer: fault.pointer,
                detail: fault.detail,
            };
            Err(Problem::invalid(faults.into_iter().map(fault).collect()))
        }
        Err(BudgetError::Trouble(trouble)) => Err(Problem::of(trouble, gateway.now())),
        Err(BudgetError::Project(_)) => Err(Problem::of(Trouble::Unavailable, gateway.now())),
    }
}

fn read(item: &mut Fields, caller: &Caller<Admin>, gateway: &Gateway) -> Option<NewBudget> {
    let named = item.take("project", text(1, 100));
    let project = match caller.project(gateway, named.as_deref()) {
        Ok(Some(project)) => Some(project),
        Ok(None) => {
            item.fault(
                "project",
                "is required with a key of the whole instance".to_owned(),
            );
            None
        }
        Err(_) => {
            let name = named.unwrap_or_default();
            item.fault(
                "project",
                format!("`{name}` is not a project that the key covers"),
            );
            None
        }
    };
    let period = item.require("period", |value| {
        value
            .as_str()
            .and_then(Period::parse)
            .ok_or_else(|| "must be hour, day or month".to_owned())
    });
    let limit = item.object_required("limit", |fields| {
        let limit = money(fields)?;
        if limit.amount <= Micros::ZERO {
            fields.fault(
                "amount",
                "must be more than 0; without a limit, leave the budget out".to_owned(),
            );
        }
        Some(limit)
    });
    let country = item.take("country", |value| {
        Country::existing(value.as_str().ok_or("must be a string")?)
    });
    let alert_at = item.take("alert_at", shares);
    Some(NewBudget {
        project: project?,
        budget: Budget {
            period: period?,
            limit: limit.flatten()?,
            country,
            alert_at: alert_at.unwrap_or_else(|| Budget::ALERT_AT.to_vec()),
        },
    })
}

fn shares(value: &Value) -> Result<Vec<u16>, String> {
    const MEND: &str = "must be a list of up to ten shares, from 0.001 to 1 with three decimals at most, such as [0.5, 0.8]";
    let list = value
        .as_array()
        .filter(|list| list.len() <= 10)
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

async fn answer(
    gateway: &Gateway,
    access: &crate::gateway::Access,
) -> Result<HttpResponse, Problem> {
    let budgets = gateway.budgets(access).await;
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
