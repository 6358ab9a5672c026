//! Money as finance reads it: entries that are only ever added, and the prices that estimates come from. Pure.

pub mod entry;
pub mod price;
pub mod rates;
pub mod tally;
