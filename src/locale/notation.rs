//! What a language says about its notation. Data only; [`numbers`](super::numbers) and its neighbours write by it.

/// The number of languages; a text that lacks one does not compile.
pub const LANGUAGES: usize = 2;

/// A language's notation.
#[derive(Debug)]
pub struct Locale {
    /// Two letters, as in ISO 639-1.
    pub code: &'static str,
    /// Its place in [`Self::ALL`], and in arrays of texts.
    pub place: usize,
    pub(super) decimal: char,
    pub(super) group: char,
    /// Written after a percentage.
    pub(super) percent: &'static str,
    /// The second, abbreviated.
    pub(super) second: &'static str,
    /// Whether a currency's symbol comes before the amount.
    pub(super) symbol_first: bool,
    /// The currencies whose symbol is not their code.
    pub(super) symbols: &'static [(&'static str, &'static str)],
    /// Within a date.
    pub(super) months: [&'static str; 12],
    /// Alone, with a year.
    pub(super) month_names: [&'static str; 12],
    pub(super) dates: Patterns,
    /// The place of a whole number's form among the forms of a counted noun.
    pub(super) plural: fn(u64) -> usize,
}

/// How a language orders the parts of a date.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) day: &'static str,
    pub(super) day_of_year: &'static str,
    pub(super) month: &'static str,
    pub(super) week: &'static str,
    /// From one day to another of the same month.
    pub(super) within_month: &'static str,
}
