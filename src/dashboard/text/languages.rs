//! The list of languages, and how one is chosen.

use super::{Language, english, russian};
use crate::locale::Locale;

impl Language {
    pub const ALL: [Self; 2] = [english::LANGUAGE, russian::LANGUAGE];
    pub const ENGLISH: Self = english::LANGUAGE;

    pub fn parse(code: &str) -> Option<Self> {
        let mut languages = Self::ALL.into_iter();
        languages.find(|language| language.code == code)
    }

    /// The first language of an `Accept-Language` header that we have, else English.
    pub fn accepted(header: &str) -> Self {
        Self::parse(Locale::accepted(header).code).unwrap_or(Self::ENGLISH)
    }
}
