//! The macro that declares texts.

/// Declares the texts of a subject from their English wording: a struct, which every language fills in, and its English value
/// `WORDS`. The block after `with` holds fields that are such structs themselves.
macro_rules! words {
    ($name:ident { $($word:ident: $text:expr),+ $(,)? }) => {
        words! { $name with {} { $($word: $text),+ } }
    };
    ($name:ident with { $($part:ident: $kind:ty = $words:expr),* $(,)? } { $($word:ident: $text:expr),+ $(,)? }) => {
        #[derive(Debug)]
        pub struct $name {
            $(pub $part: $kind,)*
            $(pub $word: &'static str,)+
        }

        pub const WORDS: $name = $name { $($part: $words,)* $($word: $text,)+ };
    };
}
pub(super) use words;
