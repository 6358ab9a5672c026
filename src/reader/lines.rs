//! The line of the file that each key is on.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::tree::{Node, Origin, Table, Value, join};

/// The line of each key of the file, from 1; `None` for a key that a variable overrides.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<String, Option<usize>>);

impl Lines {
    /// Of a file that is TOML.
    pub(super) fn of(text: &str) -> Self {
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let mut lines = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            lines.walk("", table.get_ref(), &ends);
        }
        lines
    }

    fn walk(&mut self, path: &str, table: &DeTable<'_>, ends: &[usize]) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.note(&path, key.span().start, ends);
            self.walk_value(&path, value.get_ref(), ends);
        }
    }

    fn walk_value(&mut self, path: &str, value: &DeValue<'_>, ends: &[usize]) {
        match value {
            DeValue::Table(table) => self.walk(path, table, ends),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.note(&path, item.span().start, ends);
                    self.walk_value(&path, item.get_ref(), ends);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, path: &str, start: usize, ends: &[usize]) {
        let line = ends.partition_point(|end| *end < start) + 1;
        self.0.insert(path.to_owned(), Some(line));
    }

    /// Takes out what variables have set.
    pub(super) fn hide_overridden(&mut self, path: &str, table: &Table) {
        for (name, node) in table {
            self.hide(&join(path, name), node);
        }
    }

    fn hide(&mut self, path: &str, node: &Node) {
        match &node.value {
            Value::Table(table) => self.hide_overridden(path, table),
            Value::List(items) => {
                for (index, node) in items.iter().enumerate() {
                    self.hide(&format!("{path}[{index}]"), node);
                }
            }
            _ if matches!(node.origin, Origin::Environment(_)) => {
                self.0.insert(path.to_owned(), None);
            }
            _ => {}
        }
    }

    /// The line of a key, or of the table that it is missing from.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(line) = self.0.get(key) {
                return *line;
            }
            key = key.get(..key.rfind(['.', '['])?)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_line_that_they_stand_in() {
        let lines = Lines::of(
            "listen = \"x\"\n\n[telegram]\ntoken = \"x\"\n[[sms.providers]]\nname = \"a\"\nprices = {\n  UZ = \"1\" }\n\
             [[sms.providers]]\nname = \"b\"\n",
        );
        for (key, line) in [
            ("listen", Some(1)),
            ("telegram", Some(3)),
            ("telegram.token", Some(4)),
            ("telegram.price", Some(3)),
            ("sms.providers[0].prices.UZ", Some(8)),
            ("sms.providers[1].name", Some(10)),
            ("workers", None),
        ] {
            assert_eq!(lines.find(key), line, "{key}");
        }
        assert_eq!(lines.find("sms.providers[1].url"), Some(9));
    }
}
