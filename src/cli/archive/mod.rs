//! The file of a backup: two lines of text, then the copy of the database.
//!
//! The first line says what the file is, the second is the [`Manifest`] as JSON. A file appears under its name only when it is
//! whole: until then its name begins with a dot and ends with `.partial`.

mod file;
mod manifest;
mod tools;

pub use file::{Archive, Partial, publish, write};
pub use manifest::Manifest;
pub use tools::{dump, load};
