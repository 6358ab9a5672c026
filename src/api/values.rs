//! Values that several resources read and write alike: money, times, ids.

use chrono::{DateTime, Datelike, Days, NaiveDate, SecondsFormat, Utc};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::body::body;
use super::forms::{amount, currency};
use super::problem::{Code, Problem};
use crate::money::{Currency, Micros, Money};
use crate::verification::numbers::PhoneError;
use crate::web::Query;

body! {
    /// An amount, as a decimal string with at least the currency's minor digits.
    open struct MoneyBody as "Money" {
        required amount: Micros = amount(None),
        /// ISO 4217.
        required currency: Currency = currency(None),
    }
}

impl MoneyBody {
    pub fn money(&self) -> Money {
        Money::new(self.amount, self.currency)
    }
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount,
            currency: money.currency,
        }
    }
}

impl Serialize for MoneyBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Money", 2)?;
        fields.serialize_field("amount", &self.money().decimal())?;
        fields.serialize_field("currency", &self.currency.to_string())?;
        fields.end()
    }
}

/// RFC 3339 in UTC, to the microsecond where there are any.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

const NOT_A_MOMENT: &str =
    "must be a date such as 2026-11-01, or a time such as 2026-11-01T12:00:00Z";

/// The name of the project that a list is about, if one is given.
pub fn project(query: &mut Query) -> Option<String> {
    query.take("project", |text| Ok(text.to_owned()))
}

/// `from` and `to`: from the first one on, and before the second.
pub fn moments(query: &mut Query) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
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
pub fn moment(text: &str, end: bool) -> Result<DateTime<Utc>, String> {
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

/// A number that cannot be verified. Visitors write them, so these faults have codes of their own.
pub fn bad_number(error: PhoneError) -> Problem {
    let code = match error {
        PhoneError::Invalid(_) => Code::PhoneNumberInvalid,
        PhoneError::Unsupported(_) => Code::PhoneNumberUnsupported,
    };
    Problem::field(code, "/phone_number", error.to_string())
}

/// An id from the path, in the one way to write it, so that a request has one path.
pub fn path_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}
