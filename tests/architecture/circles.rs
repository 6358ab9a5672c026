//! Circles of files: a file needs another that needs it in turn, perhaps by way of more.
//!
//! Of files in a circle, none can be read, moved or tested without the rest. A module that only hands a name on does not
//! need it. A circle that is one thing by its nature is an entry of [`ACCEPTED`], with its reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Import, Tree, shown};

struct Accepted {
    files: &'static [&'static str],
    reason: &'static str,
}

const ACCEPTED: &[Accepted] = &[
    Accepted {
        files: &[
            "src/simulator/host.rs",
            "src/simulator/live.rs",
            "src/simulator/mod.rs",
            "src/simulator/reports.rs",
            "src/simulator/server.rs",
            "src/simulator/site.rs",
            "src/simulator/sms.rs",
            "src/simulator/telegram/ask.rs",
            "src/simulator/telegram/mod.rs",
            "src/simulator/telegram/request.rs",
            "src/simulator/telegram/requests.rs",
            "src/simulator/telegram/send.rs",
            "src/simulator/telegram/wire.rs",
            "src/simulator/world.rs",
        ],
        reason: "a toy world: everything in it may act on everything else",
    },
    Accepted {
        files: &[
            "src/verification/attempt.rs",
            "src/verification/budget.rs",
            "src/verification/event.rs",
            "src/verification/mod.rs",
        ],
        reason: "one aggregate: a verification holds its attempts, events and budget holds, and they are read with it",
    },
];

/// Circles that are not accepted, and entries for circles that are no more.
pub fn faults(tree: &Tree) -> Vec<String> {
    let mut firsts: BTreeMap<(usize, usize), Import> = BTreeMap::new();
    for import in tree.imports() {
        firsts.entry((import.from, import.to)).or_insert(import);
    }
    let name = |file: usize| shown(&tree.sources[file].path);
    let circles: Vec<(BTreeSet<String>, Vec<usize>)> = circles(tree.sources.len(), &firsts)
        .into_iter()
        .map(|files| (files.iter().map(|file| name(*file)).collect(), files))
        .collect();
    let is = |accepted: &Accepted, files: &BTreeSet<String>| {
        files
            .iter()
            .map(String::as_str)
            .eq(accepted.files.iter().copied())
    };
    let mut faults = Vec::new();
    for (names, files) in &circles {
        if ACCEPTED.iter().any(|accepted| is(accepted, names)) {
            continue;
        }
        let inside = firsts
            .iter()
            .filter(|((from, to), _)| files.contains(from) && files.contains(to));
        let imports: Vec<String> = inside
            .map(|((from, to), import)| {
                format!(
                    "  {}: `{}`, in {}",
                    tree.sources[*from].at(import.line),
                    import.path,
                    name(*to)
                )
            })
            .collect();
        faults.push(format!(
            "a circle of {} files:\n{}",
            files.len(),
            imports.join("\n")
        ));
    }
    for accepted in ACCEPTED {
        if !circles.iter().any(|(names, _)| is(accepted, names)) {
            faults.push(format!(
                "an entry for a circle that is not there, or not of exactly these files ({}): {:#?}",
                accepted.reason, accepted.files
            ));
        }
    }
    faults
}

/// The sets of more than one file of which each leads to every other.
fn circles(count: usize, imports: &BTreeMap<(usize, usize), Import>) -> Vec<Vec<usize>> {
    let reached = |from: usize, backwards: bool| {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for (one, other) in imports.keys() {
                let (start, end) = if backwards {
                    (other, one)
                } else {
                    (one, other)
                };
                if *start == file && seen.insert(*end) {
                    open.push(*end);
                }
            }
        }
        seen
    };
    let mut done: BTreeSet<usize> = BTreeSet::new();
    let mut circles = Vec::new();
    for file in 0..count {
        if done.contains(&file) {
            continue;
        }
        let circle: Vec<usize> = reached(file, false)
            .intersection(&reached(file, true))
            .copied()
            .collect();
        done.extend(&circle);
        if circle.len() > 1 {
            circles.push(circle);
        }
    }
    circles
}
