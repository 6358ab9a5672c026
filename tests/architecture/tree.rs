//! Reads `src/`: its files, their modules, and what each path that they write leads to.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::paths::{self, Token, Written};
use crate::table::Module;

pub struct Source {
    pub path: PathBuf,
    pub row: &'static Module,
    /// From the crate's root: `["storage", "engine", "open"]`.
    pub module: Vec<&'static str>,
    pub code: Vec<Token>,
    pub written: Vec<Written>,
}

impl Source {
    /// What it names at the crate's root, and in which line.
    pub fn names_at_root(&self) -> Vec<(&'static str, usize)> {
        let first = |path: &Written| {
            let absolute = path.absolute(&self.module, self.root())?;
            Some((*absolute.first()?, path.line))
        };
        self.written.iter().filter_map(first).collect()
    }

    fn root(&self) -> &'static str {
        if self.row.name == "main" {
            "pinroute"
        } else {
            "crate"
        }
    }

    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", shown(&self.path))
    }

    /// Whether a name occurs outside of `use`: a file that only hands a name on does not depend on it.
    fn works_with(&self, name: &str) -> bool {
        let mut in_use = false;
        self.code.iter().enumerate().any(|(at, token)| {
            match token.text {
                "use" => in_use = self.code.get(at + 1).is_some_and(|next| next.text != "<"),
                ";" => in_use = false,
                _ => {}
            }
            !in_use && token.text == name
        })
    }
}

/// That one file names something in another.
pub struct Import {
    pub from: usize,
    pub to: usize,
    pub line: usize,
    pub path: String,
}

/// All files, and by which module each is found.
pub struct Tree {
    pub sources: Vec<Source>,
    files: HashMap<Vec<&'static str>, usize>,
}

impl Tree {
    pub fn read() -> Self {
        let sources = sources();
        let files = sources
            .iter()
            .enumerate()
            .filter(|(_, source)| source.row.name != "main")
            .map(|(file, source)| (source.module.clone(), file))
            .collect();
        Self { sources, files }
    }

    /// What files name in other files, but for the names that they only hand on.
    pub fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, source) in self.sources.iter().enumerate() {
            for path in &source.written {
                let only_handed_on = path.handed_on
                    && path
                        .binds
                        .is_none_or(|name| name == "*" || !source.works_with(name));
                if only_handed_on {
                    continue;
                }
                let target = self.absolute(from, path, 0);
                if let Some(to) = target.and_then(|path| self.file_of(&path, 0))
                    && to != from
                {
                    imports.push(Import {
                        from,
                        to,
                        line: path.line,
                        path: path.words.join("::"),
                    });
                }
            }
        }
        imports
    }

    /// A path from the crate's root. A first word may be a module below, or a name that a `use` binds.
    fn absolute(&self, file: usize, path: &Written, turns: u8) -> Option<Vec<&'static str>> {
        let source = &self.sources[file];
        if let Some(absolute) = path.absolute(&source.module, source.root()) {
            return Some(absolute);
        }
        let first = *path.words.first()?;
        let below = [&source.module[..], &path.inside, &[first]].concat();
        if self.files.contains_key(&below) {
            return Some([&source.module[..], &path.inside, &path.words].concat());
        }
        let bound = self.bound(file, first, turns)?;
        Some([&bound[..], &path.words[1..]].concat())
    }

    /// The path that a name refers to, if the file binds it with `use` or re-exports it by a glob.
    fn bound(&self, file: usize, name: &str, turns: u8) -> Option<Vec<&'static str>> {
        // A `use` of a name that it binds itself, such as one of a macro, would turn in a circle.
        if turns > 8 {
            return None;
        }
        let uses = self.sources[file].written.iter();
        let path = uses
            .clone()
            .find(|path| path.binds == Some(name) && path.words != [name])?;
        self.absolute(file, path, turns + 1)
    }

    /// The file that a path from the crate's root leads to, through the names that modules hand on.
    fn file_of(&self, path: &[&'static str], turns: u8) -> Option<usize> {
        let mut length = path.len();
        while length > 0 && !self.files.contains_key(&path[..length]) {
            length -= 1;
        }
        let file = *self.files.get(&path[..length])?;
        let Some(name) = path.get(length) else {
            return Some(file);
        };
        match self.bound(file, name, turns) {
            Some(mut bound) if turns < 8 => {
                bound.extend(&path[length + 1..]);
                self.file_of(&bound, turns + 1)
            }
            _ => Some(file),
        }
    }
}

/// `tests.rs`, or a file in a folder `tests`.
pub fn holds_tests_alone(path: &Path) -> bool {
    path.iter().any(|part| stem(Path::new(part)) == "tests")
}

/// Every file of `src/`, but those that hold tests alone, and those without a row, which is a fault of its own.
fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut sources = Vec::new();
    for path in files(&src) {
        let below = path.strip_prefix(&src).expect("it was found below src");
        let names: Vec<&'static str> = below
            .iter()
            .map(|part| &*stem(Path::new(part)).leak())
            .collect();
        let Some(row) = Module::find(names[0]) else {
            continue;
        };
        if holds_tests_alone(below) {
            continue;
        }
        let is_module = |name: &&str| !matches!(*name, "mod" | "lib" | "main");
        let code = paths::code(read(&path).leak());
        sources.push(Source {
            row,
            module: names.into_iter().filter(is_module).collect(),
            written: paths::written(&code),
            code,
            path,
        });
    }
    sources
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a folder holds, in order; nothing if there is no folder.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).into_iter().flatten();
    let mut entries: Vec<_> = listing
        .map(|entry| entry.expect("a listed entry").path())
        .collect();
    entries.sort();
    entries
}

/// The `.rs` files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut found): (Vec<_>, Vec<_>) =
        entries(folder).into_iter().partition(|path| path.is_dir());
    found.retain(|path| path.extension().is_some_and(|it| it == "rs"));
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a source file is UTF-8 text")
}

pub fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

pub fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}
