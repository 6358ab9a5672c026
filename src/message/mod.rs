//! What a message says, pure: which text, in which language, and how many segments an SMS of it takes.
//!
//! It knows no verification, no channel and no provider: a code, a country and a lifetime come as text and numbers. To add
//! a language: a default text and its countries in [`text`]. To add a form of message, such as a spoken code: a file here.

pub mod segments;
pub mod text;
mod wording;

pub use wording::Wording;
