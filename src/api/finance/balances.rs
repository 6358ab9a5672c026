//! `/v1/balances`: what is left with each provider, and what people book by hand.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ledger::EntryBody;
use crate::api::caller::{Admin, Caller, Finance};
use crate::api::idempotency;
use crate::api::input::{Fields, Query, characters, money};
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::{Code, Problem};
use crate::api::verifications::find::moment;
use crate::api::verifications::rfc3339;
use crate::gateway::{Balance, BookError, Gateway, NewEntry};
use crate::ledger::entry::Kind;
use crate::money::{Micros, Money};

/// An account with a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balance)]
pub struct BalanceBody {
    /// Its name in the configuration.
    provider: String,
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    /// By the ledger: top-ups and adjustments less charges, with what came back.
    #[schema(example = "98.77")]
    computed: String,
    /// What the provider said last, where it says it.
    #[schema(required)]
    reported: Option<String>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    reported_at: Option<String>,
    /// `reported` less `computed`.
    #[schema(required)]
    drift: Option<String>,
    /// Below it, `balance.low` is told; `balance_threshold` of the configuration.
    #[schema(required)]
    threshold: Option<String>,
    /// How long it lasts at the rate of the last seven whole days; null when nothing was spent in them.
    #[schema(required)]
    runway_days: Option<f64>,
}

/// All accounts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balances)]
pub struct BalancesBody {
    items: Vec<BalanceBody>,
}

/// What a person books.
#[derive(Debug, ToSchema)]
#[schema(as = NewLedgerEntry)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct NewEntryBody {
    /// More than 0 for a top-up; an adjustment may be negative.
    #[schema(pattern = r"^-?[0-9]+(\.[0-9]{1,6})?$", example = "100")]
    amount: String,
    /// The account's.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: String,
    /// Why; an adjustment needs one.
    #[schema(max_length = 500)]
    note: Option<String>,
    /// When it was: a date or a time, not in the future; now without it.
    #[schema(example = "2026-11-24")]
    at: Option<String>,
}

/// Balances of all provider accounts
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
    let balances = gateway.balances().await;
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
    body: web::Bytes,
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
    body: web::Bytes,
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
    let mut fields = Fields::read(request, body)?;
    let money = money(&mut fields);
    let note = |least| {
        move |value: &Value| {
            let note = characters(500)(value)?;
            let note = note.trim();
            if note.chars().count() < least {
                return Err("must say why".to_owned());
            }
            Ok(note.to_owned())
        }
    };
    let note = match kind {
        Kind::Adjustment => fields.require("note", note(1)),
        _ => fields.take("note", note(0)),
    };
    let at = fields.take("at", |value: &Value| {
        moment(value.as_str().ok_or("must be a string")?, false)
    });
    match money {
        Some(money) if kind == Kind::TopUp && money.amount <= Micros::ZERO => {
            fields.fault(
                "amount",
                "must be more than 0; a correction downwards is an adjustment".to_owned(),
            );
        }
        Some(money) if money.amount == Micros::ZERO => {
            fields.fault("amount", "must not be 0".to_owned());
        }
        _ => {}
    }
    fields.finish()?;
    let new = NewEntry {
        provider: provider.to_owned(),
        kind,
        money: money.ok_or_else(Problem::unavailable)?,
        note: note.filter(|note| !note.is_empty()),
        author: format!("key {}", caller.access.key),
        at,
    };
    let path = request.path().to_owned();
    idempotency::once(
        gateway,
        &caller.access,
        (None, &path),
        request,
        body,
        async |ticket| match gateway.book(new, ticket).await {
            Ok(entry) => Ok(HttpResponse::Created().json(EntryBody::of(gateway, &entry))),
            Err(error) => Err(refused(error, gateway)),
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
                crate::api::input::printable(&name)
            ),
        ),
        BookError::WrongCurrency(currency) => Problem::field(
            Code::InvalidRequest,
            "/currency",
            format!("must be {currency}, which this account is in"),
        ),
        BookError::Future => Problem::field(
            Code::InvalidRequest,
            "/at",
            "lies in the future; book it when it has happened",
        ),
        BookError::TooOld => Problem::field(
            Code::InvalidRequest,
            "/at",
            "lies before 1970; reports begin there",
        ),
        BookError::TooMuch => Problem::field(
            Code::InvalidRequest,
            "/amount",
            "would take the account beyond 1000000000000; correct what was booked before",
        ),
        BookError::Trouble(trouble) => Problem::of(trouble, gateway.now()),
    }
}

pub(in crate::api) async fn tell_again(
    gateway: &Gateway,
    id: Uuid,
) -> Result<HttpResponse, Problem> {
    let entry = gateway.entry(id).await;
    let entry = entry.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    Ok(HttpResponse::Created().json(EntryBody::of(gateway, &entry)))
}
