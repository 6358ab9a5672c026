//! Converts values to their types: each method accepts the value, or reports why it does not fit.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::report::quote;
use super::secret::Secret;
use super::table::{Checked, Field, all};
use super::tree::{Node, Value, join};
use crate::clock::span;
use crate::money::{Currency, Micros, Money};

impl Field<'_> {
    /// A text that `parse` understands; its error is reported unchanged, so it must quote no secret.
    pub fn parsed<T, E: Display>(self, parse: impl FnOnce(&str) -> Result<T, E>) -> Checked<T> {
        match self.as_text().map(parse) {
            Some(Ok(value)) => Ok(value),
            Some(Err(problem)) => self.fault(problem),
            None => self.mistyped("a text in quotes"),
        }
    }

    /// A text, or a plain value as a text, for what providers compare or send.
    pub fn scalar(self) -> Checked<String> {
        match &self.node.value {
            Value::Text(text) => Ok(text.clone()),
            Value::Whole(whole) => Ok(whole.to_string()),
            Value::Flag(flag) => Ok(flag.to_string()),
            _ => self.misshapen("a text in quotes"),
        }
    }

    pub fn choice<T: Copy>(self, known: &[(&str, T)]) -> Checked<T> {
        let names = || {
            known
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        self.parsed(|text| {
            let found = known
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(text));
            found
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("{} is none of: {}", quote(text), names()))
        })
    }

    pub fn flag(self) -> Checked<bool> {
        match (&self.node.value, self.is_from_environment()) {
            (Value::Flag(flag), _) => Ok(*flag),
            (Value::Text(text), true) if text == "true" => Ok(true),
            (Value::Text(text), true) if text == "false" => Ok(false),
            _ => self.mistyped("true or false, without quotes"),
        }
    }

    /// A whole number within `range`.
    pub fn whole<T: TryFrom<i64>>(self, range: RangeInclusive<i64>) -> Checked<T> {
        let (least, most) = (range.start(), range.end());
        let mend = format!("a whole number from {least} to {most}");
        let number = match (&self.node.value, self.is_from_environment()) {
            (Value::Whole(number), _) => Some(*number),
            (Value::Text(text), true) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            return self.mistyped(format!("{mend}, without quotes"));
        };
        match T::try_from(number) {
            Ok(fitting) if range.contains(&number) => Ok(fitting),
            _ => self.fault(format!("`{number}` is out of range; write {mend}")),
        }
    }

    /// A length of time within `range`.
    pub fn span(self, range: RangeInclusive<Duration>) -> Checked<Duration> {
        let shown = |length: Duration| {
            if length.is_zero() {
                "0s".to_owned()
            } else {
                span::format(length)
            }
        };
        let (least, most) = (shown(*range.start()), shown(*range.end()));
        if self.as_text().is_none() {
            return self.mistyped(format!(
                "a length of time from {least} to {most}, such as \"{least}\""
            ));
        }
        self.parsed(|text| {
            let length = span::parse(text)?;
            if range.contains(&length) {
                return Ok(length);
            }
            Err(format!(
                "`{text}` is out of range; write a length of time from {least} to {most}"
            ))
        })
    }

    /// A number as it is written, whole or not.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self.node.value {
            Value::Fraction(fraction) => Some(fraction),
            #[expect(
                clippy::cast_precision_loss,
                reason = "only small numbers are asked for so"
            )]
            Value::Whole(whole) => Some(whole as f64),
            _ => None,
        }
    }

    /// A number within `range`.
    pub fn number(self, range: RangeInclusive<f64>) -> Checked<f64> {
        let mend = format!("a number from {} to {}", range.start(), range.end());
        let number = match self.as_text() {
            Some(text) if self.is_from_environment() => text.parse().ok(),
            _ => self.as_number(),
        };
        match number {
            Some(number) if range.contains(&number) => Ok(number),
            Some(number) => self.fault(format!("`{number}` is out of range; write {mend}")),
            None => self.mistyped(format!("{mend}, without quotes")),
        }
    }

    /// Headers of a request, whose values are secrets. `seen` gets the path and the value of each.
    pub fn headers(self, mut seen: impl FnMut(&str, &str)) -> Checked<Vec<(String, Secret)>> {
        let mut names: Vec<String> = Vec::new();
        all(self.entries()?.into_iter().map(|(name, field)| {
            let small = name.to_ascii_lowercase();
            if !is_header_name(&name) {
                return field.fault("is not a header's name: letters, digits and -");
            }
            if names.contains(&small) {
                return field
                    .fault("is given twice, since the case of a header's name does not matter");
            }
            names.push(small);
            let (path, report) = (field.path.clone(), field.report);
            let value = field.secret()?;
            if !value
                .expose()
                .chars()
                .all(|c| c == '\t' || c == ' ' || c.is_ascii_graphic())
            {
                return Err(report.fault(path, "holds a line break or a character outside ASCII; write the value itself, on one line"));
            }
            seen(&path, value.expose());
            Ok((name, value))
        }))
    }

    pub fn address(self) -> Checked<SocketAddr> {
        self.parsed(|text| {
            text.parse().map_err(|_| {
                format!("{} is not an address with a port such as 127.0.0.1:8080 or [::]:8080 (names are not taken)", quote(text))
            })
        })
    }

    pub fn currency(self) -> Checked<Currency> {
        self.parsed(str::parse)
    }

    /// A decimal of zero or more, as a text, because a float is not exact.
    pub fn amount(self) -> Checked<Micros> {
        if self.as_text().is_none() {
            return self.mistyped("a decimal in quotes, such as \"0.05\"");
        }
        self.parsed(|text| match text.parse::<Micros>() {
            Ok(amount) if amount < Micros::ZERO => {
                Err(format!("`{text}` is negative; write 0 or more"))
            }
            Ok(amount) => Ok(amount),
            Err(fault) => Err(fault.to_string()),
        })
    }

    /// `{ amount = "0.01", currency = "USD" }`.
    pub fn money(self) -> Checked<Money> {
        let mut table = self.table()?;
        let amount = table.get("amount").and_then(Field::amount);
        let currency = table.get("currency").and_then(Field::currency);
        table.finish();
        Ok(Money::new(amount?, currency?))
    }

    /// A JSON value in which each `{ file = "…" }` below the top is replaced by the content of that file;
    /// `seen` gets every text, and whether it is from a file.
    pub fn json(mut self, seen: &mut dyn FnMut(&str, &str, bool)) -> Checked<serde_json::Value> {
        self.unpack()?;
        match self.node.value {
            Value::List(_) | Value::Table(_) => self.json_value(seen),
            _ => self.misshapen("a table, such as { to = \"{to}\" }; in a variable as JSON"),
        }
    }

    fn json_value(self, seen: &mut dyn FnMut(&str, &str, bool)) -> Checked<serde_json::Value> {
        let (path, report) = (&self.path, self.report);
        let field = |name: &str, node| Field {
            path: join(path, name),
            node,
            report,
        };
        Ok(match self.node.value {
            Value::Null => serde_json::Value::Null,
            Value::Flag(flag) => flag.into(),
            Value::Whole(whole) => whole.into(),
            Value::Fraction(fraction) => fraction.into(),
            Value::Text(text) => {
                seen(path, &text, false);
                text.into()
            }
            Value::List(items) => {
                let item = |(index, node)| Field {
                    path: format!("{path}[{index}]"),
                    node,
                    report,
                };
                let items = items.into_iter().enumerate().map(item);
                all(items.map(|item| item.json_within(seen)))?.into()
            }
            Value::Table(table) => {
                let read = |(name, node): (String, Node)| {
                    let value = field(&name, node).json_within(seen)?;
                    Ok((name, value))
                };
                let entries = all(table.into_iter().map(read))?;
                serde_json::Value::Object(entries.into_iter().collect())
            }
        })
    }

    fn json_within(self, seen: &mut dyn FnMut(&str, &str, bool)) -> Checked<serde_json::Value> {
        let names_file = match &self.node.value {
            Value::Table(table) => table.len() == 1 && table.contains_key("file"),
            _ => false,
        };
        if !names_file {
            return self.json_value(seen);
        }
        let path = self.path.clone();
        let secret = self.secret()?;
        seen(&path, secret.expose(), true);
        Ok(secret.expose().into())
    }
}

/// RFC 9110, `token`.
fn is_header_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(letter)
}
