//! `/v1/exchange-rates`: what currencies are worth in others, by day.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::caller::{Admin, Caller, Finance};
use crate::api::input::{Fields, Query};
use crate::api::problem::Problem;
use crate::gateway::Gateway;
use crate::money::Currency;
use crate::reports::exchange::{Factor, Rate};
use crate::reports::query::date;

/// What one unit of a currency is worth in another, from a day on.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = ExchangeRate)]
pub struct RateBody {
    date: chrono::NaiveDate,
    #[schema(pattern = "^[A-Z]{3}$", example = "RUB")]
    from: String,
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    to: String,
    /// Up to twelve decimals, below a million.
    #[schema(pattern = r"^[0-9]{1,6}(\.[0-9]+)?$", example = "0.0105")]
    rate: String,
}

/// All rates, newest day first.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = ExchangeRates)]
pub struct RatesBody {
    #[schema(max_items = 500)]
    items: Vec<RateBody>,
}

/// Exchange rates, newest day first
#[utoipa::path(
    get, operation_id = "listExchangeRates", path = "/v1/exchange-rates", tag = "Finance",
    responses((status = 200, description = "All of them", body = RatesBody)),
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
/// One of the same day and currencies takes the place of the old one; the others stay. All are taken, or none.
#[utoipa::path(
    put, operation_id = "putExchangeRates", path = "/v1/exchange-rates", tag = "Finance",
    request_body = RatesBody,
    responses((status = 200, description = "All of them, the new ones among them", body = RatesBody)),
    security(("key" = ["admin"]))
)]
pub async fn put(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    caller.instance_only()?;
    let mut fields = Fields::read(&request, &body)?;
    let mut seen = std::collections::HashSet::new();
    let rates = fields.items(500, |item| {
        let currency = |value: &serde_json::Value| {
            let text = value.as_str().ok_or("must be a string")?;
            text.parse::<Currency>().map_err(|error| error.to_string())
        };
        let text = |value: &serde_json::Value| -> Result<String, String> {
            Ok(value.as_str().ok_or("must be a string")?.to_owned())
        };
        let day = item.require("date", |value| date(&text(value)?));
        let from = item.require("from", currency);
        let to = item.require("to", currency);
        let factor = item.require("rate", |value| match value.as_str() {
            Some(text) => Factor::parse(text).map_err(|error| error.to_string()),
            None => Err("must be a string such as \"0.0105\"".to_owned()),
        });
        let rate = Rate {
            day: day?,
            from: from?,
            to: to?,
            factor: factor?,
        };
        if rate.from == rate.to {
            item.fault("to", "is the same currency as from".to_owned());
        }
        if !seen.insert((rate.day, rate.from, rate.to)) {
            item.fault(
                "date",
                "stands there twice with these currencies".to_owned(),
            );
        }
        Some(rate)
    });
    fields.finish()?;
    let rates: Vec<Rate> = rates.unwrap_or_default().into_iter().flatten().collect();
    gateway
        .put_exchange_rates(&rates)
        .await
        .map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    answer(&gateway).await
}

async fn answer(gateway: &Gateway) -> Result<HttpResponse, Problem> {
    let rates = gateway.exchange_rates().await;
    let rates = rates.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let body = |rate: Rate| RateBody {
        date: rate.day,
        from: rate.from.to_string(),
        to: rate.to.to_string(),
        rate: rate.factor.to_decimal(),
    };
    Ok(HttpResponse::Ok().json(RatesBody {
        items: rates.into_iter().map(body).collect(),
    }))
}
