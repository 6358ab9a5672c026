//! Merges the layers, has them read, and returns the result or all faults.

use std::path::Path;

use super::environment;
use super::lines::Lines;
use super::report::{Fault, Faults};
use super::table::{Checked, Reader};
use super::tree::{self, Node, Origin, Value};

/// Reads a secret's file.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Merges `defaults`, `file` (name and text) and the variables, each winning over the one before, and reads the result.
/// Also returns the warnings. `read_file` is called for secrets that are given as files, and for nothing else.
///
/// # Errors
/// Every fault there is; a file that is not TOML hides the others.
pub fn read<T>(
    defaults: &str,
    file: Option<(&str, &str)>,
    env: impl IntoIterator<Item = (String, String)>,
    read_file: ReadFile<'_>,
    read: impl FnOnce(Reader<'_>) -> Checked<T>,
) -> Result<(T, Vec<String>), Vec<Fault>> {
    let not_toml = |name: &str, problem: String| vec![Fault::new(name, problem)];
    let mut lines = Lines::default();
    let mut root = tree::parse(defaults, &Origin::Defaults)
        .map_err(|problem| not_toml("defaults.toml", problem))?;
    if let Some((name, text)) = file {
        let file = tree::parse(text, &Origin::File).map_err(|problem| not_toml(name, problem))?;
        tree::merge(&mut root, file);
        lines = Lines::of(text);
    }
    let report = Faults::new(read_file);
    environment::overlay(&mut root, env, &report);
    lines.hide_overridden("", &root);
    report.place(lines);
    let found = read(Reader::new(String::new(), root, &report));
    let (faults, warnings) = report.close();
    match found {
        Ok(found) if faults.is_empty() => Ok((found, warnings)),
        _ => Err(faults),
    }
}

/// Reads a JSON object by the same rules; the keys of faults begin with `path`. No secret in it can come from a file.
///
/// # Errors
/// Every fault there is.
pub fn read_json<T>(
    path: &str,
    written: &serde_json::Value,
    read: impl FnOnce(Reader<'_>) -> Checked<T>,
) -> Result<T, Vec<Fault>> {
    let no_file = |_: &Path| Err(std::io::ErrorKind::Unsupported.into());
    let report = Faults::new(&no_file);
    let root = Node::from_json(written.clone(), &Origin::File);
    let found = match root.value {
        Value::Table(table) => read(Reader::new(path.to_owned(), table, &report)),
        _ => Err(report.fault(path, "must be an object")),
    };
    let (faults, _) = report.close();
    match found {
        Ok(found) if faults.is_empty() => Ok(found),
        _ => Err(faults),
    }
}
