//! Examples of the guard: its lists, its decisions and what it counts.

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
        "listDecisions" => vec![("200", JSON, vec![("page", "A start that was denied", page(&json!([{
            "id": "01a22574-e760-7000-a33a-3aded10fb87a", "at": "2026-11-22T09:30:00Z", "project": "default", "verification_id": null, "on": "create",
            "outcome": "deny", "country": "UZ", "prefix": "+99890777", "owner": false, "count": 1,
            "rules": [{"rule": "unverified_prefix", "mode": "on", "cell": "prefix:1H6o0V7c6bQ", "value": 6, "threshold": 5, "window": "24h", "effect": "challenge"}],
        }])))])],
        "exportDecisionsCsv" => vec![("200", "text/csv", vec![("csv", "A start that was denied", json!(concat!(
            "id,at,project,verification_id,on,outcome,country,prefix,owner,count,rules\r\n",
            "01a22574-e760-7000-a33a-3aded10fb87a,2026-11-22T09:30:00Z,default,,create,deny,UZ,\"'+99890777\",false,1,",
            "unverified_prefix on 6>5 24h challenge\r\n")))])],
        "listBlocks" => vec![("200", JSON, vec![("blocks", "One range", json!({"items": [{"id": "0198b1f2c0d47000a33a3aded10fb879.1H6o0V7c6bQ",
            "project": "default", "prefix": "+99890777", "level": 1, "until": "2026-11-22T09:45:00Z"}]}))])],
        "listCells" => vec![("200", JSON, vec![("cells", "One range", json!({"items": [{"project": "default", "cell": "prefix:1H6o0V7c6bQ",
            "unverified_24h": 6, "unverified_1h": 6, "verified_24h": 0, "verified_1h": 0, "best_day": 0}]}))])],
        _ => Vec::new(),
    }
}

pub(super) fn verdict() -> Value {
    json!({
        "outcome": "allow", "at": "2026-11-22T09:30:00Z",
        "rules": [{"rule": "unverified_prefix", "mode": "shadow", "cell": "prefix:1H6o0V7c6bQ", "value": 6, "threshold": 5, "window": "24h", "effect": "challenge"}],
    })
}

fn entry() -> Value {
    json!({
        "id": "01a22574-e760-7000-a33a-3aded10fb879", "kind": "block", "match": "prefix", "value": "+99890123", "project": "default",
        "note": "pumped on 21 November", "expires_at": null, "created_at": "2026-11-22T09:30:00Z",
    })
}
