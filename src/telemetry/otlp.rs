//! Spans as OTLP has them: the body of `POST /v1/traces`, in the JSON form of its Protobuf messages.
//!
//! Its own rules differ from those of Protobuf's JSON: ids are hexadecimal digits, and enums are numbers. Numbers of 64 bits are texts.

use serde_json::{Value, json};

use crate::trace::{Context, Kind, Span, Value as Attribute};

/// Who says it.
#[derive(Debug)]
pub struct Resource {
    pub service_name: String,
    pub instance_id: String,
}

/// The body of a request that carries `spans`.
#[must_use]
pub fn body(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let about = [
        ("service.name", resource.service_name.as_str()),
        ("service.version", version),
        ("service.instance.id", resource.instance_id.as_str()),
    ];
    let about = about.map(|(name, value)| attribute(name, &json!({ "stringValue": value })));
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": about },
        "scopeSpans": [{ "scope": { "name": "pinroute", "version": version }, "spans": spans }],
    }] });
    body.to_string().into_bytes()
}

fn span(span: &Span) -> Value {
    let attributes = span.attributes.iter().map(|(name, value)| {
        let value = match value {
            Attribute::Text(text) => json!({ "stringValue": text }),
            Attribute::Whole(number) => json!({ "intValue": number.to_string() }),
        };
        attribute(name, &value)
    });
    let mut written = place(&span.context);
    written["name"] = span.name.as_ref().into();
    written["kind"] = match span.kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
    }
    .into();
    written["startTimeUnixNano"] = span.began.to_string().into();
    written["endTimeUnixNano"] = span.ended.to_string().into();
    written["attributes"] = attributes.collect();
    if let Some(parent) = span.parent {
        written["parentSpanId"] = parent.to_string().into();
    }
    if !span.links.is_empty() {
        written["links"] = span.links.iter().map(place).collect();
    }
    if span.failed {
        written["status"] = json!({ "code": 2 });
    }
    written
}

fn place(context: &Context) -> Value {
    let (trace, span) = (context.trace.to_string(), context.span.to_string());
    let mut place = json!({ "traceId": trace, "spanId": span, "flags": context.flags });
    if let Some(state) = &context.state {
        place["traceState"] = state.as_str().into();
    }
    place
}

fn attribute(name: &str, value: &Value) -> Value {
    json!({ "key": name, "value": value })
}

/// How many spans the collector did not take, by the body of its answer of 200.
#[must_use]
pub fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let count = &answer["partialSuccess"]["rejectedSpans"];
    let written = count.as_str().and_then(|text| text.parse().ok());
    written.or_else(|| count.as_u64()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_many_were_rejected() {
        let count = |answer: &str| rejected(answer.as_bytes());
        assert_eq!(count(r#"{"partialSuccess":{"rejectedSpans":"3"}}"#), 3);
        assert_eq!(count(r#"{"partialSuccess":{"rejectedSpans":3}}"#), 3);
        assert_eq!(count(r#"{"partialSuccess":{}}"#), 0);
        assert_eq!(count("{}"), 0);
        assert_eq!(count("\u{a}"), 0);
    }
}
