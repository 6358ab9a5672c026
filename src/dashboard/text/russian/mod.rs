//! The Russian texts.

mod access;
mod base;
mod faults;
mod money;
mod rules;

use super::language::Language;

pub const LANGUAGE: Language = Language {
    code: "ru",
    own_name: "Русский",
    texts: &base::WORDS,
};
