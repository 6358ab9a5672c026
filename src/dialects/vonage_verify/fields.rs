//! The fields of a body. What is not known is ignored, `null` is absent, and every fault is collected.

use serde_json::{Map, Value};

use super::fault::{Fault, Invalid};
use crate::json;
use crate::web::fields::printable;

/// An object whose fields are read one by one.
#[derive(Debug)]
pub struct Fields {
    /// Before the names of its fields: `workflow[0].`, or nothing.
    path: String,
    left: Map<String, Value>,
    pub faults: Vec<Invalid>,
}

impl Fields {
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let fields = match json::strict(body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err("must be a JSON object".to_owned()),
            Err(error) => Err(format!(
                "is not valid JSON: {}",
                printable(&error.to_string())
            )),
        };
        let fields = fields.map_err(|reason| Fault::invalid(vec![Invalid::new("body", reason)]))?;
        Ok(Self {
            path: String::new(),
            left: fields,
            faults: Vec::new(),
        })
    }

    pub fn fault(&mut self, name: &str, reason: impl Into<String>) {
        let name = format!("{}{name}", self.path);
        self.faults.push(Invalid::new(name, reason));
    }

    /// Reads a field, if it is there.
    pub fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.left.remove(name).filter(|value| !value.is_null())?;
        match read(&value) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.fault(name, reason);
                None
            }
        }
    }

    pub fn require<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.left.get(name).is_none_or(Value::is_null) {
            self.fault(name, "is required");
            return None;
        }
        self.take(name, read)
    }

    /// Reads each object of a required list of one to `most`.
    pub fn each<T>(
        &mut self,
        name: &str,
        most: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        let items = self.require(name, |value| match value.as_array() {
            Some(items) if (1..=most).contains(&items.len()) => Ok(items.clone()),
            _ => Err(format!("must be a list of 1 to {most} objects")),
        });
        let mut found = Vec::new();
        for (place, item) in items.into_iter().flatten().enumerate() {
            let path = format!("{}{name}[{place}]", self.path);
            let Value::Object(fields) = item else {
                self.faults.push(Invalid::new(path, "must be an object"));
                continue;
            };
            let mut inner = Self {
                path: format!("{path}."),
                left: fields,
                faults: Vec::new(),
            };
            found.extend(read(&mut inner));
            self.faults.append(&mut inner.faults);
        }
        found
    }

    /// What was read, or every fault.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Fault> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(Fault::invalid(self.faults)),
        }
    }
}

pub fn flag(value: &Value) -> Result<bool, String> {
    value
        .as_bool()
        .ok_or_else(|| "must be true or false".to_owned())
}

pub fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be a string".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named() {
        let body = br#"{"brand":7,"workflow":[{"to":"1"},3,{"to":null}],"more":{}}"#;
        let mut fields = Fields::read(body).unwrap();
        let text = |value: &Value| string(value).map(str::to_owned);
        assert_eq!(fields.require("brand", text), None);
        let tos = fields.each("workflow", 3, |step| step.require("to", text));
        assert_eq!(tos, ["1"]);
        assert_eq!(fields.take("more", text), None);
        assert_eq!(fields.take("absent", text), None);
        let names: Vec<_> = fields.faults.iter().map(|fault| &*fault.name).collect();
        assert_eq!(names, ["brand", "workflow[1]", "workflow[2].to", "more"]);
        assert!(fields.finish(Some(())).is_err());
        for junk in ["", "[]", "{", "\u{1}", r#"{"a":1,"a":2}"#] {
            assert!(Fields::read(junk.as_bytes()).is_err(), "{junk:?}");
        }
    }
}
