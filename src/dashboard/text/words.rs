//! The macro that declares words.

/// Declares the words of a subject by their English text: the struct that every language fills in, and its English value `WORDS`.
/// A block after `with` holds parts that are structs of words themselves.
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
