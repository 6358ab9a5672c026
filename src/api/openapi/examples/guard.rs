//! Examples of the guard's lists.

use serde_json::{Value, json};

use super::parts::{JSON, REQUEST, Shown, page};

#[rustfmt::skip]
pub(super) fn shown(operation: &str) -> Vec<Shown> {
    match operation {
        "addListEntry" => vec![
            (REQUEST, JSON, vec![
                ("block", "A prefix that is pumped", json!({"kind": "block", "match": "prefix", "value": "+99890123", "note": "pumped on 21 November"})),
                ("allow", "Our own tester, also from abroad", json!({"kind": "allow", "match": "number", "value": "+4915112345678"})),
                ("office", "The office, for a month", json!({"kind": "allow", "match": "ip", "value": "203.0.113.0/24", "note": "our office",
                    "expires_at": "2026-12-22T00:00:00Z"})),
            ]),
            ("201", JSON, vec![("entry", "Added", entry())]),
        ],
        "listListEntries" => vec![("200", JSON, vec![("page", "The last page", page(&json!([entry()])))])],
        _ => Vec::new(),
    }
}

fn entry() -> Value {
    json!({
        "id": "01a22574-e760-7000-a33a-3aded10fb879", "kind": "block", "match": "prefix", "value": "+99890123", "project": "default",
        "note": "pumped on 21 November", "expires_at": null, "created_at": "2026-11-22T09:30:00Z",
    })
}
