//! Russian.

mod base;
mod faults;
mod manage;
mod money;

use super::language::Language;

pub const LANGUAGE: Language = Language {
    code: "ru",
    own_name: "Русский",
    texts: &base::WORDS,
};
