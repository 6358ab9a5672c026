//! What comes in: a JSON object taken field by field, or a query string; every fault is gathered and told at once.

use std::collections::HashMap;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use super::problem::{Code, FieldFault, Problem};
use crate::money::{Currency, Micros, Money};

/// A body may not be larger (contract §3, *Callbacks*; the same for all).
pub const BODY_LIMIT: usize = 64 * 1024;

/// An object whose fields are taken one by one; what is left over in the end is unknown.
#[derive(Debug)]
pub struct Fields {
    prefix: String,
    left: Map<String, Value>,
    faults: Vec<FieldFault>,
}

impl Fields {
    /// Reads a body. An empty one and `null` are an empty object, so that a POST without choices needs none.
    pub fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Problem> {
        if body.is_empty() {
            return Ok(Self::of(Map::new()));
        }
        if let Some(coding) = request
            .headers()
            .get(header::CONTENT_ENCODING)
            .filter(|coding| *coding != "identity")
        {
            let coding = printable(&String::from_utf8_lossy(coding.as_bytes()));
            let detail = format!("Content-Encoding is {coding}; send the body as it is.");
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = kind
            .unwrap_or("")
            .split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase();
        if essence != "application/json" {
            let said = if essence.is_empty() {
                "nothing"
            } else {
                essence.as_str()
            };
            let detail = format!(
                "Content-Type says {}; send `Content-Type: application/json`.",
                printable(said)
            );
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self::of(fields)),
            Ok(Value::Null) => Ok(Self::of(Map::new())),
            Ok(_) => Err(Problem::new(
                Code::InvalidRequest,
                "The body must be a JSON object.",
            )),
            Err(error) => Err(Problem::new(
                Code::InvalidRequest,
                format!("The body is not JSON: {error}."),
            )),
        }
    }

    fn of(fields: Map<String, Value>) -> Self {
        Self {
            prefix: String::new(),
            left: fields,
            faults: Vec::new(),
        }
    }

    /// Takes a field and reads it; `null` is the same as absent.
    pub fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.left.remove(name).filter(|value| !value.is_null())?;
        match read(&value) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.fault(name, detail);
                None
            }
        }
    }

    /// The same for one that must be there.
    pub fn require<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.left.get(name).is_none_or(Value::is_null) {
            self.left.remove(name);
            self.fault(name, "is required".to_owned());
            return None;
        }
        self.take(name, read)
    }

    /// Takes a nested object and reads it with `read`.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let fields = self.take(name, |value| match value {
            Value::Object(fields) => Ok(fields.clone()),
            _ => Err("must be an object".to_owned()),
        })?;
        let mut inner = Self {
            prefix: format!("{}/{}", self.prefix, escaped(name)),
            left: fields,
            faults: Vec::new(),
        };
        let out = read(&mut inner);
        inner.note_unknown();
        self.faults.append(&mut inner.faults);
        Some(out)
    }

    /// Takes the list `items` of objects, at most so many, and reads each with `read`.
    pub fn items<T>(
        &mut self,
        most: usize,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Option<Vec<T>> {
        let name = "items";
        let list = self.require(name, |value| match value.as_array() {
            Some(list) if list.len() <= most => Ok(list.clone()),
            Some(list) => Err(format!(
                "holds {} items; {most} fit in one request",
                list.len()
            )),
            None => Err("must be a list of objects".to_owned()),
        })?;
        let mut found = Vec::with_capacity(list.len());
        for (place, value) in list.into_iter().enumerate() {
            let Value::Object(left) = value else {
                self.faults.push(FieldFault {
                    pointer: format!("{}/{name}/{place}", self.prefix),
                    detail: "must be an object".to_owned(),
                });
                continue;
            };
            let mut inner = Self {
                prefix: format!("{}/{name}/{place}", self.prefix),
                left,
                faults: Vec::new(),
            };
            found.push(read(&mut inner));
            inner.note_unknown();
            self.faults.append(&mut inner.faults);
        }
        Some(found)
    }

    /// The same for a nested object that must be there.
    pub fn object_required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        if self.left.get(name).is_none_or(Value::is_null) {
            self.left.remove(name);
            self.fault(name, "is required".to_owned());
            return None;
        }
        self.object(name, read)
    }

    #[must_use]
    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub fn fault(&mut self, name: &str, detail: String) {
        self.faults.push(FieldFault {
            pointer: format!("{}/{}", self.prefix, escaped(name)),
            detail,
        });
    }

    /// Refuses what was not asked for, with every fault that was found before.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.note_unknown();
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }

    fn note_unknown(&mut self) {
        let unknown: Vec<String> = self.left.keys().cloned().collect();
        for name in unknown {
            self.fault(&name, "is not a field of this request".to_owned());
        }
    }
}

/// The fields `amount` and `currency`, of which both must be there.
pub fn money(fields: &mut Fields) -> Option<Money> {
    let amount = fields.require("amount", |value| match value.as_str() {
        Some(text) => text.parse::<Micros>().map_err(|error| error.to_string()),
        None => Err("must be a decimal in quotes, such as \"0.05\"".to_owned()),
    });
    let currency = fields.require("currency", |value| {
        let text = value.as_str().ok_or("must be a string")?;
        text.parse::<Currency>().map_err(|error| error.to_string())
    });
    Some(Money::new(amount?, currency?))
}

/// A text of `least` to `most` bytes without control characters.
pub fn text(least: usize, most: usize) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = value.as_str().ok_or("must be a string")?;
        if !(least..=most).contains(&text.len()) {
            return Err(format!(
                "must be {least} to {most} bytes long, not {}",
                text.len()
            ));
        }
        plain(text)
    }
}

fn plain(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// A text of so many characters at most.
pub fn characters(most: usize) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = value.as_str().ok_or("must be a string")?;
        let length = text.chars().count();
        if length > most {
            return Err(format!("may have {most} characters, not {length}"));
        }
        plain(text)
    }
}

/// A whole number in a range.
pub fn integer(range: std::ops::RangeInclusive<u64>) -> impl Fn(&Value) -> Result<u64, String> {
    move |value| {
        // JSON Schema counts 600.0 as an integer, and some languages write it so.
        let whole = |number: f64| {
            (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then(|| format!("{number}"))
        };
        let number = value
            .as_u64()
            .or_else(|| value.as_f64().and_then(whole)?.parse().ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                )
            })
    }
}

/// The parameters of a query string; each may stand there once.
#[derive(Debug)]
pub struct Query {
    parameters: HashMap<String, String>,
    faults: Vec<FieldFault>,
}

impl Query {
    pub fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|error| {
                Problem::new(
                    Code::InvalidRequest,
                    format!("The query cannot be read: {error}."),
                )
            })?
            .into_inner();
        let mut query = Self {
            parameters: HashMap::new(),
            faults: Vec::new(),
        };
        for (name, value) in pairs {
            if query.parameters.insert(name.clone(), value).is_some() {
                query.fault(&name, "stands there twice".to_owned());
            }
        }
        Ok(query)
    }

    /// Takes a parameter and reads it; an empty one is the same as absent.
    pub fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self
            .parameters
            .remove(name)
            .filter(|value| !value.is_empty())?;
        match read(&value) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.fault(name, detail);
                None
            }
        }
    }

    /// `limit`: 1 to 200, 50 by default.
    pub fn limit(&mut self) -> i64 {
        const MOST: i64 = 200;
        let read = |text: &str| match text.parse() {
            Ok(limit @ 1..=MOST) => Ok(limit),
            _ => Err(format!("must be a whole number from 1 to {MOST}")),
        };
        self.take("limit", read).unwrap_or(50)
    }

    pub fn fault(&mut self, name: &str, detail: String) {
        self.faults.push(FieldFault {
            pointer: format!("/{}", escaped(name)),
            detail,
        });
    }

    pub fn finish(mut self) -> Result<(), Problem> {
        let unknown: Vec<String> = self.parameters.keys().cloned().collect();
        for name in unknown {
            self.fault(&name, "is not a parameter of this request".to_owned());
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }
}

/// RFC 6901, and nothing that breaks a line.
fn escaped(name: &str) -> String {
    printable(&name.replace('~', "~0").replace('/', "~1"))
}

/// Somebody else's text, fit to stand in a message.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}
