//! Parameters of a form or a query, as the libraries send them: texts, some of which are JSON. What is not known is ignored, and an empty
//! text is absent.

use std::collections::BTreeMap;

use actix_web::web;
use serde_json::Value;

use super::fault::Fault;
use crate::json;

#[derive(Debug)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Refuses a parameter that is given twice with different values.
    pub fn read(text: &[u8]) -> Result<Self, Fault> {
        let junk = || Fault::new(400, 60_200, "The parameters cannot be read");
        let text = std::str::from_utf8(text).map_err(|_| junk())?;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text).map_err(|_| junk())?;
        let mut form = BTreeMap::new();
        for (name, value) in pairs.into_inner() {
            let before = form.insert(name.clone(), value.clone());
            if before.is_some_and(|before| before != value) {
                return Err(Fault::parameter(&web_name(&name), "is given twice"));
            }
        }
        form.retain(|_, value| !value.is_empty());
        Ok(Self(form))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn required(&self, name: &str) -> Result<&str, Fault> {
        self.text(name)
            .ok_or_else(|| Fault::parameter(name, "is required"))
    }

    pub fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Fault> {
        let read = |text: &str| text.parse().map_err(|_| Fault::parameter(name, expected));
        self.text(name).map(read).transpose()
    }

    /// One of these words, whatever its case.
    pub fn word(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let known = words.iter().find(|word| word.eq_ignore_ascii_case(text));
        let expected = || Fault::parameter(name, &format!("must be one of {}", words.join(", ")));
        known.copied().map(Some).ok_or_else(expected)
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        let word = self.word(name, &["true", "false"])?;
        Ok(word.map(|word| word == "true"))
    }

    /// An object of texts, written as JSON.
    pub fn texts(&self, name: &str) -> Result<Vec<(String, String)>, Fault> {
        const EXPECTED: &str = "must be a JSON object of strings";
        let Some(text) = self.text(name) else {
            return Ok(Vec::new());
        };
        let Ok(Value::Object(fields)) = json::strict(text.as_bytes()) else {
            return Err(Fault::parameter(name, EXPECTED));
        };
        let text = |(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            Value::Number(number) => Ok((key, number.to_string())),
            _ => Err(Fault::parameter(name, EXPECTED)),
        };
        fields.into_iter().map(text).collect()
    }
}

/// A foreign name, made safe for a message.
fn web_name(name: &str) -> String {
    crate::web::fields::printable(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_the_libraries_write_it() {
        let text = b"To=%2B15017122661&Channel=SMS&RateLimits=%7B%22ip%22%3A+%22203.0.113.7%22%7D&Empty=&Flag=false";
        let form = Form::read(text).unwrap();
        assert_eq!(form.required("To"), Ok("+15017122661"));
        assert_eq!(form.word("Channel", &["call", "sms"]), Ok(Some("sms")));
        let limits = vec![("ip".to_owned(), "203.0.113.7".to_owned())];
        assert_eq!(form.texts("RateLimits"), Ok(limits));
        assert_eq!(
            (form.text("Empty"), form.flag("Flag")),
            (None, Ok(Some(false)))
        );
        assert!(form.required("Empty").is_err() && form.flag("To").is_err());
        assert!(form.texts("To").is_err());
        assert!(Form::read(b"To=1&To=2").is_err() && Form::read(b"To=1&To=1").is_ok());
        assert!(Form::read(b"To=\xff").is_err());
    }
}
