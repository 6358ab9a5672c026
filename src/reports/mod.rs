//! Finance and conversion reports: queries, calendars, currencies, tables and file formats. Pure.
//!
//! A [`query::Query`] becomes periods of a [`calendar`]; `storage` returns the sums of each period; [`costs`] or
//! [`conversion`] turns them into rows; [`table`], [`csv`] and [`xlsx`] write them. [`entries`] lists the underlying
//! ledger entries. To add a column: its name in the report's `FIGURES`, and its cell in the same place.

pub mod calendar;
pub mod conversion;
pub mod costs;
pub mod csv;
pub mod entries;
pub mod exchange;
pub mod query;
pub mod sums;
pub mod table;
pub mod xlsx;
