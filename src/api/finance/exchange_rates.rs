//! `/v1/exchange-rates`: the rates between currencies, by day.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;

use crate::api::body::{Form, RawBody, body, list_body};
use crate::api::caller::{Admin, Caller, Finance};
use crate::api::forms::{self, value};
use crate::api::problem::Problem;
use crate::gateway::Gateway;
use crate::money::Currency;
use crate::reports::exchange::{ExchangeRate, Factor};
use crate::web::{Fields, Query};

body! {
    /// The value of one unit of a currency in another, from a day on.
    open struct RateBody as "ExchangeRate" {
        required date: NaiveDate = forms::day(),
        required from: Currency = forms::currency(Some("RUB")),
        required to: Currency = forms::currency(Some("USD")),
        /// Up to twelve decimals, below a million.
        required rate: Factor = factor(),
    }
}

list_body! {
    /// All rates, newest day first.
    open struct RatesBody as "ExchangeRates" { items: RateBody, at most 500 }
}

fn factor() -> impl Form<Out = Factor> {
    let read = |value: &Value| match value.as_str() {
        Some(text) => Factor::parse(text).map_err(|error| error.to_string()),
        None => Err("must be a string such as \"0.0105\"".to_owned()),
    };
    value(read, |schema| {
        let schema = schema.pattern(Some(r"^[0-9]{1,6}(\.[0-9]+)?$"));
        schema.examples(["0.0105"])
    })
}

#[derive(Serialize)]
struct Answer {
    items: Vec<AnswerItem>,
}

/// As [`RateBody`] describes it.
#[derive(Serialize)]
struct AnswerItem {
    date: NaiveDate,
    from: String,
    to: String,
    rate: String,
}

/// List exchange rates
///
/// Newest day first.
#[utoipa::path(
    get, operation_id = "listExchangeRates", path = "/v1/exchange-rates", tag = "Finance",
    responses((status = 200, description = "All rates", body = RatesBody)),
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

/// Add exchange rates
///
/// A rate for the same day and currencies replaces the old one; the others stay. All are stored, or none.
#[utoipa::path(
    put, operation_id = "putExchangeRates", path = "/v1/exchange-rates", tag = "Finance",
    request_body = RatesBody,
    responses((status = 200, description = "All rates, including the new ones", body = RatesBody)),
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
        let RateBody {
            date,
            from,
            to,
            rate,
        } = RateBody::read(item)?;
        if from == to {
            item.fault("to", "is the same currency as from".to_owned());
        }
        if !seen.insert((date, from, to)) {
            item.fault("date", "is given twice with these currencies".to_owned());
        }
        Some(ExchangeRate {
            day: date,
            from,
            to,
            factor: rate,
        })
    });
    let rates: Vec<ExchangeRate> = fields.finish_with(rates)?;
    gateway
        .finance()
        .put_exchange_rates(&rates, &caller.access.by)
        .await
        .map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    answer(&gateway).await
}

async fn answer(gateway: &Gateway) -> Result<HttpResponse, Problem> {
    let rates = gateway.finance().exchange_rates().await;
    let rates = rates.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let item = |rate: ExchangeRate| AnswerItem {
        date: rate.day,
        from: rate.from.to_string(),
        to: rate.to.to_string(),
        rate: rate.factor.to_decimal(),
    };
    Ok(HttpResponse::Ok().json(Answer {
        items: rates.into_iter().map(item).collect(),
    }))
}
