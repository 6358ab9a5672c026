//! `GET /v1/verifications/{id}` and `GET /v1/verifications`.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::VerificationBody;
use crate::api::caller::{Caller, Verify};
use crate::api::input::Query;
use crate::api::openapi::parameters::{Page, VerificationFilter};
use crate::api::problem::Problem;
use crate::gateway::{Gateway, ListQuery};
use crate::verification::Status;
use crate::verification::id::VerificationId;
use crate::verification::phone::PhoneNumber;

/// A page of verifications, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VerificationList)]
pub struct ListBody {
    items: Vec<VerificationBody>,
    /// For `cursor` of the next request; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A verification as it stands
#[utoipa::path(
    get, operation_id = "getVerification", path = "/v1/verifications/{id}", tag = "Verifications",
    params(("id" = Uuid, Path, description = "The verification's id")),
    responses(
        (status = 200, description = "The verification", body = VerificationBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn find(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    let found = gateway.find(&caller.access, id).await;
    let verification = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    Ok(super::answer(200, &verification, false))
}

/// Verifications, newest first
#[utoipa::path(
    get, operation_id = "listVerifications", path = "/v1/verifications", tag = "Verifications",
    params(VerificationFilter, Page),
    responses(
        (status = 200, description = "A page", body = ListBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn list(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    request: actix_web::HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::read(&request)?;
    let named = query.take("project", |text| Ok(text.to_owned()));
    let phone = query.take("phone_number", |text| {
        // A plus sign that was not escaped reads as a space.
        let text = text
            .strip_prefix(' ')
            .map_or_else(|| text.to_owned(), |digits| format!("+{digits}"));
        PhoneNumber::parse(&text)
            .map(|(phone, _)| phone)
            .map_err(|error| error.to_string())
    });
    let status = query.take("status", |text| {
        let known = Status::NAMES.into_iter().find(|name| *name == text);
        known.ok_or_else(|| format!("must be one of {}", Status::NAMES.join(", ")))
    });
    let (from, before) = moments(&mut query);
    let cursor = query.take("cursor", |text| {
        Uuid::try_parse(text)
            .map(VerificationId::from_uuid)
            .map_err(|_| "is not a cursor of this list".to_owned())
    });
    let limit = query.limit();
    query.finish()?;
    let project = caller.project(&gateway, named.as_deref())?;
    let list = ListQuery {
        project,
        phone,
        status,
        from,
        before,
        cursor,
        limit: limit + 1,
    };
    let found = gateway.list(&caller.access, list).await;
    let mut found = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let more = found.len() > usize::try_from(limit).unwrap_or(0);
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let next_cursor = found
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    let items = found
        .iter()
        .map(|v| VerificationBody::of(v, false))
        .collect();
    Ok(HttpResponse::Ok().json(ListBody { items, next_cursor }))
}

const NOT_A_MOMENT: &str =
    "must be a date such as 2026-11-01, or a time such as 2026-11-01T12:00:00Z";

/// `from` and `to`: from the first one on, and before the second.
pub(in crate::api) fn moments(query: &mut Query) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let from = query.take("from", |text| moment(text, false));
    let before = query.take("to", |text| moment(text, true));
    if let (Some(from), Some(before)) = (from, before)
        && before < from
    {
        query.fault("to", "is before from; swap them".to_owned());
    }
    (from, before)
}

/// A date or a time. A date as the end of a range means the end of that day, in UTC.
pub(in crate::api) fn moment(text: &str, end: bool) -> Result<DateTime<Utc>, String> {
    // RFC 3339 has years of four digits, and the calendar of a database is not endless either.
    let four_digits = text.len() > 4
        && text.as_bytes()[4] == b'-'
        && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    if !four_digits || text.starts_with("0000") {
        return Err(NOT_A_MOMENT.to_owned());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        let day = if end {
            day.checked_add_days(Days::new(1))
        } else {
            Some(day)
        };
        let midnight = day.and_then(|day| day.and_hms_opt(0, 0, 0));
        let midnight = midnight.ok_or_else(|| "is beyond the calendar".to_owned())?;
        return kept(midnight.and_utc());
    }
    // A plus sign that was not escaped reads as a space.
    DateTime::parse_from_rfc3339(&text.replace(' ', "+"))
        .map_err(|_| NOT_A_MOMENT.to_owned())
        .and_then(|time| kept(time.to_utc()))
}

/// As both databases keep it: whole microseconds, no leap second, a year of four digits.
fn kept(time: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    /// The last microsecond of 9999.
    const LAST: i64 = 253_402_300_799_999_999;
    DateTime::from_timestamp_micros(time.timestamp_micros().min(LAST))
        .filter(|time| time.year() >= 1)
        .ok_or_else(|| NOT_A_MOMENT.to_owned())
}
