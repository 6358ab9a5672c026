//! A language of the pages.

use super::Texts;
use crate::locale::Locale;

#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// Two letters, as in ISO 639-1.
    pub code: &'static str,
    pub own_name: &'static str,
    /// How it writes figures and dates.
    pub locale: &'static Locale,
    pub texts: &'static Texts,
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}
