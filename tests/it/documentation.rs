//! Runs every example in the README and in `docs/`: shell blocks in order against a sandbox, configurations through the
//! checker, JSON through a parser.
//!
//! A comment before a block changes that: `file: NAME` writes it to a file, `needs: python` runs it only if the
//! packages are installed, `needs: redis` if there is a Redis too, `not run: REASON` skips it. The sandbox has the sinks that a block
//! exports.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pinroute::config;
use pinroute::secret::random;

use crate::program::{Server, bare_program};

const API: &str = "http://127.0.0.1:8080";
const PHONES: &str = "http://127.0.0.1:8081";
const REDIS: &str = "redis://127.0.0.1:6379";
const PROGRAM: &str = "./target/release/pinroute";

struct Block {
    language: String,
    /// The comment before the block.
    mark: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    let mut mark = String::new();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let mut text = String::new();
            for line in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                let _ = writeln!(text, "{line}");
            }
            blocks.push(Block {
                language: language.to_owned(),
                mark: std::mem::take(&mut mark),
                text,
            });
        } else if let Some(comment) = line
            .strip_prefix("<!-- ")
            .and_then(|line| line.strip_suffix(" -->"))
        {
            comment.clone_into(&mut mark);
        } else if !line.is_empty() {
            mark.clear();
        }
    }
    blocks
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A Python with the packages that the examples need, if available.
fn python() -> Option<String> {
    let path = std::env::var("PINROUTE_TEST_PYTHON").unwrap_or_default();
    (!path.is_empty()).then_some(path)
}

/// A Redis that only tests use.
fn redis() -> Option<String> {
    let url = std::env::var("PINROUTE_TEST_REDIS_URL").unwrap_or_default();
    (!url.is_empty()).then_some(url)
}

/// The sinks that a document's examples configure.
fn sinks(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("export PINROUTE_EVENTS__SINKS='")?;
    let sinks = rest.split('\'').next()?;
    Some(sinks.replace(REDIS, &redis()?))
}

/// An example with what its reader fills in.
fn filled(text: &str) -> String {
    ["TOKEN", "KEY", "PASSWORD"]
        .iter()
        .fold(text.to_owned(), |text, what| {
            text.replace(&format!("PUT-THE-{what}-HERE"), "5aNJn2Cq0wV7")
        })
        .replace(
            "PASTE: openssl rand -base64 32",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )
}

/// A document's shell blocks as one script, and their number.
fn script(blocks: &[Block]) -> (String, usize) {
    let mut script =
        String::from("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    let mut count = 0;
    for block in blocks {
        if let Some(name) = block.mark.strip_prefix("file: ") {
            let _ = write!(
                script,
                "cat > {name} <<'END_OF_FILE'\n{}END_OF_FILE\n",
                filled(&block.text)
            );
        }
        if block.language != "sh" || block.mark.starts_with("not run: ") {
            continue;
        }
        if block.mark == "needs: python" && python().is_none() {
            println!(
                "skipped: a block that needs Python; PINROUTE_TEST_PYTHON is not set (./scripts/test tries to)"
            );
            continue;
        }
        if block.mark == "needs: redis" && (python().is_none() || redis().is_none()) {
            println!("skipped: a block that needs Python and Redis; ./scripts/test starts one");
            continue;
        }
        count += 1;
        script.push_str(&block.text);
        // Wait for the server that the example starts in the background.
        if block.text.contains("&\n") {
            script = script.replace("python3 receiver.py > received &\n", "python3 receiver.py > received &\nuntil (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null; do kill -0 $! || exit 3; done\n");
        }
    }
    (script, count)
}

#[test]
fn every_shell_example_runs_as_written() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut ran = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (script, count) = script(&blocks(&text));
        if count == 0 {
            continue;
        }
        ran += count;
        let folder = std::env::temp_dir().join(format!(
            "pinroute-docs-{:016x}",
            u64::from_be_bytes(random())
        ));
        std::fs::create_dir(&folder).unwrap();
        runtime.block_on(async {
            let mut command = bare_program();
            command
                .current_dir(&folder)
                .env("PINROUTE_LISTEN", "127.0.0.1:0")
                .env("PINROUTE_SIMULATOR_LISTEN", "127.0.0.1:0")
                .env("PINROUTE_WEBHOOKS__ALLOW_PRIVATE", "true");
            if let Some(sinks) = sinks(&text) {
                command.env("PINROUTE_EVENTS__SINKS", sinks);
            }
            let (server, phones) = Server::start_sandbox(command).await;
            let script = script
                .replace(API, &server.base)
                .replace(PHONES, &phones)
                .replace(REDIS, redis().as_deref().unwrap_or(REDIS))
                .replace(PROGRAM, env!("CARGO_BIN_EXE_pinroute"));
            let mut shell = Command::new("bash");
            shell.arg("-c").arg(&script).current_dir(&folder);
            for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PINROUTE_")) {
                shell.env_remove(name);
            }
            let free = std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            shell.env("PORT", free.to_string());
            if let Some(python) = python() {
                let bin = Path::new(&python).parent().unwrap().display().to_string();
                let path = std::env::var("PATH").unwrap_or_default();
                shell.env("PATH", format!("{bin}:{path}"));
            }
            let output = tokio::task::spawn_blocking(move || shell.output().unwrap())
                .await
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{}:\n{script}\n{said}",
                path.display()
            );
            assert!(
                !said.contains("urn:pinroute:problem"),
                "{}: {said}",
                path.display()
            );
            assert_eq!(server.terminate().await, Some(0));
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
    assert!(ran >= 15, "only {ran} shell examples were found");
}

#[test]
fn every_configuration_example_is_valid() {
    let mut checked = 0;
    for path in documents() {
        for block in blocks(&std::fs::read_to_string(&path).unwrap()) {
            if block.language != "toml" {
                continue;
            }
            let text = filled(&block.text);
            if text != block.text {
                let unfilled = config::load(Some(("example", &block.text)), [], &|_| {
                    Err(std::io::ErrorKind::NotFound.into())
                });
                assert!(unfilled.is_err(), "a placeholder is taken: {}", block.text);
            }
            let loaded = config::load(Some(("example", &text)), [], &|_| {
                Err(std::io::ErrorKind::NotFound.into())
            });
            assert!(
                loaded.is_ok(),
                "{}: {:?}\n{text}",
                path.display(),
                loaded.err()
            );
            checked += 1;
        }
    }
    assert!(checked >= 5, "only {checked} configurations were found");
}

#[test]
fn every_json_example_parses() {
    let mut checked = 0;
    for path in documents() {
        for block in blocks(&std::fs::read_to_string(&path).unwrap()) {
            if block.language == "json" {
                let parsed: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
                assert!(
                    parsed.is_ok(),
                    "{}: {:?}\n{}",
                    path.display(),
                    parsed.err(),
                    block.text
                );
                checked += 1;
            }
        }
    }
    assert!(checked >= 4, "only {checked} were found");
}

/// The documents, and those beside the examples.
fn linking_documents() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found = documents();
    found.push(examples.join("README.md"));
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push(path.join("README.md"));
        }
    }
    found
}

#[test]
fn every_link_between_documents_resolves() {
    for path in linking_documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let file = path.parent().unwrap().join(target);
            assert!(
                file.exists(),
                "{} links to {target}, which is not there",
                path.display()
            );
        }
    }
}
