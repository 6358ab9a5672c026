//! Rows of a report before they become JSON, CSV, a spreadsheet or lines on a terminal: one shape for all, so that all say the
//! same.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::calendar::Period;
use super::query::{Group, Query};
use super::sums::Place;
use crate::money::{Currency, Micros};

/// A report's rows and their sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Of its money.
    pub currency: Currency,
    /// How many of the columns name the row.
    pub keys: usize,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// Without the columns that name a row.
    pub total: Vec<Cell>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Count(i64),
    Money(Micros),
    /// `None`: nothing came so far.
    Seconds(Option<f64>),
}

impl Cell {
    /// As text, money with the digits of its currency at least; empty for what there is none of.
    #[must_use]
    pub fn text(&self, currency: Currency) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Money(amount) => amount.to_decimal(currency.minor_digits()),
            Self::Seconds(seconds) => seconds.map(|s| s.to_string()).unwrap_or_default(),
        }
    }
}

impl Table {
    /// A row, or the total, as an object.
    fn object<'a>(&self, names: &'a [&'static str], cells: &'a [Cell]) -> Object<'a> {
        Object {
            names,
            cells,
            currency: self.currency,
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = Object<'_>> {
        self.rows.iter().map(|row| self.object(&self.columns, row))
    }

    #[must_use]
    pub fn total(&self) -> Object<'_> {
        self.object(&self.columns[self.keys..], &self.total)
    }

    /// The last line of a table: `total` in the first column that names a row, and the sums.
    #[must_use]
    pub fn last_row(&self) -> Vec<Cell> {
        let mut row = vec![Cell::Text(String::new()); self.keys];
        if let Some(first) = row.first_mut() {
            *first = Cell::Text("total".to_owned());
        }
        row.extend(self.total.iter().cloned());
        row
    }
}

/// Named cells, which serialize as an object in their order; money as a decimal string.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    names: &'a [&'static str],
    cells: &'a [Cell],
    currency: Currency,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.cells.len()))?;
        for (name, cell) in self.names.iter().zip(self.cells) {
            match cell {
                Cell::Text(text) => map.serialize_entry(name, text)?,
                Cell::Count(count) => map.serialize_entry(name, count)?,
                Cell::Money(_) => map.serialize_entry(name, &cell.text(self.currency))?,
                Cell::Seconds(seconds) => map.serialize_entry(name, seconds)?,
            }
        }
        map.end()
    }
}

/// What names a row, in an order that sorts hours by time also where the clock shows one twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(Vec<(i64, String)>);

impl Key {
    /// Of the only row of a report without groups.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    pub fn of(
        query: &Query,
        period: &Period,
        place: &Place,
        project_name: impl Fn(uuid::Uuid) -> Option<String>,
    ) -> Self {
        let text = |text: &Option<String>| (0, text.clone().unwrap_or_default());
        let part = |group: &Group| match group {
            Group::Hour => (period.starts_at, period.label(Group::Hour)),
            Group::Month | Group::Week | Group::Day => (0, period.label(*group)),
            Group::Project => {
                let id = place.project.unwrap_or_default();
                (0, project_name(id).unwrap_or_else(|| id.to_string()))
            }
            Group::Channel => text(&place.channel),
            Group::Provider => text(&place.provider),
            Group::Country => text(&place.country),
        };
        Self(query.groups.iter().map(part).collect())
    }

    pub fn cells(self) -> impl Iterator<Item = Cell> {
        self.0.into_iter().map(|(_, text)| Cell::Text(text))
    }
}
