//! Finance and conversion reports: queries, calendars, currencies, tables and file formats. Pure.
//!
//! A [`query::Query`] becomes periods of a [`calendar`]; `storage` returns the sums of each period; [`costs`] or
//! [`conversion`] turns them into rows; [`table`], [`csv`] and [`xlsx`] write them. [`entries`] lists the underlying
//! ledger entries, and [`words`] names the columns for people. To add a column: its name in the report's `FIGURES`, its cell
//! in the same place, and its words.

pub mod calendar;
pub mod conversion;
pub mod costs;
pub mod csv;
pub mod entries;
pub mod exchange;
pub mod query;
pub mod sums;
pub mod table;
pub mod words;
pub mod xlsx;
