//! What the guard makes of attacks, in money, and of honest people beside them: the figures of `docs/guard.md`.
//!
//! `cargo bench --bench merit` prints them as Markdown; `-- --write` puts them into the document, `-- --check` exits with 1 where it
//! differs. Simulated traffic, judged and counted by the live code; each run gives the same.

mod tables;
mod traffic;

use std::process::ExitCode;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guard.md");
const BEGIN: &str = "<!-- figures: cargo bench --bench merit -- --write -->\n";
const END: &str = "<!-- end of figures -->\n";

fn main() -> ExitCode {
    let has = |name: &str| std::env::args().any(|it| it == name);
    // `cargo test --all-targets` also runs benches, but without this argument.
    if !has("--bench") {
        return ExitCode::SUCCESS;
    }
    let (tables, missed) = tables::all();
    for mark in &missed {
        eprintln!("missed: {mark}");
    }
    let outcome = if has("--write") {
        replaced(&tables)
            .and_then(|text| std::fs::write(DOCUMENT, text).map_err(|it| it.to_string()))
    } else if has("--check") {
        replaced(&tables).and_then(|text| {
            let is_same = std::fs::read_to_string(DOCUMENT).is_ok_and(|old| old == text);
            is_same
                .then_some(())
                .ok_or_else(|| format!("{DOCUMENT}: the figures differ; -- --write mends that"))
        })
    } else {
        println!("{tables}");
        Ok(())
    };
    match outcome {
        Ok(()) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

/// The document with these figures.
fn replaced(tables: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(DOCUMENT).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    let parts = text
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.ok_or_else(|| format!("{DOCUMENT}: lacks the lines `{BEGIN}` and `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}
