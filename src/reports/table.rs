//! A report's rows, in one form for JSON, CSV, spreadsheets and the terminal, so that all show the same values. To add
//! a type of cell: a variant of [`Cell`], and its text here and in `xlsx`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::calendar::Period;
use super::query::{Group, Query};
use super::sums::Place;
use crate::money::{Currency, Micros};

/// A report's rows and total.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The currency of all money cells.
    pub currency: Currency,
    /// Number of leading columns that identify the row.
    pub keys: usize,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// Without the columns that identify a row.
    pub total: Vec<Cell>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Count(i64),
    Money(Micros),
    /// `None`: nothing reached this stage.
    Seconds(Option<f64>),
}

impl Cell {
    /// As text. Money has at least its currency's minor digits; an absent duration is empty.
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
    /// What a row has in a column; `None`: the report has no such column.
    #[must_use]
    pub fn cell<'a>(&self, row: &'a [Cell], column: &str) -> Option<&'a Cell> {
        let place = self.columns.iter().position(|name| *name == column)?;
        row.get(place)
    }

    /// A row or the total, with column names.
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

    /// Whether it has amounts; a conversion report has none.
    #[must_use]
    pub fn has_money(&self) -> bool {
        self.columns.contains(&"net")
    }

    /// The total as the last row. Its first key column, if there is one, contains `total`.
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

/// Named cells. Serializes as an object in column order, with money as decimal strings.
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

/// Identifies a row. Sorts hours by time, even when the clock shows one twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(Vec<(i64, String)>);

impl Key {
    /// The key of the only row of a report without groups.
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
