//! The English texts.

pub mod access;
pub mod audit;
pub mod base;
pub mod faults;
pub mod guard;
pub mod integrations;
pub mod money;
pub mod rules;

use super::language::Language;
use crate::locale::Locale;

pub const LANGUAGE: Language = Language {
    code: "en",
    own_name: "English",
    locale: Locale::ENGLISH,
    texts: &base::WORDS,
};
