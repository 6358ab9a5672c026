//! Takes keys from a table one by one, and reports missing and unknown keys; `values` checks the values.
//!
//! [`Reported`] takes the place of a value once its fault was reported, so that reading continues to the next fault.

use std::cmp::Ordering;
use std::fmt::Display;

use super::examples::is_placeholder_secret;
use super::report::{Faults, Reported, quote};
use super::secret::Secret;
use super::tree::{Node, Origin, Table, Value, join};

/// A sound value, or the knowledge that its fault was reported.
pub type Checked<T> = Result<T, Reported>;

const PLACEHOLDER: &str = "is a placeholder; put the real value there";

/// A value that is being read, and its key.
pub struct Field<'a> {
    pub path: String,
    pub(super) node: Node,
    pub report: &'a Faults<'a>,
}

/// A table that is being read.
pub struct Reader<'a> {
    path: String,
    table: Table,
    pub report: &'a Faults<'a>,
}

/// All values, after each was checked.
pub fn all<T>(found: impl IntoIterator<Item = Checked<T>>) -> Checked<Vec<T>> {
    let looked_at: Vec<Checked<T>> = found.into_iter().collect();
    looked_at.into_iter().collect()
}

/// Reads a field that may be absent.
pub fn optional<'a, T>(
    field: Option<Field<'a>>,
    read: impl FnOnce(Field<'a>) -> Checked<T>,
) -> Checked<Option<T>> {
    match field {
        None => Ok(None),
        Some(field) => read(field).map(Some),
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: String, table: Table, report: &'a Faults<'a>) -> Self {
        Self {
            path,
            table,
            report,
        }
    }

    /// The dotted key of `name` in this table.
    pub fn path(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// The dotted key of the table itself.
    pub fn own_path(&self) -> String {
        self.path.clone()
    }

    pub fn fault(&self, name: &str, problem: impl Into<String>) -> Reported {
        self.report.fault(self.path(name), problem)
    }

    fn take(&mut self, name: &str) -> Option<Field<'a>> {
        let path = self.path(name);
        self.report.know(path.clone());
        let node = self.table.remove(name)?;
        let report = self.report;
        Some(Field { path, node, report })
    }

    /// A key that may be absent; blank counts as absent.
    pub fn find(&mut self, name: &str) -> Option<Field<'a>> {
        self.take(name).filter(|field| !field.node.is_blank())
    }

    /// A required key.
    pub fn get(&mut self, name: &str) -> Checked<Field<'a>> {
        let field = self
            .take(name)
            .filter(|field| !matches!(field.node.value, Value::Null));
        field.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// A table whose keys are all optional or have defaults.
    pub fn table(&mut self, name: &str) -> Checked<Reader<'a>> {
        let (path, report) = (self.path(name), self.report);
        match self.find(name) {
            Some(field) => field.table(),
            None => Ok(Reader::new(path, Table::new(), report)),
        }
    }

    /// A secret, given as `name` or as `name_file`. The higher layer's form wins; both in one layer are a fault.
    pub fn secret(&mut self, name: &str) -> Checked<Option<Secret>> {
        let plain = self.take(name);
        let file_key = format!("{name}_file");
        let file = self.find(&file_key);
        let higher = match (&plain, &file) {
            (Some(plain), Some(file)) => plain.layer().cmp(&file.layer()),
            (Some(_), None) => Ordering::Greater,
            (None, _) => Ordering::Less,
        };
        let plain = plain.filter(Field::is_filled);
        if higher == Ordering::Equal && plain.is_some() {
            let problem = format!("`{name}` and `{file_key}` are both given; keep one");
            return Err(self.fault(name, problem));
        }
        match file {
            Some(file) if higher != Ordering::Greater => file.file_content().map(Some),
            _ => optional(plain, Field::secret),
        }
    }

    /// For a table whose keys are free.
    fn into_parts(self) -> (String, Table, &'a Faults<'a>) {
        (self.path, self.table, self.report)
    }

    /// Ends the reading: keys that are left are unknown.
    pub fn finish(self) {
        for (name, node) in self.table {
            self.report.leftover(join(&self.path, &name), node);
        }
    }
}

impl<'a> Field<'a> {
    pub fn fault<T>(&self, problem: impl Display) -> Checked<T> {
        let problem = match &self.node.origin {
            Origin::Environment(name) => format!("{problem} (set by {name})"),
            _ => problem.to_string(),
        };
        Err(self.report.fault(self.path.clone(), problem))
    }

    /// For a value of the wrong type; `mend` says what to write.
    pub(super) fn mistyped<T>(&self, mend: impl Display) -> Checked<T> {
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
    pub fn misshapen<T>(&self, mend: impl Display) -> Checked<T> {
        let written = match &self.node.value {
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            _ => "this value",
        };
        self.fault(format!("{written} does not fit; write {mend}"))
    }

    fn layer(&self) -> u8 {
        self.node.origin.layer()
    }

    fn is_filled(&self) -> bool {
        !self.node.is_blank()
    }

    pub(super) fn is_from_environment(&self) -> bool {
        matches!(self.node.origin, Origin::Environment(_))
    }

    pub fn is_text(&self, wanted: &str) -> bool {
        matches!(&self.node.value, Value::Text(text) if text == wanted)
    }

    pub fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    pub fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    /// The text, or none when it is of another type.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn unpack(&mut self) -> Checked<()> {
        match self.node.unpack() {
            Ok(()) => Ok(()),
            Err(problem) => self.fault(problem),
        }
    }

    pub fn table(mut self) -> Checked<Reader<'a>> {
        self.unpack()?;
        match self.node.value {
            Value::Table(table) => Ok(Reader::new(self.path, table, self.report)),
            _ => self.misshapen("a table, such as { key = \"value\" }; in a variable as JSON"),
        }
    }

    /// The entries of a table whose keys are free.
    pub fn entries(self) -> Checked<Vec<(String, Field<'a>)>> {
        let (path, table, report) = self.table()?.into_parts();
        let entry = |(name, node): (String, Node)| {
            let path = join(&path, &name);
            (name, Field { path, node, report })
        };
        Ok(table.into_iter().map(entry).collect())
    }

    pub fn items(mut self) -> Checked<Vec<Field<'a>>> {
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

    /// A list, or in its place a text that is the only item; none if that is empty.
    pub fn one_or_more(self) -> Checked<Vec<Self>> {
        match self.as_text() {
            Some("") => Ok(Vec::new()),
            Some(text) if !text.starts_with('[') => Ok(vec![self]),
            _ => self.items(),
        }
    }

    /// A secret, as a text or as `{ file = "…" }`. No fault quotes it.
    pub fn secret(self) -> Checked<Secret> {
        match &self.node.value {
            Value::Text(text) if text.is_empty() => self.fault("is empty"),
            Value::Text(text) if is_placeholder_secret(text) => self.fault(PLACEHOLDER),
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

    /// The content of the file that this names, without the line's end.
    fn file_content(self) -> Checked<Secret> {
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
                if is_placeholder_secret(content) {
                    return self.fault(format!(
                        "the file `{path}` holds a placeholder; put the real value there"
                    ));
                }
                Ok(Secret::new(content))
            }
            Err(fault) => self.fault(format!("cannot read the file `{path}`: {fault}")),
        }
    }
}
