//! A value on its way to its type: each method takes it, or reports why it does not fit.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::{Checked, Reader, all, join};
use super::report::Report;
use super::secret::Secret;
use super::tree::{Node, Origin, Value};
use crate::money::{Currency, Micros, Money};
use crate::verification::span;

/// A value that is being read, and the key that it stands at.
pub(super) struct Field<'a> {
    pub path: String,
    pub node: Node,
    pub report: &'a Report<'a>,
}

impl<'a> Field<'a> {
    pub(super) fn fault<T>(&self, problem: impl Display) -> Checked<T> {
        let problem = match &self.node.origin {
            Origin::Environment(name) => format!("{problem} (set by {name})"),
            _ => problem.to_string(),
        };
        Err(self.report.fault(self.path.clone(), problem))
    }

    /// For a value of the wrong type; `mend` says what to write.
    fn mistyped<T>(&self, mend: impl Display) -> Checked<T> {
        let written = match &self.node.value {
            Value::Null => "null".to_owned(),
            Value::Flag(flag) => format!("`{flag}`"),
            Value::Whole(whole) => format!("`{whole}`"),
            Value::Fraction(fraction) => format!("`{fraction}`"),
            Value::Text(text) => format!("{} in quotes", quote(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        };
        self.fault(format!("{written} does not fit; write {mend}"))
    }

    /// For a value where many are wanted. It may be a secret at the wrong place, so it is not quoted.
    pub(super) fn misshapen<T>(&self, mend: impl Display) -> Checked<T> {
        let written = match &self.node.value {
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            _ => "this value",
        };
        self.fault(format!("{written} does not fit; write {mend}"))
    }

    pub(super) fn layer(&self) -> u8 {
        self.node.origin.layer()
    }

    pub(super) fn is_filled(&self) -> bool {
        !self.node.is_blank()
    }

    fn is_from_environment(&self) -> bool {
        matches!(self.node.origin, Origin::Environment(_))
    }

    pub(super) fn is_text(&self, wanted: &str) -> bool {
        matches!(&self.node.value, Value::Text(text) if text == wanted)
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    /// The text, or none when it is of another type.
    fn as_text(&self) -> Option<&str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text that `parse` makes something of; its error is told as it is, so it must quote no secret.
    pub(super) fn parsed<T, E: Display>(
        self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Checked<T> {
        match self.as_text().map(parse) {
            Some(Ok(value)) => Ok(value),
            Some(Err(problem)) => self.fault(problem),
            None => self.mistyped("a text in quotes"),
        }
    }

    /// A text, or a plain value as a text, for what providers compare or send.
    pub(super) fn scalar(self) -> Checked<String> {
        match &self.node.value {
            Value::Text(text) => Ok(text.clone()),
            Value::Whole(whole) => Ok(whole.to_string()),
            Value::Flag(flag) => Ok(flag.to_string()),
            _ => self.misshapen("a text in quotes"),
        }
    }

    pub(super) fn choice<T: Copy>(self, known: &[(&str, T)]) -> Checked<T> {
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

    pub(super) fn flag(self) -> Checked<bool> {
        match (&self.node.value, self.is_from_environment()) {
            (Value::Flag(flag), _) => Ok(*flag),
            (Value::Text(text), true) if text == "true" => Ok(true),
            (Value::Text(text), true) if text == "false" => Ok(false),
            _ => self.mistyped("true or false, without quotes"),
        }
    }

    /// A whole number within `range`.
    pub(super) fn whole<T: TryFrom<i64>>(self, range: RangeInclusive<i64>) -> Checked<T> {
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
    pub(super) fn span(self, range: RangeInclusive<Duration>) -> Checked<Duration> {
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

    pub(super) fn address(self) -> Checked<SocketAddr> {
        self.parsed(|text| {
            text.parse().map_err(|_| {
                format!("{} is not an address with a port such as 127.0.0.1:8080 or [::]:8080 (names are not taken)", quote(text))
            })
        })
    }

    pub(super) fn currency(self) -> Checked<Currency> {
        self.parsed(str::parse)
    }

    /// A decimal of zero or more, as a text, because a float is not exact.
    pub(super) fn amount(self) -> Checked<Micros> {
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
    pub(super) fn money(self) -> Checked<Money> {
        let mut table = self.table()?;
        let amount = table.get("amount").and_then(Field::amount);
        let currency = table.get("currency").and_then(Field::currency);
        table.finish();
        Ok(Money::new(amount?, currency?))
    }

    fn unpack(&mut self) -> Checked<()> {
        match self.node.unpack() {
            Ok(()) => Ok(()),
            Err(problem) => self.fault(problem),
        }
    }

    pub(super) fn table(mut self) -> Checked<Reader<'a>> {
        self.unpack()?;
        match self.node.value {
            Value::Table(table) => Ok(Reader::new(self.path, table, self.report)),
            _ => self.misshapen("a table, such as { key = \"value\" }; in a variable as JSON"),
        }
    }

    /// The entries of a table whose keys are free.
    pub(super) fn entries(self) -> Checked<Vec<(String, Field<'a>)>> {
        let (path, table, report) = self.table()?.into_parts();
        let entry = |(name, node): (String, Node)| {
            let path = join(&path, &name);
            (name, Field { path, node, report })
        };
        Ok(table.into_iter().map(entry).collect())
    }

    pub(super) fn items(mut self) -> Checked<Vec<Field<'a>>> {
        self.unpack()?;
        let Value::List(items) = self.node.value else {
            return self.misshapen("a list, such as [\"…\"]; in a variable as JSON");
        };
        let (path, report) = (&self.path, self.report);
        let item = |(index, node)| Field {
            path: format!("{path}[{index}]"),
            node,
            report,
        };
        Ok(items.into_iter().enumerate().map(item).collect())
    }

    /// A secret, as a text or as `{ file = "…" }`. No fault quotes it.
    pub(super) fn secret(self) -> Checked<Secret> {
        match &self.node.value {
            Value::Text(text) if text.is_empty() => self.fault("is empty"),
            Value::Text(text) => Ok(Secret::new(text.as_str())),
            Value::Table(_) => {
                let mut table = self.table()?;
                let content = table.get("file").and_then(Field::file_content);
                table.finish();
                content
            }
            _ => self.fault("does not fit; write a text in quotes, or { file = \"…\" }"),
        }
    }

    /// What stands in the file that this names, without the line's end.
    pub(super) fn file_content(self) -> Checked<Secret> {
        let path = match self.as_text() {
            Some("") => return self.fault("names no file"),
            Some(path) => path,
            None => return self.mistyped("the path of a file in quotes"),
        };
        match self.report.read_file(path) {
            Ok(content) => {
                let content = content.trim_end_matches(['\r', '\n']);
                if content.is_empty() {
                    return self.fault(format!("the file `{path}` is empty"));
                }
                Ok(Secret::new(content))
            }
            Err(fault) => self.fault(format!("cannot read the file `{path}`: {fault}")),
        }
    }

    /// A JSON value in which each `{ file = "…" }` below the top stands for the content of that file;
    /// `seen` is shown every text, and whether it is from a file.
    pub(super) fn json(
        mut self,
        seen: &mut dyn FnMut(&str, &str, bool),
    ) -> Checked<serde_json::Value> {
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

/// A value as a fault shows it: short enough for one line.
pub(super) fn quote(text: &str) -> String {
    const MOST: usize = 80;
    let line: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let rest = if text.chars().nth(MOST).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{line}{rest}`")
}
