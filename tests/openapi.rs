//! The committed OpenAPI document is the one that the handlers generate, and it is consistent.

use std::collections::BTreeSet;

use serde_json::Value;

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed.trim_end() == pinroute::api::document().trim_end(),
        "openapi/openapi.json is not up to date: cargo run -- openapi > openapi/openapi.json"
    );
}

#[test]
fn every_reference_resolves() {
    let document = document();
    let mut seen = BTreeSet::new();
    walk(&document, &mut |value| {
        if let Some(target) = value["$ref"].as_str() {
            assert!(find(&document, target).is_some(), "{target} is not there");
            seen.insert(target.to_owned());
        }
    });
    assert!(seen.len() > 20, "only {seen:?} are referenced");
}

#[test]
fn every_operation_has_an_id_a_summary_and_examples() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (at, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty(), "{at} has no operationId");
        assert!(ids.insert(id.to_owned()), "{id} is used by two operations");
        assert!(operation["summary"].is_string(), "{id} has no summary");
        assert!(operation["tags"][0].is_string(), "{id} has no tag");
        assert!(
            operation["security"].is_array(),
            "{id} does not declare its security"
        );
        assert!(
            operation["responses"]["default"].is_object(),
            "{id} has no default response"
        );
        let successes = members(&operation["responses"])
            .filter(|(status, _)| status.starts_with('2'))
            .collect::<Vec<_>>();
        assert!(!successes.is_empty(), "{id} has no 2xx response");
        for (status, answer) in successes {
            for (media_type, content) in members(&answer["content"]) {
                assert!(
                    members(&content["examples"]).next().is_some(),
                    "{id} {status} {media_type} has no example"
                );
            }
        }
    }
}

/// Generated clients make a union of several media types, and a class of a union.
#[test]
fn every_answer_has_one_type_and_no_request_field_a_default() {
    let document = document();
    for (at, operation) in operations(&document) {
        for (status, answer) in members(&operation["responses"]) {
            let media_types = members(&resolved(&document, answer)["content"]).count();
            assert!(
                media_types <= 1,
                "{at} {status} has {media_types} media types"
            );
        }
    }
    for (name, schema) in members(&document["components"]["schemas"]) {
        walk(schema, &mut |value| {
            assert!(value["default"].is_null(), "{name} has a default: {value}");
            assert!(value["anyOf"].is_null(), "{name} has a union: {value}");
            let choices = value["oneOf"].as_array();
            let nullable = choices.is_none_or(|choices| {
                choices.len() == 2 && choices.iter().any(|choice| choice["type"] == "null")
            });
            assert!(nullable, "{name} has a union: {value}");
        });
        // In Go, `NewKey` is also the function that makes a `Key`.
        let made = name.strip_prefix("New").unwrap_or_default();
        assert!(
            document["components"]["schemas"][made].is_null(),
            "{name} collides with the constructor of {made}"
        );
    }
}

#[test]
fn every_response_has_a_request_id() {
    let document = document();
    for (at, operation) in operations(&document) {
        for (status, answer) in members(&operation["responses"]) {
            let answer = resolved(&document, answer);
            let header = &answer["headers"]["x-request-id"];
            assert!(
                header.is_object(),
                "{at} {status} does not mention x-request-id"
            );
        }
    }
}

/// People copy examples, so each must match its schema.
#[test]
fn every_example_matches_its_schema() {
    let document = document();
    let mut checked = 0;
    walk(&document, &mut |value| {
        let (schema, examples) = (&value["schema"], &value["examples"]);
        for (name, example) in members(examples) {
            let example = resolved(&document, example);
            if let Err(fault) = fits(&document, schema, &example["value"]) {
                panic!("example {name}: {fault}");
            }
            checked += 1;
        }
    });
    assert!(checked > 100, "only {checked} examples were found");
}

#[test]
fn every_problem_code_is_used_by_some_operation() {
    let document = document();
    let schema = &document["components"]["schemas"]["ProblemCode"];
    let known: BTreeSet<&str> = texts(&schema["enum"]).collect();
    let mut answered = BTreeSet::new();
    let mut note = |status: &str, answer: &Value| {
        for (code, example) in members(&answer["content"]["application/problem+json"]["examples"]) {
            let example = &resolved(&document, example)["value"];
            assert_eq!(example["code"], code);
            assert!(
                status == "default"
                    || example["status"] == status.parse::<u16>().unwrap_or_default(),
                "{code} is listed under {status}"
            );
            answered.insert(code.to_owned());
        }
    };
    for (_, operation) in operations(&document) {
        for (status, answer) in members(&operation["responses"]) {
            note(status, resolved(&document, answer));
        }
    }
    let answered: BTreeSet<&str> = answered.iter().map(String::as_str).collect();
    assert_eq!(answered, known);
}

#[test]
fn what_takes_an_idempotency_key_says_how_repeats_are_refused() {
    let document = document();
    for (at, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array();
        let takes = parameters.into_iter().flatten().any(|parameter| {
            resolved(&document, parameter)["name"].as_str() == Some("Idempotency-Key")
        });
        for (status, code) in [
            ("409", "idempotency_in_progress"),
            ("422", "idempotency_mismatch"),
        ] {
            let answer = resolved(&document, &operation["responses"][status]);
            let listed = &answer["content"]["application/problem+json"]["examples"][code];
            assert_eq!(listed.is_object(), takes, "{at}: {code}");
        }
    }
}

#[test]
fn pages_name_every_word_of_the_document() {
    const ERRORS: &str = include_str!("../docs/errors.md");
    const WEBHOOKS: &str = include_str!("../docs/webhooks.md");
    const SANDBOX: &str = include_str!("../src/simulator/page/texts/en.json");
    let document = document();
    for (schema, page, before, after) in [
        ("ProblemCode", ERRORS, "`", "`"),
        ("Reason", ERRORS, "`", "`"),
        ("WebhookFilter", WEBHOOKS, "`", "`"),
        ("EventType", SANDBOX, "\"event_", "\""),
    ] {
        let words = texts(&document["components"]["schemas"][schema]["enum"]);
        for word in words.filter(|word| *word != "*") {
            let quoted = format!("{before}{word}{after}");
            assert!(page.contains(&quoted), "{schema}: no page has {word}");
        }
    }
}

// --- Reading the document

fn document() -> Value {
    serde_json::from_str(&pinroute::api::document()).expect("the document is JSON")
}

/// Method and path, and the operation.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    members(&document["paths"]).flat_map(|(path, item)| {
        members(item).map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn find<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(reference.strip_prefix('#')?)
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(target) => find(document, target).expect("the reference resolves"),
        None => value,
    }
}

fn walk(value: &Value, visit: &mut impl FnMut(&Value)) {
    visit(value);
    match value {
        Value::Object(members) => members.values().for_each(|value| walk(value, visit)),
        Value::Array(items) => items.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

/// The parts of JSON Schema that the document uses, except patterns, formats and lengths.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolved(document, schema);
    let choices = ["oneOf", "anyOf"].map(|name| schema[name].as_array());
    for choices in choices.into_iter().flatten() {
        let tried: Result<Vec<String>, ()> = choices
            .iter()
            .map(|choice| fits(document, choice, value).err().ok_or(()))
            .collect();
        if let Ok(faults) = tried {
            return Err(faults.join("; "));
        }
    }
    let kinds: Vec<&str> = schema["type"]
        .as_str()
        .into_iter()
        .chain(texts(&schema["type"]))
        .collect();
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
        return Err(format!("{value} is none of {kinds:?}"));
    }
    if let Some(words) = schema["enum"]
        .as_array()
        .filter(|words| !words.contains(value))
    {
        return Err(format!("{value} is none of {words:?}"));
    }
    let beyond = |limit: &str, over: fn(f64, f64) -> bool| {
        let limit = schema[limit].as_f64();
        limit
            .zip(value.as_f64())
            .is_some_and(|(limit, value)| over(value, limit))
    };
    if beyond("minimum", |value, limit| value < limit)
        || beyond("maximum", |value, limit| value > limit)
    {
        return Err(format!("{value} is out of range"));
    }
    for item in value.as_array().into_iter().flatten() {
        fits(document, &schema["items"], item)?;
    }
    if !value.is_object() {
        return Ok(());
    }
    for name in texts(&schema["required"]) {
        if value.get(name).is_none() {
            return Err(format!("{name} is missing"));
        }
    }
    for (name, value) in members(value) {
        match schema["properties"].get(name) {
            Some(schema) => {
                fits(document, schema, value).map_err(|fault| format!("{name}: {fault}"))?;
            }
            // An object schema without properties accepts any object.
            None if schema["properties"].is_object() => {
                return Err(format!("{name} is not a field"));
            }
            None => {}
        }
    }
    Ok(())
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
