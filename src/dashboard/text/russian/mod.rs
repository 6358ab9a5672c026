//! The Russian texts.

mod access;
mod audit;
mod base;
mod faults;
mod guard;
mod integrations;
mod money;
mod rules;

use super::language::Language;
use crate::locale::Locale;

pub const LANGUAGE: Language = Language {
    code: "ru",
    own_name: "Русский",
    locale: Locale::RUSSIAN,
    texts: &base::WORDS,
};
