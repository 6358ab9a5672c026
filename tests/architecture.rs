//! Keeps the house in order: who may import whom, how long a file may be, which modules stay pure, and that both
//! engines have the same migrations.
//!
//! A new module at the top of `src/` is a new row of [`MODULES`]. A row that grows is a decision: make it here, in sight.

#[path = "architecture/paths.rs"]
mod paths;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use paths::Token;

struct Module {
    name: &'static str,
    /// The modules it may name besides itself and [`NEUTRAL`].
    may_name: &'static [&'static str],
    /// The guarded crates it may import. A crate is guarded by standing in any row.
    may_import: &'static [&'static str],
}

const ANYTHING: &[&str] = &["*"];

/// Leaves: every module may name them, and they name no other.
const NEUTRAL: &[&str] = &["clock", "money", "secret"];

/// Rules: no async, no I/O, no clock.
const PURE: &[&str] = &["verification", "access", "ledger", "abuse", "reports"];

const MAX_LINES: usize = 400;

#[rustfmt::skip]
const MODULES: &[Module] = &[
    //      name          may name                                                  may import, of what is guarded
    module("clock",        &[],                                                      &[]),
    module("money",        &[],                                                      &[]),
    module("secret",       &[],                                                      &[]),

    module("verification", &[],                                                      &[]),
    module("access",       &["verification"],                                        &[]),
    module("ledger",       &["verification"],                                        &[]),
    module("abuse",        &["verification"],                                        &[]),
    module("reports",      &["verification", "ledger"],                              &[]),
    module("config",       &["verification", "ledger"],                              &[]),

    module("delivery",     &["verification", "ledger"],                              &["reqwest"]),
    module("webhooks",     &["verification", "ledger", "delivery"],                  &["reqwest"]),
    module("shared_state", &["verification", "abuse"],                               &["deadpool_redis"]),
    module("storage",      &["verification", "access", "ledger", "reports",
                             "webhooks", "abuse"],                                   &["sqlx"]),

    module("gateway",      &["verification", "access", "ledger", "reports", "webhooks",
                             "abuse", "delivery", "shared_state", "storage"],        &[]),
    module("jobs",         &["verification", "gateway"],                             &[]),

    // It mounts the dashboard on its listener.
    module("http",         &["verification", "access", "ledger", "reports", "webhooks",
                             "abuse", "gateway", "dashboard"],                       &["actix_web", "utoipa", "utoipa_swagger_ui"]),
    module("dashboard",    &["verification", "access", "ledger", "reports", "webhooks",
                             "abuse", "gateway"],                                    &["actix_web", "utoipa"]),
    // It knows the wire, not the gateway.
    module("simulator",    &[],                                                      &["actix_web", "reqwest"]),

    module("telemetry",    ANYTHING,                                                 ANYTHING),
    module("app",          ANYTHING,                                                 ANYTHING),
    module("cli",          ANYTHING,                                                 ANYTHING),
    module("main",         ANYTHING,                                                 ANYTHING),
    module("lib",          ANYTHING,                                                 ANYTHING),
];

const fn module(
    name: &'static str,
    may_name: &'static [&'static str],
    may_import: &'static [&'static str],
) -> Module {
    Module {
        name,
        may_name,
        may_import,
    }
}

impl Module {
    fn find(name: &str) -> Option<&'static Self> {
        MODULES.iter().find(|module| module.name == name)
    }

    fn may_name(&self, other: &str) -> bool {
        other == self.name
            || self.may_name == ANYTHING
            || self.may_name.contains(&other)
            || (NEUTRAL.contains(&other) && !NEUTRAL.contains(&self.name))
    }

    fn may_import(&self, other: &str) -> bool {
        self.may_import == ANYTHING || self.may_import.contains(&other)
    }
}

#[test]
fn the_top_of_src_is_what_the_table_says() {
    let mut faults = Vec::new();
    for path in entries(&root().join("src")) {
        let name = stem(&path);
        let is_module = path.is_dir() || path.extension().is_some_and(|it| it == "rs");
        if !is_module || Module::find(&name).is_none() {
            faults.push(format!(
                "{}: not a module of this test's table; give it a row, or move it into a module",
                shown(&path)
            ));
        }
    }
    report(&faults);
}

#[test]
fn modules_name_only_what_they_may() {
    let mut faults = Vec::new();
    for source in sources() {
        let module = source.module;
        for name in source.names_at_root() {
            if Module::find(name.text).is_none() {
                faults.push(format!(
                    "{}: `{}` at the crate's root is not a module of this test's table; name it through its module",
                    source.at(name),
                    name.text
                ));
            } else if !module.may_name(name.text) {
                let allowed: Vec<_> = MODULES
                    .iter()
                    .map(|other| other.name)
                    .filter(|other| module.may_name(other))
                    .collect();
                faults.push(format!(
                    "{}: {} may not name {}; it may name {allowed:?}",
                    source.at(name),
                    module.name,
                    name.text
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn guarded_crates_stay_behind_their_module() {
    let guarded: BTreeSet<&str> = MODULES
        .iter()
        .flat_map(|module| module.may_import)
        .copied()
        .filter(|name| *name != "*")
        .collect();
    let mut faults = Vec::new();
    for source in sources() {
        let module = source.module;
        for name in paths::first_words(&source.code) {
            if guarded.contains(name.text) && !module.may_import(name.text) {
                let owners: Vec<_> = MODULES
                    .iter()
                    .filter(|module| module.may_import.contains(&name.text))
                    .map(|module| module.name)
                    .collect();
                faults.push(format!(
                    "{}: {} may not import {}; only {owners:?} may",
                    source.at(name),
                    module.name,
                    name.text
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn rules_are_pure() {
    let mut faults = Vec::new();
    for source in sources() {
        if !PURE.contains(&source.module.name) {
            continue;
        }
        for token in &source.code {
            if matches!(token.text, "async" | "await" | "tokio") {
                faults.push(format!(
                    "{}: `{}` in {}, whose rules are given what they need and do no I/O",
                    source.at(token),
                    token.text,
                    source.module.name
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_are_short_and_say_what_they_own() {
    let mut faults = Vec::new();
    for path in files(&root().join("src")) {
        let text = read(&path);
        if !text.starts_with("//!") {
            faults.push(format!(
                "{}: begins without `//!`, which says what it owns",
                shown(&path)
            ));
        }
        let lines = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .count();
        let below = path.strip_prefix(root()).unwrap_or(&path);
        if lines > MAX_LINES && !holds_tests_alone(below) {
            faults.push(format!(
                "{}: {lines} lines before its tests, over {MAX_LINES}: split it by subject",
                shown(&path)
            ));
        }
    }
    report(&faults);
}

#[test]
fn engines_have_the_same_migrations() {
    let names = |engine: &str| -> BTreeSet<String> {
        entries(&root().join("migrations").join(engine))
            .iter()
            .map(|path| stem(path))
            .collect()
    };
    let (postgres, sqlite) = (names("postgres"), names("sqlite"));
    let faults: Vec<_> = postgres
        .symmetric_difference(&sqlite)
        .map(|name| format!("migrations: {name} stands in one engine's folder only"))
        .collect();
    report(&faults);
    assert!(!postgres.is_empty(), "migrations: there are none");
}

// --- Reading the tree

struct Source {
    path: PathBuf,
    module: &'static Module,
    /// How many modules the file lies below the crate's root.
    depth: usize,
    code: Vec<Token>,
}

impl Source {
    fn names_at_root(&self) -> Vec<&Token> {
        let root = if self.module.name == "main" {
            "pinroute"
        } else {
            "crate"
        };
        paths::names_at_root(&self.code, self.depth, root)
    }

    fn at(&self, token: &Token) -> String {
        format!("{}:{}", shown(&self.path), token.line)
    }
}

/// `tests.rs`, or a file in a folder `tests`.
fn holds_tests_alone(path: &Path) -> bool {
    path.iter().any(|part| stem(Path::new(part)) == "tests")
}

/// Every file of `src/`, but those that hold tests alone, and what has no row, which is a fault of its own.
fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut sources = Vec::new();
    for path in files(&src) {
        let below = path.strip_prefix(&src).expect("it was found below src");
        let mut names: Vec<String> = below.iter().map(|part| stem(Path::new(part))).collect();
        let Some(module) = Module::find(&names[0]) else {
            continue;
        };
        if holds_tests_alone(below) {
            continue;
        }
        names.retain(|name| !matches!(name.as_str(), "mod" | "lib" | "main"));
        sources.push(Source {
            module,
            depth: names.len(),
            code: paths::code(read(&path).leak()),
            path,
        });
    }
    sources
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a folder holds, in order; nothing where there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).into_iter().flatten();
    let mut entries: Vec<_> = listing
        .map(|entry| entry.expect("a listed entry").path())
        .collect();
    entries.sort();
    entries
}

/// The `.rs` files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut found): (Vec<_>, Vec<_>) =
        entries(folder).into_iter().partition(|path| path.is_dir());
    found.retain(|path| path.extension().is_some_and(|it| it == "rs"));
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a source file is UTF-8 text")
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n"));
}
