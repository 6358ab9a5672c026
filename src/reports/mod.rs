//! Figures for people who pay: what is asked for, the calendar that it is asked in, and the rows that come out. Pure.
//!
//! A report begins as a [`query::Query`], which becomes periods of a [`calendar`]; `storage` sums what stands in each; then
//! [`costs`] or [`conversion`] shapes the rows, and [`table`], [`csv`] and [`xlsx`] write them; [`entries`] are
//! the lines that they are sums of. To add a column: a field of the
//! report's figures, and its line in the report's table.

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
