//! Reads `retention` of a policy: ages of a project's own, shorter than those of the installation.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::reader::{Checked, Field, optional};
use crate::verification::policy::Ages;
use crate::verification::span;

const DAY: Duration = Duration::from_hours(24);

/// Of numbers and clients. Not before a verification leaves the hot table.
pub(super) const RANGE: RangeInclusive<Duration> =
    Duration::from_hours(3 * 24)..=Duration::from_hours(3_650 * 24);

pub(super) fn read(field: Field<'_>) -> Checked<Ages> {
    let mut table = field.table()?;
    let numbers = optional(table.find("numbers"), |field| field.span(RANGE));
    let client = optional(table.find("client"), |field| field.span(RANGE));
    let decisions = optional(table.find("decisions"), |field| {
        field.span(7 * DAY..=3_650 * DAY)
    });
    table.finish();
    Ok(Ages {
        numbers: numbers?,
        client: client?,
        decisions: decisions?,
    })
}

/// As [`read`] reads them.
pub(super) fn written(ages: &Ages) -> Value {
    let all = [
        ("numbers", ages.numbers),
        ("client", ages.client),
        ("decisions", ages.decisions),
    ];
    let own = all
        .into_iter()
        .filter_map(|(name, age)| Some((name.to_owned(), json!(span::format(age?)))));
    Value::Object(own.collect::<Map<String, Value>>())
}
