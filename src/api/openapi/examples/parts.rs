//! Parts that all examples share.

use serde_json::{Value, json};

pub const JSON: &str = "application/json";
/// The place of an example of a request.
pub const REQUEST: &str = "request";

/// The id of the verification in all examples.
pub const VERIFICATION: &str = "01a20297-4dc0-7000-9f41-2b7c5e8a1d04";

/// Name, summary, value.
pub type Named = (&'static str, &'static str, Value);

/// Place (the request, or a status), media type, examples.
pub type Shown = (&'static str, &'static str, Vec<Named>);

pub fn page(items: &Value) -> Value {
    json!({"items": items, "next_cursor": null})
}

pub fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}
