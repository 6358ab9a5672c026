//! The English texts.

pub mod access;
pub mod base;
pub mod faults;
pub mod money;
pub mod rules;

use super::language::Language;

pub const LANGUAGE: Language = Language {
    code: "en",
    own_name: "English",
    texts: &base::WORDS,
};
