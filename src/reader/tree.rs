//! The layers as one tree: defaults, below the file, below the environment. Each node knows its layer.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::quotes;

pub(super) type Table = BTreeMap<String, Node>;

/// It has no `Debug`, because any of them may be a secret.
#[derive(Clone)]
pub(super) struct Node {
    pub value: Value,
    pub origin: Origin,
}

#[derive(Clone)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Whole(i64),
    Fraction(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
}

/// In ascending order of precedence.
#[derive(Clone)]
pub(super) enum Origin {
    Defaults,
    File,
    /// With the variable's name.
    Environment(Rc<str>),
}

impl Origin {
    /// Higher layers win over lower ones.
    pub(super) fn layer(&self) -> u8 {
        match self {
            Self::Defaults => 0,
            Self::File => 1,
            Self::Environment(_) => 2,
        }
    }
}

impl Node {
    pub(super) fn new(value: Value, origin: &Origin) -> Self {
        Self {
            value,
            origin: origin.clone(),
        }
    }

    pub(super) fn from_json(value: serde_json::Value, origin: &Origin) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Flag(flag),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Whole(whole),
                None => Value::Fraction(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::from_json(item, origin))
                    .collect(),
            ),
            Json::Object(fields) => Value::Table(
                fields
                    .into_iter()
                    .map(|(key, field)| (key, Self::from_json(field, origin)))
                    .collect(),
            ),
        };
        Self::new(value, origin)
    }

    fn from_toml(value: toml::Value, origin: &Origin) -> Self {
        use toml::Value as Toml;
        let value = match value {
            Toml::String(text) => Value::Text(text),
            Toml::Integer(whole) => Value::Whole(whole),
            Toml::Float(fraction) => Value::Fraction(fraction),
            Toml::Boolean(flag) => Value::Flag(flag),
            // No key takes a date; as text it is refused with its value named.
            Toml::Datetime(date) => Value::Text(date.to_string()),
            Toml::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::from_toml(item, origin))
                    .collect(),
            ),
            Toml::Table(fields) => Value::Table(table(fields, origin)),
        };
        Self::new(value, origin)
    }

    /// Whether it is null or an empty text.
    pub(super) fn is_blank(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// Takes a whole table or list that a variable holds as JSON apart; anything else stays as it is.
    pub(super) fn unpack(&mut self) -> Result<(), String> {
        let (Value::Text(text), Origin::Environment(_)) = (&self.value, &self.origin) else {
            return Ok(());
        };
        if !text.trim_start().starts_with(['{', '[']) {
            return Ok(());
        }
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|fault| format!("is not JSON: {fault}"))?;
        *self = Self::from_json(json, &self.origin);
        Ok(())
    }
}

/// Reads a TOML file. A fault gives the place and never quotes the line, which may hold a secret.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Table, String> {
    match text.parse::<toml::Table>() {
        Ok(fields) => Ok(table(fields, origin)),
        Err(fault) => {
            let place = fault.span().unwrap_or_default();
            let start = place.start.min(text.len());
            let before = text.get(..start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count()
                + 1;
            let message = fault.message().lines().next().unwrap_or_default();
            Err(match quotes::unquoted(text, place) {
                Some(mend) => format!("line {line}, column {column}: {mend}"),
                None => format!("line {line}, column {column}: not TOML: {message}"),
            })
        }
    }
}

fn table(fields: toml::Table, origin: &Origin) -> Table {
    fields
        .into_iter()
        .map(|(key, field)| (key, Node::from_toml(field, origin)))
        .collect()
}

/// Merges `over` into `base`: tables key by key; everything else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, node) in over {
        match (base.get_mut(&key), node) {
            (
                Some(Node {
                    value: Value::Table(below),
                    ..
                }),
                Node {
                    value: Value::Table(above),
                    ..
                },
            ) => merge(below, above),
            (_, node) => {
                base.insert(key, node);
            }
        }
    }
}

/// The dotted key of `name` in the table at `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
