//! English.

pub mod base;
pub mod faults;
pub mod manage;
pub mod money;

use super::language::Language;

pub const LANGUAGE: Language = Language {
    code: "en",
    own_name: "English",
    texts: &base::WORDS,
};
