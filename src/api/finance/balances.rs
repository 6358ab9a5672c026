//! `/v1/balances`: the balance of each provider account, and manual bookings.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ledger::EntryBody;
use crate::api::body::{RawBody, body};
use crate::api::caller::{Admin, Caller, Finance};
use crate::api::forms::{self, value};
use crate::api::idempotency;
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::{Code, Problem};
use crate::api::values::{moment, rfc3339};
use crate::gateway::{Balance, BookError, Error, Gateway, NewEntry, Replay};
use crate::ledger::entry::{Entry, Kind};
use crate::money::{Currency, Micros, Money};
use crate::web::fields::printable;
use crate::web::{Fields, Query};

/// An account with a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balance)]
pub struct BalanceBody {
    /// Its name in the configuration.
    provider: String,
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    /// From the ledger: top-ups, adjustments and refunds less charges.
    #[schema(example = "98.77")]
    computed: String,
    /// The balance that the provider reported last, if it reports one.
    #[schema(required)]
    reported: Option<String>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    reported_at: Option<String>,
    /// `reported` less `computed`.
    #[schema(required)]
    drift: Option<String>,
    /// Below it, `balance.low` is sent; `balance_threshold` of the configuration.
    #[schema(required)]
    threshold: Option<String>,
    /// How many days it lasts at the rate of the last seven whole days; null when nothing was spent in them.
    #[schema(required)]
    runway_days: Option<f64>,
}

/// All accounts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balances)]
pub struct BalancesBody {
    items: Vec<BalanceBody>,
}

body! {
    /// The ledger entry to book.
    closed struct NewEntryBody as "LedgerEntryRequest" {
        /// More than 0 for a top-up; an adjustment may be negative.
        required amount: Micros = forms::amount(Some("100")),
        /// The account's currency.
        required currency: Currency = forms::currency(Some("USD")),
        /// The reason; required for an adjustment.
        optional note: Option<String> = forms::note(500),
        /// When it happened: a date or a time, not in the future; now if omitted.
        optional at: Option<DateTime<Utc>> = at(),
    }
}

fn at() -> impl crate::api::body::Form<Out = DateTime<Utc>> {
    let read = |value: &Value| moment(value.as_str().ok_or("must be a string")?, false);
    value(read, |schema| schema.examples(["2026-11-24"]))
}

/// List balances
///
/// Of all provider accounts.
#[utoipa::path(
    get, operation_id = "listBalances", path = "/v1/balances", tag = "Finance",
    responses((status = 200, description = "In the order of the configuration", body = BalancesBody)),
    security(("key" = ["finance"]))
)]
pub async fn list(
    _: Caller<Finance>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Query::read(&request)?.finish()?;
    let balances = gateway.finance().balances().await;
    let balances = balances.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    Ok(HttpResponse::Ok().json(BalancesBody {
        items: balances.iter().map(BalanceBody::of).collect(),
    }))
}

impl BalanceBody {
    fn of(balance: &Balance) -> Self {
        let decimal = |amount: Micros| Money::new(amount, balance.currency).decimal();
        Self {
            provider: balance.provider.clone(),
            currency: balance.currency.to_string(),
            computed: decimal(balance.computed),
            reported: balance.reported.map(decimal),
            reported_at: balance.reported_at.map(rfc3339),
            drift: balance.drift().map(decimal),
            threshold: balance.threshold.map(decimal),
            runway_days: balance.runway_days,
        }
    }
}

/// Book a top-up
#[utoipa::path(
    post, operation_id = "topUp", path = "/v1/balances/{provider}/top-ups", tag = "Finance",
    params(("provider" = String, Path, description = "Its name in the configuration"), Idempotency),
    request_body = NewEntryBody,
    responses((status = 201, description = "Booked", body = EntryBody)),
    security(("key" = ["admin"]))
)]
pub async fn top_up(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    provider: web::Path<String>,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    book(Kind::TopUp, &caller, &gateway, &request, &provider, &body).await
}

/// Book an adjustment
///
/// A correction of the books, signed, with the reason in `note`.
#[utoipa::path(
    post, operation_id = "adjustBalance", path = "/v1/balances/{provider}/adjustments", tag = "Finance",
    params(("provider" = String, Path, description = "Its name in the configuration"), Idempotency),
    request_body = NewEntryBody,
    responses((status = 201, description = "Booked", body = EntryBody)),
    security(("key" = ["admin"]))
)]
pub async fn adjust(
    caller: Caller<Admin>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    provider: web::Path<String>,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    book(
        Kind::Adjustment,
        &caller,
        &gateway,
        &request,
        &provider,
        &body,
    )
    .await
}

async fn book(
    kind: Kind,
    caller: &Caller<Admin>,
    gateway: &Gateway,
    request: &HttpRequest,
    provider: &str,
    body: &[u8],
) -> Result<HttpResponse, Problem> {
    caller.instance_only()?;
    let mut fields = Fields::json(request, body)?;
    let asked = NewEntryBody::read(&mut fields);
    if let Some(asked) = &asked {
        let why = asked.note.as_deref().unwrap_or_default();
        if kind == Kind::Adjustment && why.is_empty() && !fields.blames("note") {
            fields.fault("note", "is required; it must say why".to_owned());
        }
        if kind == Kind::TopUp && asked.amount <= Micros::ZERO {
            fields.fault(
                "amount",
                "must be more than 0; book a downward correction as an adjustment".to_owned(),
            );
        } else if asked.amount == Micros::ZERO {
            fields.fault("amount", "must not be 0".to_owned());
        }
    }
    let asked = fields.finish_with(asked)?;
    let new = NewEntry {
        provider: provider.to_owned(),
        kind,
        money: Money::new(asked.amount, asked.currency),
        note: asked.note.filter(|note| !note.is_empty()),
        author: gateway.directory().key_title(caller.access.key),
        at: asked.at,
    };
    let path = request.path().to_owned();
    idempotency::once(
        gateway,
        (None, &path),
        request,
        body,
        async |ticket| match gateway.finance().book(new, &caller.access.by, ticket).await {
            Ok(entry) => Ok(booked(gateway, &entry)),
            Err(error) => Err(refused(error, gateway)),
        },
        async |replay| {
            let Replay::Entry { id } = replay else {
                return None;
            };
            let entry = gateway.finance().entry(id).await;
            let entry = entry.map_err(|trouble| Problem::of(trouble, gateway.now()));
            Some(entry.map(|entry| booked(gateway, &entry)))
        },
    )
    .await
}

fn refused(error: BookError, gateway: &Gateway) -> Problem {
    match error {
        BookError::NoProvider(name) => Problem::new(
            Code::NotFound,
            format!(
                "`{}` is not a provider; GET /v1/balances lists them.",
                printable(&name)
            ),
        ),
        BookError::WrongCurrency(currency) => Problem::field(
            Code::InvalidRequest,
            "/currency",
            format!("must be {currency}, the currency of this account"),
        ),
        BookError::Future => Problem::field(
            Code::InvalidRequest,
            "/at",
            "is in the future; book it when it has happened",
        ),
        BookError::TooOld => Problem::field(
            Code::InvalidRequest,
            "/at",
            "is before 1970, where reports begin",
        ),
        BookError::TooMuch => Problem::field(
            Code::InvalidRequest,
            "/amount",
            "would take the account beyond 1000000000000; correct earlier bookings",
        ),
        // Only the dashboard reverses entries.
        BookError::Reversed => Problem::of(Error::Internal, gateway.now()),
        BookError::Failed(trouble) => Problem::of(trouble, gateway.now()),
    }
}

fn booked(gateway: &Gateway, entry: &Entry) -> HttpResponse {
    HttpResponse::Created().json(EntryBody::of(gateway, entry))
}
