//! `pinroute guard replay`: tries rules on past traffic, and says what they would have done in money and in people.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::report::bar;
use super::{Failure, runtime, say, settings};
use crate::api::moment;
use crate::app;
use crate::clock::Clock;
use crate::config::Settings;
use crate::gateway::{Findings, ReplayFault, ReplayRequest};
use crate::storage::Progress;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Judge a span of past traffic again, by each project's rules or with others laid over them. Nothing is changed.
    Replay(Asked),
}

#[derive(Debug, clap::Args)]
pub struct Asked {
    /// A date or a time from which on traffic is judged.
    #[arg(long, value_name = "TIME", value_parser = from)]
    from: DateTime<Utc>,
    /// A time before which it ends, or its last day.
    #[arg(long, value_name = "TIME", value_parser = to)]
    to: DateTime<Utc>,
    /// Rules to try, in TOML or JSON: `guard` of a policy (`mode`, `rules`), or its `rules` alone.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Only this project's traffic.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// One JSON object on one line.
    #[arg(long)]
    json: bool,
}

fn from(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, false)
}

fn to(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, true)
}

pub fn run(file: Option<&Path>, Command::Replay(asked): Command) -> Result<(), Failure> {
    let guard = match &asked.rules {
        Some(path) => read_rules(path).map_err(wrong)?,
        None => json!({}),
    };
    let settings = settings::load(file)?;
    runtime()?.block_on(replay(&settings, guard, &asked))
}

async fn replay(settings: &Settings, guard: Value, asked: &Asked) -> Result<(), Failure> {
    let clock = Clock::system();
    let vault = Arc::new(app::vault(settings)?);
    let db = app::open_db(settings, Arc::clone(&vault), &clock, false).await?;
    let gateway = app::at_rest(settings, clock, vault, db).await?;
    let project = match &asked.project {
        None => None,
        Some(name) => {
            let found = gateway.directory().projects().into_iter();
            let mut found = found.filter(|project| project.name == *name);
            let found = found
                .next()
                .ok_or_else(|| wrong(format!("--project: `{name}` is not a project")))?;
            Some(found.id)
        }
    };
    let request = ReplayRequest {
        project,
        from: asked.from,
        to: asked.to,
        guard,
    };
    let is_shown = std::io::stderr().is_terminal();
    let show = |done| {
        let progress = Progress { done, of: 1_000 };
        if is_shown {
            let _ = write!(std::io::stderr(), "\rjudging {}", bar(progress));
        }
    };
    let judged = gateway.verify().replay(&request, |thousandths| {
        show(u64::try_from(thousandths).unwrap_or_default());
    });
    let judged = judged.await;
    if is_shown {
        show(1_000);
        let _ = writeln!(std::io::stderr());
    }
    gateway.close().await;
    let findings = judged.map_err(refused)?;
    let mut shown = findings.json();
    let currency = settings.reporting_currency.to_string();
    if asked.json {
        shown["from"] = json!(request.from);
        shown["to"] = json!(request.to);
        shown["project"] = json!(asked.project);
        shown["currency"] = json!(currency);
        say(&shown.to_string());
    } else {
        say(&table(&findings, &shown, &currency));
    }
    Ok(())
}

/// `guard` of a policy, whether the file has all of it or its rules alone.
fn read_rules(path: &Path) -> Result<Value, String> {
    let name = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("--rules: {name}: {error}"))?;
    let is_json = text.trim_start().starts_with('{');
    let read: Result<Value, String> = if is_json {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        toml::from_str(&text).map_err(|error| error.to_string())
    };
    let mut read = read.map_err(|error| format!("--rules: {name}: {error}"))?;
    if let Some(guard) = read.get_mut("guard") {
        return Ok(guard.take());
    }
    let is_guard = ["mode", "rules", "challenge_channels"];
    if is_guard.into_iter().any(|key| read.get(key).is_some()) {
        return Ok(read);
    }
    Ok(json!({ "rules": read }))
}

fn refused(fault: ReplayFault) -> Failure {
    match fault {
        ReplayFault::Field(name, why) => wrong(format!("--{name} {why}")),
        ReplayFault::Rules(faults) => Failure::Wrong(
            faults
                .iter()
                .map(|fault| {
                    let key = fault
                        .pointer
                        .trim_start_matches("/policy/")
                        .replace('/', ".");
                    format!("--rules: {key} {}", fault.detail)
                })
                .collect(),
        ),
        ReplayFault::Busy | ReplayFault::Failed(_) => Failure::Failed(fault.told()),
    }
}

fn wrong(message: String) -> Failure {
    Failure::Wrong(vec![message])
}

/// A line for all rules together, and one for each that would have stopped something.
fn table(findings: &Findings, shown: &Value, currency: &str) -> String {
    let head = [
        "rule",
        "judged",
        "deny",
        "challenge",
        "false",
        "rate",
        "unknown",
        "spent",
        "saved",
        "first",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    let line = |name: &str, counts: &Value| {
        let text = |key: &str| match &counts[key] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        let rate = counts["false_block_rate"].as_f64().unwrap_or_default();
        let first = counts["seconds_to_first_block"].as_u64();
        [
            name.to_owned(),
            text("judged"),
            text("would_deny"),
            text("would_challenge"),
            text("false_blocks"),
            format!("{:.2} %", rate * 100.0),
            text("unknown_outcome"),
            text("spent"),
            text("saved"),
            first.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
        ]
    };
    lines.push(line("total", &shown["total"]));
    for (rule, counts) in &findings.rules {
        if counts.would_deny + counts.would_challenge > 0 {
            lines.push(line(rule.as_str(), &shown["rules"][rule.as_str()]));
        }
    }
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                let _ = write!(text, "{cell:<width$}");
            } else {
                let _ = write!(text, "  {cell:>width$}");
            }
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "Amounts in {currency}. total: by the modes of the rules; a rule: as if it alone were on. false: stopped although the code was \
        entered. first: seconds from a cell's first message to its first block."
    );
    if findings.summed_up > 0 {
        let _ = write!(
            text,
            "\n{} denials are known by their number alone, and count like the first of their minute.",
            findings.summed_up
        );
    }
    text
}
