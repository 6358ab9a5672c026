//! Request parameters from the query, a form or JSON, merged into one flat map of strings.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Query;
use serde_json::Value;

/// `null` and `""` count as absent, other JSON values become their text, and the body overrides the query.
#[derive(Debug, Default)]
pub(super) struct Params(HashMap<String, String>);

/// The body should be JSON but is not an object.
#[derive(Debug)]
pub(super) struct Malformed;

impl Params {
    pub(super) fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Malformed> {
        let mut params = Self::default();
        params.add_form(request.query_string());
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains("json"));
        let body = body.trim_ascii();
        // Some clients send JSON with a form's content type, or a JSON content type with an empty body.
        if body.is_empty() {
            return Ok(params);
        }
        if is_json || body.starts_with(b"{") {
            params.add_json(body)?;
        } else {
            params.add_form(&String::from_utf8_lossy(body));
        }
        Ok(params)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn add_form(&mut self, text: &str) {
        if let Ok(pairs) = Query::<Vec<(String, String)>>::from_query(text) {
            for (name, value) in pairs.into_inner() {
                self.add(name, value);
            }
        }
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err(Malformed);
        };
        for (name, value) in fields {
            match value {
                Value::Null => {}
                Value::String(text) => self.add(name, text),
                other => self.add(name, other.to_string()),
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: String) {
        if !value.is_empty() {
            self.0.insert(name, value);
        }
    }
}
