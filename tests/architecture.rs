//! Keeps the house in order: who may name whom, no circle of files, how long a file may be, which modules stay pure, and
//! that both engines have the same migrations.
//!
//! A new module at the top of `src/` is a new row of [`table`]. A circle that has a reason is an entry of [`circles`].

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/table.rs"]
mod table;
#[path = "architecture/tree.rs"]
mod tree;

use std::collections::BTreeSet;

use table::{GATEWAY, MODULES, Module, PURE};
use tree::{Tree, entries, files, holds_tests_alone, read, root, shown, stem};

/// Before its tests.
const MAX_LINES: usize = 400;
/// Of a file that holds tests alone.
const MAX_TEST_LINES: usize = 800;

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
    let names: BTreeSet<String> = entries(&root().join("src"))
        .iter()
        .map(|it| stem(it))
        .collect();
    let gone = MODULES.iter().filter(|module| !names.contains(module.name));
    faults.extend(gone.map(|module| format!("{}: a row without a module; drop it", module.name)));
    report(&faults);
}

#[test]
fn modules_name_only_what_they_may() {
    let mut faults = Vec::new();
    for source in Tree::read().sources {
        let module = source.row;
        for (name, line) in source.names_at_root() {
            if Module::find(name).is_none() {
                faults.push(format!(
                    "{}: `{}` at the crate's root is not a module of this test's table; name it through its module",
                    source.at(line),
                    name
                ));
            } else if !module.may_name(name) {
                let allowed: Vec<_> = Module::all()
                    .map(|other| other.name)
                    .filter(|other| module.may_name(other))
                    .collect();
                faults.push(format!(
                    "{}: {} may not name {}; it may name {allowed:?}",
                    source.at(line),
                    module.name,
                    name
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn guarded_crates_stay_behind_their_module() {
    let guarded: BTreeSet<&str> = Module::all()
        .flat_map(|module| module.may_import)
        .copied()
        .filter(|name| *name != "*")
        .collect();
    let mut faults = Vec::new();
    for source in Tree::read().sources {
        let module = source.row;
        for name in paths::first_words(&source.code) {
            if guarded.contains(name.text) && !module.may_import(name.text) {
                let owners: Vec<_> = Module::all()
                    .filter(|module| module.may_import.contains(&name.text))
                    .map(|module| module.name)
                    .collect();
                faults.push(format!(
                    "{}: {} may not import {}; only {owners:?} may",
                    source.at(name.line),
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
    for source in Tree::read().sources {
        if !PURE.contains(&source.row.name) {
            continue;
        }
        for token in &source.code {
            if matches!(token.text, "async" | "await" | "tokio") {
                faults.push(format!(
                    "{}: `{}` in {}, whose rules are given what they need and do no I/O",
                    source.at(token.line),
                    token.text,
                    source.row.name
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn rooms_of_the_gateway_keep_their_order() {
    let folder = root().join("src/gateway");
    let rooms: Vec<String> = entries(&folder).iter().map(|path| stem(path)).collect();
    let row = |room: &str| GATEWAY.iter().find(|(name, _)| *name == room);
    let mut faults: Vec<String> = rooms
        .iter()
        .filter(|room| *room != "mod" && row(room).is_none())
        .map(|room| format!("src/gateway/{room}: not a room of the table; move it into one"))
        .collect();
    let tree = Tree::read();
    for import in tree.imports() {
        let (from, to) = (&tree.sources[import.from], &tree.sources[import.to]);
        let (["gateway", from_room, ..], ["gateway", to_room, ..]) =
            (&from.module[..], &to.module[..])
        else {
            continue;
        };
        let may_name = row(from_room).is_none_or(|(_, others)| others.contains(to_room));
        if from_room != to_room && !may_name {
            faults.push(format!(
                "{}: gateway::{from_room} may not name gateway::{to_room} (`{}`)",
                from.at(import.line),
                import.path
            ));
        }
    }
    report(&faults);
}

#[test]
fn no_files_need_one_another_in_a_circle() {
    report(&circles::faults(&Tree::read()));
}

#[test]
fn files_are_short_and_say_what_they_own() {
    let mut faults = Vec::new();
    for path in [root().join("src"), root().join("tests")]
        .iter()
        .flat_map(|it| files(it))
    {
        let text = read(&path);
        if !text.starts_with("//!") {
            faults.push(format!(
                "{}: begins without `//!`, which says what it owns",
                shown(&path)
            ));
        }
        let is_of_tests = holds_tests_alone(path.strip_prefix(root()).unwrap_or(&path));
        let (lines, most) = if is_of_tests {
            (text.lines().count(), MAX_TEST_LINES)
        } else {
            let code = text
                .lines()
                .take_while(|line| !line.starts_with("#[cfg(test)]"));
            (code.count(), MAX_LINES)
        };
        if lines > most {
            faults.push(format!(
                "{}: {lines} lines, over {most}; split it by subject",
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
        .map(|name| format!("migrations: {name} exists for one engine only"))
        .collect();
    report(&faults);
    assert!(!postgres.is_empty(), "migrations: there are none");
}

/// So its folder and these two lines are all that there is to remove.
#[test]
fn a_dialect_is_named_by_its_mod_line_and_its_place_in_the_list_alone() {
    let dialects = root().join("src/dialects");
    let list = dialects.join("mod.rs");
    let folders = entries(&dialects).into_iter().filter(|path| path.is_dir());
    let mut faults = Vec::new();
    for folder in folders {
        let name = stem(&folder);
        for file in files(&root().join("src")) {
            if file.starts_with(&folder) {
                continue;
            }
            let text = read(&file);
            let found = text.lines().filter(|line| line.contains(&name)).count();
            let expected = if file == list { 2 } else { 0 };
            if found != expected {
                faults.push(format!(
                    "{}: names {name} in {found} lines, not {expected}",
                    shown(&file)
                ));
            }
        }
    }
    report(&faults);
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n"));
}
