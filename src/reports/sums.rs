//! What `storage` answers: sums of one period and group.

use uuid::Uuid;

use crate::ledger::tally::Measure;

/// Which project, channel, provider and country; `None` where rows are not told apart by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub project: Option<Uuid>,
    pub channel: Option<String>,
    pub provider: Option<String>,
    pub country: Option<String>,
}

/// Sums of one currency; counts have none.
#[derive(Clone, Debug)]
pub struct Sums {
    /// The place of the period among those asked for.
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

/// How many of each stage took so long.
#[derive(Clone, Debug)]
pub struct Times {
    pub period: usize,
    pub place: Place,
    pub bin: i64,
    /// In the order of [`Measure::TIMED`].
    pub values: [i64; Measure::TIMED.len()],
}
