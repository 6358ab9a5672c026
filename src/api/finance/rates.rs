//! `/v1/rates`: the rate card, the source of estimates.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use serde::Serialize;

use crate::api::body::{Form, RawBody, body, list_body};
use crate::api::caller::{Admin, Caller, Finance};
use crate::api::forms::{self, named};
use crate::api::openapi::sets;
use crate::api::problem::Problem;
use crate::gateway::Gateway;
use crate::ledger::rates::{Rate, Unit};
use crate::money::{Currency, Micros, Money};
use crate::verification::phone::Country;
use crate::verification::route::Channel;
use crate::web::{Fault, FieldFault, Fields, Query};

body! {
    /// The price of a message from a day on.
    open struct RateBody as "Rate" {
        required from_date: NaiveDate = forms::day(),
        required channel: Channel = forms::channel(),
        /// The provider's name in the configuration.
        required provider: String = forms::provider(),
        /// ISO 3166, or `*` for the rest of the world.
        required country: Option<Country> = forms::country_or_rest(),
        required unit: Unit = unit(),
        required amount: Micros = forms::price(),
        /// The currency of the provider's account.
        required currency: Currency = forms::currency(Some("USD")),
    }
}

list_body! {
    /// The rate card.
    open struct RatesBody as "Rates" { items: RateBody, at most 500 }
}

fn unit() -> impl Form<Out = Unit> {
    named::<sets::RateUnit, _>(|value| {
        let unit = value.as_str().and_then(Unit::parse);
        unit.ok_or_else(|| "must be message or segment".to_owned())
    })
}

#[derive(Serialize)]
struct Answer {
    items: Vec<AnswerItem>,
}

/// As [`RateBody`] describes it.
#[derive(Serialize)]
struct AnswerItem {
    from_date: NaiveDate,
    channel: &'static str,
    provider: String,
    country: String,
    unit: &'static str,
    amount: String,
    currency: String,
}

/// List the rate card
///
/// By channel, provider and country; newest first. Before its first day the configured prices apply.
#[utoipa::path(
    get, operation_id = "listRates", path = "/v1/rates", tag = "Finance",
    responses((status = 200, description = "All rows", body = RatesBody)),
    security(("key" = ["finance"]))
)]
pub async fn list(
    _: Caller<Finance>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Query::read(&request)?.finish()?;
    answer(&gateway).await
}

/// Add rows to the rate card
///
/// A row for the same date, channel, provider and country replaces the old one; the others stay. All are stored, or none.
#[utoipa::path(
    put, operation_id = "putRates", path = "/v1/rates", tag = "Finance",
    request_body = RatesBody,
    responses((status = 200, description = "All rows, including the new ones", body = RatesBody)),
    security(("key" = ["admin"]))
)]
pub async fn put(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    caller.instance_only()?;
    let mut fields = Fields::json(&request, &body)?;
    let mut seen = std::collections::HashSet::new();
    let rates = RatesBody::read(&mut fields, |item| {
        let asked = RateBody::read(item)?;
        let rate = Rate {
            from: asked.from_date,
            channel: asked.channel,
            provider: asked.provider,
            country: asked.country,
            unit: asked.unit,
            price: Money::new(asked.amount, asked.currency),
        };
        if !seen.insert((rate.from, rate.channel, rate.provider.clone(), rate.country)) {
            item.fault("from_date", "is given twice with these keys".to_owned());
        }
        Some(rate)
    });
    let rates: Vec<Rate> = fields.finish_with(rates)?;
    let put = gateway.finance().put_rates(&rates, &caller.access.by).await;
    match put.map_err(|trouble| Problem::of(trouble, gateway.now()))? {
        Ok(()) => answer(&gateway).await,
        Err(fault) => Err(Fault::invalid(vec![FieldFault {
            pointer: format!("/items/{}/{}", fault.row, fault.field),
            detail: fault.problem.to_string(),
        }])
        .into()),
    }
}

async fn answer(gateway: &Gateway) -> Result<HttpResponse, Problem> {
    let rates = gateway.finance().rates().await;
    let rates = rates.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let item = |rate: Rate| AnswerItem {
        from_date: rate.from,
        channel: rate.channel.as_str(),
        provider: rate.provider,
        country: rate
            .country
            .map_or_else(|| "*".to_owned(), |country| country.to_string()),
        unit: rate.unit.as_str(),
        amount: rate.price.decimal(),
        currency: rate.price.currency.to_string(),
    };
    Ok(HttpResponse::Ok().json(Answer {
        items: rates.into_iter().map(item).collect(),
    }))
}
