//! Sums of one period and group, as read from `storage`.

use uuid::Uuid;

use crate::ledger::measure::Measure;

/// The project, channel, provider and country of a row; `None` if the query does not group by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub project: Option<Uuid>,
    pub channel: Option<String>,
    pub provider: Option<String>,
    pub country: Option<String>,
}

/// Sums in one currency; counts have an empty one.
#[derive(Clone, Debug)]
pub struct Sums {
    /// Index of the period in the query.
    pub period: usize,
    pub place: Place,
    pub currency: String,
    /// In the order of [`Measure::ALL`].
    pub values: [i64; Measure::ALL.len()],
}

impl Sums {
    #[must_use]
    pub fn get(&self, measure: Measure) -> i64 {
        self.values[measure as usize]
    }
}

/// Counts of one duration bin, by stage.
#[derive(Clone, Debug)]
pub struct Times {
    pub period: usize,
    pub place: Place,
    pub bin: i64,
    /// In the order of [`Measure::TIMED`].
    pub values: [i64; Measure::TIMED.len()],
}
