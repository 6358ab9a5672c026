//! How numbers, money, dates and countries are written in a language, after the Unicode CLDR 45. Exact values and
//! interfaces for programs use none of this.
//!
//! To add a language: its file beside `english`, its place in [`Locale::ALL`], and its column in `countries.tsv`.

mod countries;
mod dates;
mod english;
mod languages;
mod notation;
pub mod numbers;
mod russian;

pub use notation::{LANGUAGES, Locale};
