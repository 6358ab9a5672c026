//! Every word of the pages, in a folder per language.
//!
//! To add a word: its line in `english`, which declares it, and in each other language; a missing word does not compile. To add a
//! language: a copy of the folder `russian`, its module here, and its entry in [`Language::ALL`].

pub mod faults;

mod english;
mod language;
mod languages;
mod russian;
mod words;

pub use english::access::AccessTexts;
pub use english::base::Texts;
pub use english::faults::FaultTexts;
pub use english::money::MoneyTexts;
pub use english::rules::RulesTexts;
pub use language::Language;
pub(in crate::dashboard::text) use words::words;
