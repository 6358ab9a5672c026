//! Message texts: the choice of text and language, and the number of SMS segments. Pure.
//!
//! This module does not know verifications, channels or providers: it gets the code, country and lifetime as text and
//! numbers. To add a language: a default text and its countries in [`text`]. To add a form of message, such as a spoken
//! code: a file here.

pub mod segments;
pub mod text;
mod wording;

pub use wording::Wording;
