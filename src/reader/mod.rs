//! Reads TOML, environment variables and secret files key by key, and reports every fault at once.
//!
//! The layers become one tree (`tree`, `environment`); key by key is taken from it (`table`) and checked against its
//! type (`values`). A fault goes into the [`Faults`], and reading continues. Nothing here performs I/O, except that a
//! given closure reads the secret files. What the keys mean is up to the caller: this module is a leaf.
//!
//! To add a type of value: a method of [`Field`] in `values`.

mod environment;
mod examples;
mod layers;
mod lines;
mod quotes;
mod report;
mod secret;
mod suggest;
mod table;
mod tree;
pub mod url;
mod values;
mod variable;

pub use examples::{is_example_host, is_placeholder};
pub use layers::{ReadFile, read, read_json};
pub use report::{Fault, Faults, Reported, quote};
pub use secret::{Secret, parse_key};
pub use suggest::nearest;
pub use table::{Checked, Field, Reader, all, optional};
