//! The texts of all pages, in one folder per language.
//!
//! To add a text: its line in `english`, which declares it, and in every other language; a missing text does not compile. To
//! add a language: a translated copy of the folder `russian`, its module here, its entry in [`Language::ALL`], and its notation in
//! `locale`, where the compiler then names the titles of reports that lack it.

pub mod faults;

mod english;
mod language;
mod languages;
mod russian;
mod words;

pub use english::access::AccessTexts;
pub use english::audit::AuditTexts;
pub use english::base::Texts;
pub use english::faults::FaultTexts;
pub use english::guard::GuardTexts;
pub use english::integrations::IntegrationTexts;
pub use english::money::MoneyTexts;
pub use english::rules::RulesTexts;
pub use language::Language;
pub(in crate::dashboard::text) use words::words;
