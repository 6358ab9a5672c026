//! Gathers faults and warnings, so that all of them can be reported at once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use super::lines::Lines;
use super::suggest;
use super::tree::{Node, Origin, Value};
use super::variable::{bare, variable, whole};

/// Variables that the examples read, and Pinroute does not.
const OF_CLIENTS: [&str; 3] = ["PINROUTE_URL", "PINROUTE_API_KEY", "PINROUTE_PROJECT_ID"];

/// One thing that is wrong. It quotes no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}{}", at(*.line))]
pub struct Fault {
    /// Dotted: `sms.providers[0].url`. For a file that is not TOML, the file's name.
    pub key: String,
    /// Names the value and the correction.
    pub problem: String,
    /// Of the file, from 1; `None` for a key that it does not have.
    pub line: Option<usize>,
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}

impl Fault {
    #[must_use]
    pub fn new(key: &str, problem: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            problem: problem.into(),
            line: None,
        }
    }
}

/// Takes the place of a value whose fault is in the report.
#[derive(Clone, Copy, Debug)]
pub struct Reported;

/// Shared by all readers of one load.
pub struct Faults<'a> {
    read_file: &'a dyn Fn(&Path) -> std::io::Result<String>,
    notes: RefCell<Notes>,
}

#[derive(Default)]
struct Notes {
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    lines: Lines,
    /// Every key that some reader asked for.
    known: BTreeSet<String>,
    leftovers: Vec<(String, Node)>,
    /// Variables that set nothing.
    strangers: Vec<String>,
    gaps: Vec<Gap>,
}

/// A variable for an item beyond the end of its list.
struct Gap {
    variable: String,
    list: String,
    length: usize,
}

impl<'a> Faults<'a> {
    pub(super) fn new(read_file: &'a dyn Fn(&Path) -> std::io::Result<String>) -> Self {
        Self {
            read_file,
            notes: RefCell::default(),
        }
    }

    pub fn fault(&self, key: impl Into<String>, problem: impl Into<String>) -> Reported {
        let fault = Fault::new(&key.into(), problem);
        self.notes.borrow_mut().faults.push(fault);
        Reported
    }

    /// Something that may be meant, and does not stop the program.
    pub fn warn(&self, key: impl Into<String>, problem: impl Into<String>) {
        let warning = Fault::new(&key.into(), problem);
        self.notes.borrow_mut().warnings.push(warning);
    }

    /// Where the keys of the file stand.
    pub(super) fn place(&self, lines: Lines) {
        self.notes.borrow_mut().lines = lines;
    }

    pub(super) fn know(&self, key: String) {
        self.notes.borrow_mut().known.insert(key);
    }

    pub(super) fn leftover(&self, key: String, node: Node) {
        self.notes.borrow_mut().leftovers.push((key, node));
    }

    pub(super) fn stranger(&self, variable: &str) {
        self.notes.borrow_mut().strangers.push(variable.to_owned());
    }

    pub(super) fn gap(&self, variable: &str, list: String, length: usize) {
        let gap = Gap {
            variable: variable.to_owned(),
            list,
            length,
        };
        self.notes.borrow_mut().gaps.push(gap);
    }

    pub(super) fn read_file(&self, path: &str) -> std::io::Result<String> {
        (self.read_file)(Path::new(path))
    }

    /// Judges the leftovers and returns everything: faults, then warnings.
    pub(super) fn close(self) -> (Vec<Fault>, Vec<String>) {
        let mut notes = self.notes.into_inner();
        for (key, node) in std::mem::take(&mut notes.leftovers) {
            notes.judge(&key, &node);
        }
        for gap in std::mem::take(&mut notes.gaps) {
            notes.judge_gap(gap);
        }
        let strangers = notes
            .strangers
            .iter()
            // A site's own programs may be run from the same shell.
            .filter(|name| !OF_CLIENTS.contains(&name.as_str()))
            .map(|name| match notes.variable_like(name) {
                Some(near) => format!("{name} sets no known key; did you mean {near}?"),
                None => format!("{name} sets no known key and is ignored"),
            });
        let strangers: Vec<String> = strangers.collect();
        let Notes {
            faults,
            warnings,
            lines,
            ..
        } = notes;
        let placed = |fault: Fault| Fault {
            line: lines.find(&fault.key),
            ..fault
        };
        let warnings = warnings
            .into_iter()
            .map(|warning| placed(warning).to_string());
        let warnings = warnings.chain(strangers).collect();
        (faults.into_iter().map(placed).collect(), warnings)
    }
}

impl Notes {
    /// An unknown key in the file is a mistake; an unknown variable may be the orchestrator's.
    fn judge(&mut self, key: &str, node: &Node) {
        let Origin::Environment(name) = &node.origin else {
            let problem = self.unknown(key);
            return self.blame(key, problem);
        };
        let own = variable(key);
        if name.eq_ignore_ascii_case(&own) {
            return self.strangers.push(name.to_string());
        }
        let within = name
            .get(..own.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(&own));
        match &node.value {
            Value::Table(table) if within => {
                for (child, node) in table {
                    self.judge(&format!("{key}.{child}"), node);
                }
            }
            Value::List(items) if within => {
                for (index, node) in items.iter().enumerate() {
                    self.judge(&format!("{key}[{index}]"), node);
                }
            }
            _ => {
                let problem = format!("{} (in {name})", self.unknown(key));
                self.blame(key, problem);
            }
        }
    }

    fn judge_gap(&mut self, gap: Gap) {
        if !self.known.contains(&gap.list) {
            return self.strangers.push(gap.variable);
        }
        let Gap {
            variable,
            list,
            length,
        } = gap;
        let problem = format!(
            "{variable} leaves a gap: the list has {length} items, so the next index is {length}"
        );
        self.blame(&list, problem);
    }

    fn blame(&mut self, key: &str, problem: String) {
        self.faults.push(Fault::new(key, problem));
    }

    fn unknown(&self, key: &str) -> String {
        match self.key_like(key) {
            Some(near) => format!("unknown key; did you mean `{near}`?"),
            None => "unknown key; remove it".to_owned(),
        }
    }

    /// First a typing error among the keys of the same table, then the same name in another table.
    fn key_like(&self, key: &str) -> Option<&str> {
        let (table, name) = split(key);
        let siblings = || self.known.iter().filter(|known| split(known).0 == table);
        let near = suggest::nearest(name, siblings().map(|known| split(known).1));
        near.and_then(|near| siblings().find(|known| split(known).1 == near))
            .or_else(|| self.known.iter().find(|known| split(known).1 == name))
            .map(String::as_str)
    }

    fn variable_like(&self, name: &str) -> Option<String> {
        let known: Vec<String> = self.known.iter().map(|key| variable(key)).collect();
        let near = suggest::nearest(bare(name), known.iter().map(|name| bare(name)))?;
        Some(whole(near))
    }
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// A value as a fault shows it: short enough for one line.
pub fn quote(text: &str) -> String {
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
