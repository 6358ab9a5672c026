//! The append-only ledger, the prices behind estimates, and the sums for reports. Pure.
//!
//! To add a kind of entry: a variant of [`entry::Kind`], and the [`measure`] that it counts in.

pub mod entry;
pub mod measure;
pub mod price;
pub mod rates;
pub mod tally;
