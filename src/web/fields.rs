//! The fields of a body, JSON or a form, taken one by one; every fault is collected and reported at once.
//!
//! How a value reads is the caller's matter: `take` and `require` are given a reader, and the common ones are at the end.

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use super::fault::{Fault, FieldFault, Kind};
use crate::json;

/// An object whose fields are taken one by one; any that is left at the end is unknown.
#[derive(Debug)]
pub struct Fields {
    prefix: String,
    left: Map<String, Value>,
    faults: Vec<FieldFault>,
}

impl Fields {
    /// Reads a JSON body. An empty one and `null` are an empty object, so that a POST without choices needs none.
    pub fn json(request: &HttpRequest, body: &[u8]) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self::of(Map::new()));
        }
        expect_type(request, "application/json")?;
        match json::strict(body) {
            Ok(Value::Object(fields)) => Ok(Self::of(fields)),
            Ok(Value::Null) => Ok(Self::of(Map::new())),
            Ok(_) => Err(Fault::new(Kind::Invalid, "The body must be a JSON object.")),
            Err(error) => Err(Fault::new(
                Kind::Invalid,
                format!("The body is not valid JSON: {error}."),
            )),
        }
    }

    /// Reads the body of a form (`application/x-www-form-urlencoded`): each field is a text and may be given once.
    pub fn form(request: &HttpRequest, body: &[u8]) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self::of(Map::new()));
        }
        expect_type(request, "application/x-www-form-urlencoded")?;
        let text = std::str::from_utf8(body).ok();
        let pairs = text
            .and_then(|text| web::Query::<Vec<(String, String)>>::from_query(text).ok())
            .ok_or_else(|| Fault::new(Kind::Invalid, "The body is not a valid form."))?;
        let mut form = Self::of(Map::new());
        for (name, value) in pairs.into_inner() {
            if form
                .left
                .insert(name.clone(), Value::String(value))
                .is_some()
            {
                form.fault(&name, "is given twice".to_owned());
            }
        }
        Ok(form)
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

    /// Like [`Self::take`], for a required field.
    pub fn require<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.misses(name) {
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
                "has {} items; at most {most} fit in one request",
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

    /// Whether a field is absent or `null`.
    pub fn misses(&mut self, name: &str) -> bool {
        let missing = self.left.get(name).is_none_or(Value::is_null);
        if missing {
            self.left.remove(name);
        }
        missing
    }

    /// Whether a field that is yet to be taken is `null`.
    #[must_use]
    pub fn clears(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(Value::is_null)
    }

    #[must_use]
    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Whether a fault was left for a field.
    #[must_use]
    pub fn blames(&self, name: &str) -> bool {
        let pointer = format!("{}/{}", self.prefix, escaped(name));
        self.faults.iter().any(|fault| fault.pointer == pointer)
    }

    pub fn fault(&mut self, name: &str, detail: String) {
        self.faults.push(FieldFault {
            pointer: format!("{}/{}", self.prefix, escaped(name)),
            detail,
        });
    }

    /// Refuses unknown fields, together with every fault found so far.
    pub fn finish(mut self) -> Result<(), Fault> {
        self.note_unknown();
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Fault::invalid(self.faults))
        }
    }

    /// Like [`Self::finish`], and hands over what was read. It may be missing only where a fault was left.
    pub fn finish_with<T>(self, read: Option<T>) -> Result<T, Fault> {
        self.finish()?;
        read.ok_or_else(|| Fault::new(Kind::Invalid, "The body cannot be read."))
    }

    /// Reads a JSON body whole, or reports every fault in it.
    pub fn read_json<T>(
        request: &HttpRequest,
        body: &[u8],
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<T, Fault> {
        let mut fields = Self::json(request, body)?;
        let read = read(&mut fields);
        fields.finish_with(read)
    }

    /// A text field that is yet to be taken.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.left.get(name)?.as_str()
    }

    fn note_unknown(&mut self) {
        let unknown: Vec<String> = self.left.keys().cloned().collect();
        for name in unknown {
            self.fault(&name, "is not a field of this request".to_owned());
        }
    }
}

/// A text of `least` to `most` characters without control characters.
pub fn text(least: usize, most: usize) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = value.as_str().ok_or("must be a string")?;
        let length = text.chars().count();
        if !(least..=most).contains(&length) {
            return Err(format!(
                "must be {least} to {most} characters long, not {length}"
            ));
        }
        plain(text)
    }
}

fn plain(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// A text of at most so many characters.
pub fn characters(most: usize) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = value.as_str().ok_or("must be a string")?;
        let length = text.chars().count();
        if length > most {
            return Err(format!("may have at most {most} characters, not {length}"));
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

/// Refuses a body of another content type, or an encoded one.
fn expect_type(request: &HttpRequest, wanted: &str) -> Result<(), Fault> {
    let said = |name| request.headers().get(name);
    if let Some(coding) = said(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        let coding = printable(&String::from_utf8_lossy(coding.as_bytes()));
        let detail = format!("Content-Encoding is {coding}; send the body unencoded.");
        return Err(Fault::new(Kind::UnsupportedMediaType, detail));
    }
    let kind = said(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    if essence == wanted {
        return Ok(());
    }
    let given = match essence.as_str() {
        "" => "Content-Type is missing".to_owned(),
        other => format!("Content-Type is {}", printable(other)),
    };
    let detail = format!("{given}; send `Content-Type: {wanted}`.");
    Err(Fault::new(Kind::UnsupportedMediaType, detail))
}

/// As a part of a JSON pointer (RFC 6901), without what breaks a line.
pub(super) fn escaped(name: &str) -> String {
    printable(&name.replace('~', "~0").replace('/', "~1"))
}

/// Foreign text, made safe for a message.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(kind: &str) -> HttpRequest {
        TestRequest::post()
            .insert_header((header::CONTENT_TYPE, kind))
            .to_http_request()
    }

    #[test]
    fn a_form_is_read_as_texts() {
        let request = request("application/x-www-form-urlencoded; charset=utf-8");
        let mut form = Fields::form(&request, b"To=%2B998901234567&Channel=sms").unwrap();
        assert_eq!(form.peek("To"), Some("+998901234567"));
        let to = form.require("To", text(1, 40));
        let channel = form.take("Channel", text(1, 10));
        assert_eq!(channel.as_deref(), Some("sms"));
        let to = form.finish_with(to);
        assert_eq!(to.as_deref(), Ok("+998901234567"));
    }

    #[test]
    fn every_fault_of_a_form_is_reported() {
        let request = request("application/x-www-form-urlencoded");
        let mut form = Fields::form(&request, b"To=a&To=b&More=c").unwrap();
        form.require("Code", text(4, 8));
        let fault = form.finish().unwrap_err();
        let pointers: Vec<_> = fault.fields.iter().map(|field| &field.pointer).collect();
        assert_eq!(pointers, ["/To", "/Code", "/More", "/To"]);
        assert_eq!(&*fault.detail, "4 fields are invalid.");
    }

    #[test]
    fn a_body_of_another_type_is_refused() {
        let json = request("application/json");
        let fault = Fields::form(&json, b"To=a").unwrap_err();
        assert_eq!(fault.kind, Kind::UnsupportedMediaType);
        assert!(Fields::json(&json, b"{}").unwrap().finish().is_ok());
    }
}
