//! `/v1/rates`: the rate card that estimates come from.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::caller::{Admin, Caller, Finance};
use crate::api::input::{Fields, Query, money, text};
use crate::api::openapi::sets;
use crate::api::problem::{FieldFault, Problem};
use crate::gateway::Gateway;
use crate::ledger::rates::{Rate, Unit};
use crate::money::Micros;
use crate::reports::query::date;
use crate::verification::phone::Country;
use crate::verification::route::Channel;

/// What a message costs from a day on.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Rate)]
pub struct RateBody {
    from_date: chrono::NaiveDate,
    #[schema(value_type = sets::Channel)]
    channel: String,
    /// Its name in the configuration.
    provider: String,
    /// ISO 3166, or `*` for the rest of the world.
    #[schema(pattern = r"^([A-Z]{2}|\*)$", example = "UZ")]
    country: String,
    #[schema(value_type = sets::RateUnit)]
    unit: String,
    #[schema(pattern = r"^[0-9]+(\.[0-9]{1,6})?$", example = "0.05")]
    amount: String,
    /// What the provider's account is billed in.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: String,
}

/// The rate card.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Rates)]
pub struct RatesBody {
    #[schema(max_items = 500)]
    items: Vec<RateBody>,
}

/// The rate card
///
/// By channel, provider and country; newest first. Before its first day the configured prices hold.
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
/// One of the same date, channel, provider and country takes the place of the old one; the others stay. All are taken, or none.
#[utoipa::path(
    put, operation_id = "putRates", path = "/v1/rates", tag = "Finance",
    request_body = RatesBody,
    responses((status = 200, description = "All rows, the new ones among them", body = RatesBody)),
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
        let rate = read(item)?;
        if !seen.insert((rate.from, rate.channel, rate.provider.clone(), rate.country)) {
            item.fault("from_date", "stands there twice with these keys".to_owned());
        }
        Some(rate)
    });
    fields.finish()?;
    let rates: Vec<Rate> = rates.unwrap_or_default().into_iter().flatten().collect();
    let put = gateway.put_rates(&rates).await;
    match put.map_err(|trouble| Problem::of(trouble, gateway.now()))? {
        Ok(()) => answer(&gateway).await,
        Err(fault) => Err(Problem::invalid(vec![FieldFault {
            pointer: format!("/items/{}/{}", fault.row, fault.field),
            detail: fault.problem.to_string(),
        }])),
    }
}

fn read(item: &mut Fields) -> Option<Rate> {
    let from = item.require("from_date", |value| {
        date(value.as_str().ok_or("must be a string")?)
    });
    let channel = item.require("channel", |value| {
        value.as_str().ok_or("must be a string")?.parse::<Channel>()
    });
    let provider = item.require("provider", text(1, 32));
    let country = item.require("country", |value| match value.as_str() {
        Some("*") => Ok(None),
        Some(code) => Country::existing(code).map(Some),
        None => Err("must be a string".to_owned()),
    });
    let unit = item.require("unit", |value| {
        let unit = value.as_str().and_then(Unit::parse);
        unit.ok_or_else(|| "must be message or segment".to_owned())
    });
    let price = money(item);
    if price.is_some_and(|price| price.amount < Micros::ZERO) {
        item.fault("amount", "must not be below 0".to_owned());
    }
    Some(Rate {
        from: from?,
        channel: channel?,
        provider: provider?,
        country: country?,
        unit: unit?,
        price: price?,
    })
}

async fn answer(gateway: &Gateway) -> Result<HttpResponse, Problem> {
    let rates = gateway.rates().await;
    let rates = rates.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let body = |rate: Rate| RateBody {
        from_date: rate.from,
        channel: rate.channel.to_string(),
        provider: rate.provider,
        country: rate
            .country
            .map_or_else(|| "*".to_owned(), |country| country.to_string()),
        unit: rate.unit.as_str().to_owned(),
        amount: rate.price.decimal(),
        currency: rate.price.currency.to_string(),
    };
    Ok(HttpResponse::Ok().json(RatesBody {
        items: rates.into_iter().map(body).collect(),
    }))
}
