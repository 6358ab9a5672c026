//! Examples of the guard: its lists, its decisions and what it counts; and of the audit log, which tells who changed them.

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
        "startReplay" => vec![
            (REQUEST, JSON, vec![("rules", "A rule with a higher floor, on a week", json!({"from": "2026-11-15", "to": "2026-11-21",
                "rules": {"unverified_prefix": {"mode": "on", "floor_day": 8}}}))]),
            ("202", JSON, vec![("running", "It runs", replay("running", 0.0, &Value::Null, &Value::Null))]),
        ],
        "getReplay" => vec![("200", JSON, vec![("done", "What it found", {
            let counts = json!({"judged": 14000, "would_deny": 0, "would_challenge": 412, "false_blocks": 3, "false_block_rate": 0.0073,
                "unknown_outcome": 0, "spent": "20.60", "saved": "20.45", "seconds_to_first_block": 41});
            replay("done", 1.0, &counts, &json!({"unverified_prefix": counts}))
        })])],
        "listAudit" => vec![("200", JSON, vec![("page", "A budget was raised", page(&json!([{
            "id": "01a22574-e760-7000-a33a-3aded10fb87b", "at": "2026-11-22T09:30:00Z",
            "actor": {"kind": "user", "id": "019a0000-0000-7000-8000-000000000001", "name": "ann@example.com"}, "client_ip": "203.0.113.7",
            "action": "budgets.changed", "object": {"kind": "budgets", "id": "0198b1f2-c0d4-7000-a33a-3aded10fb879", "name": "default"},
            "project": "default",
            "before": {"budget": [{"period": "day", "limit": {"amount": "50", "currency": "USD"}, "alert_at": [0.5, 0.8]}]},
            "after": {"budget": [{"period": "day", "limit": {"amount": "80", "currency": "USD"}, "alert_at": [0.5, 0.8]}]},
        }])))])],
        "exportAuditCsv" => vec![("200", "text/csv", vec![("file", "A key was revoked on the command line", json!(concat!(
            "id,at,actor_kind,actor_id,actor_name,client_ip,action,object_kind,object_id,object_name,project,before,after\r\n",
            "01a22574-e760-7000-a33a-3aded10fb87c,2026-11-22T09:31:00Z,cli,,deploy,,key.revoked,key,0198b1f2-c0d4-7000-a33a-3aded10fb87d,shop,default,",
            "\"{\"\"expires_at\"\":null,\"\"name\"\":\"\"shop\"\",\"\"scopes\"\":[\"\"verify\"\"]}\",\r\n",
        )))])],
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

fn replay(status: &str, progress: f64, total: &Value, rules: &Value) -> Value {
    json!({
        "id": "01a22574-e760-7000-a33a-3aded10fb87c", "status": status, "progress": progress, "error": null, "project": null,
        "from": "2026-11-15T00:00:00Z", "to": "2026-11-22T00:00:00Z", "tried": {"unverified_prefix": {"mode": "on", "floor_day": 8}},
        "currency": "USD", "total": total, "rules": rules, "summed_up": if total.is_null() { Value::Null } else { json!(0) },
    })
}
