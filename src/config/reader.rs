//! Takes keys from a table one by one, and reports what is missing and what nobody took; `field` checks the values.
//!
//! [`Reported`] stands where a value would, once its fault was reported; so reading goes on to the next fault.

use std::cmp::Ordering;

use super::field::Field;
use super::report::{Report, Reported};
use super::secret::Secret;
use super::tree::{Table, Value};

/// A value that was found sound, or the knowledge that its fault was reported.
pub(super) type Checked<T> = Result<T, Reported>;

/// A table that is being read.
pub(super) struct Reader<'a> {
    path: String,
    table: Table,
    pub report: &'a Report<'a>,
}

/// All of them, after each was looked at.
pub(super) fn all<T>(found: impl IntoIterator<Item = Checked<T>>) -> Checked<Vec<T>> {
    let looked_at: Vec<Checked<T>> = found.into_iter().collect();
    looked_at.into_iter().collect()
}

/// Reads what may be absent.
pub(super) fn optional<'a, T>(
    field: Option<Field<'a>>,
    read: impl FnOnce(Field<'a>) -> Checked<T>,
) -> Checked<Option<T>> {
    match field {
        None => Ok(None),
        Some(field) => read(field).map(Some),
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: String, table: Table, report: &'a Report<'a>) -> Self {
        Self {
            path,
            table,
            report,
        }
    }

    /// The dotted key of `name` in this table.
    pub(super) fn path(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// The dotted key of the table itself.
    pub(super) fn own_path(&self) -> String {
        self.path.clone()
    }

    pub(super) fn fault(&self, name: &str, problem: impl Into<String>) -> Reported {
        self.report.fault(self.path(name), problem)
    }

    fn take(&mut self, name: &str) -> Option<Field<'a>> {
        let path = self.path(name);
        self.report.know(path.clone());
        let node = self.table.remove(name)?;
        let report = self.report;
        Some(Field { path, node, report })
    }

    /// What may be absent; blank counts as absent.
    pub(super) fn find(&mut self, name: &str) -> Option<Field<'a>> {
        self.take(name).filter(|field| !field.node.is_blank())
    }

    /// What must be there.
    pub(super) fn get(&mut self, name: &str) -> Checked<Field<'a>> {
        let field = self
            .take(name)
            .filter(|field| !matches!(field.node.value, Value::Null));
        field.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// A table whose keys are all optional or have defaults.
    pub(super) fn table(&mut self, name: &str) -> Checked<Reader<'a>> {
        let (path, report) = (self.path(name), self.report);
        match self.find(name) {
            Some(field) => field.table(),
            None => Ok(Reader::new(path, Table::new(), report)),
        }
    }

    /// A secret, given as `name` or as `name_file`. The higher layer's form wins; both in one layer are a fault.
    pub(super) fn secret(&mut self, name: &str) -> Checked<Option<Secret>> {
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
    pub(super) fn into_parts(self) -> (String, Table, &'a Report<'a>) {
        (self.path, self.table, self.report)
    }

    /// Ends the reading: what is left was asked for by nobody.
    pub(super) fn finish(self) {
        for (name, node) in self.table {
            self.report.leftover(join(&self.path, &name), node);
        }
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
