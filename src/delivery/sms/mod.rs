//! SMS: the text, what it costs, and the kinds of provider that carry it.
//!
//! To add a kind: a file here with its settings, and a variant in the configuration's `SmsKind` that `app` builds it from.

pub mod http;
