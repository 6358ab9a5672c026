//! The environment as the topmost layer.

use super::report::Faults;
use super::tree::{self, Node, Origin, Table, Value};
use super::variable::{is_ours, segments};

/// Merges the variables into the tree. One that cannot be placed is noted, and judged once all known keys have been read.
pub(super) fn overlay(
    root: &mut Table,
    env: impl IntoIterator<Item = (String, String)>,
    report: &Faults<'_>,
) {
    let mut variables: Vec<(String, String)> =
        env.into_iter().filter(|(name, _)| is_ours(name)).collect();
    // A whole list comes before its items, item 2 before item 10.
    variables.sort_by_cached_key(|(name, _)| {
        segments(name)
            .map(|part| index(part).map_or(part.to_owned(), |i| format!("{i:020}")))
            .collect::<Vec<_>>()
    });
    for (name, text) in variables {
        let path: Vec<&str> = segments(&name).collect();
        let setting = Setting {
            text: &text,
            origin: Origin::Environment(name.as_str().into()),
        };
        let placed = match path.split_first() {
            Some((head, rest)) if path.iter().all(|part| !part.is_empty()) => {
                setting.enter(root, "", head, rest)
            }
            _ => Err(Obstacle::NoSuchKey),
        };
        match placed {
            Ok(()) => {}
            Err(Obstacle::NoSuchKey) => report.stranger(&name),
            Err(Obstacle::Gap { list, length }) => report.gap(&name, list, length),
        }
    }
}

fn index(part: &str) -> Option<usize> {
    part.parse()
        .ok()
        .filter(|_| part.bytes().all(|b| b.is_ascii_digit()))
}

enum Obstacle {
    /// The way leads through a plain value.
    NoSuchKey,
    /// An item beyond the end of a list.
    Gap { list: String, length: usize },
}

/// One variable on its way to its place.
struct Setting<'a> {
    text: &'a str,
    origin: Origin,
}

impl Setting<'_> {
    fn enter(
        &self,
        table: &mut Table,
        at: &str,
        head: &str,
        rest: &[&str],
    ) -> Result<(), Obstacle> {
        let key = spelling(table, at, head);
        let here = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        let node = table.entry(key).or_insert_with(|| self.blank(rest));
        self.place(node, &here, rest)
    }

    fn place(&self, node: &mut Node, at: &str, path: &[&str]) -> Result<(), Obstacle> {
        let Some((head, rest)) = path.split_first() else {
            self.overwrite(node);
            return Ok(());
        };
        // A text that is not JSON is reported by its reader.
        node.unpack().ok();
        match &mut node.value {
            Value::Table(table) => self.enter(table, at, head, rest),
            Value::List(items) => {
                let index = index(head).ok_or(Obstacle::NoSuchKey)?;
                if index == items.len() {
                    items.push(self.blank(rest));
                }
                let length = items.len();
                let item = items.get_mut(index).ok_or_else(|| Obstacle::Gap {
                    list: at.to_owned(),
                    length,
                })?;
                self.place(item, &format!("{at}[{index}]"), rest)
            }
            // A secret in a list gives way to the name of the file that holds it.
            _ if head.eq_ignore_ascii_case("file") && rest.is_empty() => {
                let file = Node::new(Value::Text(self.text.to_owned()), &self.origin);
                let table = Table::from([("file".to_owned(), file)]);
                *node = Node::new(Value::Table(table), &self.origin);
                Ok(())
            }
            _ => Err(Obstacle::NoSuchKey),
        }
    }

    /// An empty variable empties a text; over any other value it counts as not set.
    fn overwrite(&self, node: &mut Node) {
        let mut new = Node::new(Value::Text(self.text.to_owned()), &self.origin);
        if matches!(node.value, Value::Text(_) | Value::Null) {
            *node = new;
            return;
        }
        if self.text.is_empty() {
            return;
        }
        if matches!(node.value, Value::Table(_) | Value::List(_)) {
            // A text that is not JSON is reported by its reader.
            new.unpack().ok();
        }
        match (&mut node.value, new) {
            (
                Value::Table(below),
                Node {
                    value: Value::Table(above),
                    ..
                },
            ) => {
                tree::merge(below, above);
            }
            (_, new) => *node = new,
        }
    }

    fn blank(&self, rest: &[&str]) -> Node {
        let value = match rest.first() {
            None => Value::Text(String::new()),
            Some(next) if index(next).is_some() => Value::List(Vec::new()),
            Some(_) => Value::Table(Table::new()),
        };
        Node::new(value, &self.origin)
    }
}

/// Variables have no case: an existing key keeps its own, a country is upper case, everything else is lower case.
fn spelling(table: &Table, at: &str, part: &str) -> String {
    let small = part.to_lowercase();
    if table.contains_key(&small) {
        return small;
    }
    if let Some(key) = table.keys().find(|key| key.eq_ignore_ascii_case(part)) {
        return key.clone();
    }
    if at.ends_with(".prices") {
        part.to_uppercase()
    } else {
        small
    }
}
