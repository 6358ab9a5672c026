//! `pinroute report …`: prints the reports that the API also serves, or rebuilds their sums.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::ValueEnum;

use super::{Failure, complain, say, settings};
use crate::clock::Clock;
use crate::config::Settings;
use crate::gateway::{ReportFault, ReportKind, report};
use crate::locale::Locale;
use crate::money::Currency;
use crate::reports::query::{self, Group, Query};
use crate::reports::table::{Cell, Table};
use crate::reports::{csv, xlsx};
use crate::storage::{Db, Progress, RebuildError};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Money spent and refunded, and what SMS alone would have cost.
    Costs(Asked),
    /// How many verifications reached each stage from request to approval, and how quickly.
    Conversion(Asked),
    /// Rebuild the report sums from verifications and the ledger, whether or not a server is running.
    Rebuild,
}

#[derive(Debug, clap::Args)]
pub struct Asked {
    /// First day; by default 29 days before the last.
    #[arg(long, value_name = "DATE", value_parser = query::date)]
    from: Option<NaiveDate>,
    /// Last day, inclusive; by default today.
    #[arg(long, value_name = "DATE", value_parser = query::date)]
    to: Option<NaiveDate>,
    /// Comma-separated list of month, week, day, hour, project, channel, provider, country.
    #[arg(long, value_name = "GROUPS", default_value = "", hide_default_value = true, value_parser = groups)]
    group_by: Groups,
    /// Currency of all amounts; by default the configured `reporting_currency`.
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// IANA time zone in which days begin.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = query::zone)]
    tz: chrono_tz::Tz,
    /// Limit the report to one project.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
    /// Leave the row of totals out of a CSV or a spreadsheet, for pivot tables.
    #[arg(long)]
    no_totals: bool,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Groups(Vec<Group>);

fn groups(text: &str) -> Result<Groups, String> {
    query::groups(text).map(Groups)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
    Csv,
    Xlsx,
}

pub fn run(file: Option<&Path>, command: Command) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock, settings| match command {
        Command::Costs(asked) => make(db, clock.now(), settings, ReportKind::Costs, asked).await,
        Command::Conversion(asked) => {
            make(db, clock.now(), settings, ReportKind::Conversion, asked).await
        }
        Command::Rebuild => {
            rebuild(db, clock).await?;
            say("Rebuilt the report sums.");
            Ok(())
        }
    })
}

/// Rebuilds the report sums, with a progress bar if standard error is a terminal.
pub async fn rebuild(db: &Db, clock: &Clock) -> Result<(), Failure> {
    let shown = std::io::stderr().is_terminal();
    let mut last = 0;
    let done = db.rebuild(clock, |progress| {
        let percent = progress.done * 100 / progress.of.max(1);
        if shown && percent != last {
            last = percent;
            let _ = write!(std::io::stderr(), "\rsumming {}", bar(progress));
        }
    });
    let done = done.await;
    if shown {
        let _ = writeln!(std::io::stderr());
    }
    match done {
        Ok(()) => {
            while db.sum_tallies(clock.now()).await? {}
            Ok(())
        }
        Err(RebuildError::Storage(error)) => Err(error.into()),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

/// A progress bar of 40 characters, followed by the counts.
pub fn bar(progress: Progress) -> String {
    let filled = usize::try_from(progress.done * 40 / progress.of.max(1))
        .unwrap_or(40)
        .min(40);
    let (full, empty) = ("█".repeat(filled), "░".repeat(40 - filled));
    format!("{full}{empty} {} of {}", progress.done, progress.of)
}

async fn make(
    db: &Db,
    now: chrono::DateTime<chrono::Utc>,
    settings: &Settings,
    kind: ReportKind,
    asked: Asked,
) -> Result<(), Failure> {
    let wrong = |message: String| Failure::Wrong(vec![message]);
    let currency = asked.currency.unwrap_or(settings.reporting_currency);
    let mut query = Query::new(
        asked.from,
        asked.to,
        asked.tz,
        asked.group_by.0,
        currency,
        now,
    )
    .map_err(|fault| wrong(format!("--{fault}")))?;
    let projects = db.list_projects().await?;
    if let Some(name) = &asked.project {
        let found = projects.iter().find(|project| project.name == *name);
        let found = found.ok_or_else(|| wrong(format!("--project: `{name}` is not a project")))?;
        query.project = Some(found.id.0);
    }
    if asked.format == Form::Xlsx && asked.output.is_none() && std::io::stdout().is_terminal() {
        return Err(wrong(
            "--format xlsx: add --output FILE; a spreadsheet cannot be printed to a terminal"
                .to_owned(),
        ));
    }
    let name = |id| {
        let found = projects.iter().find(|project| project.id.0 == id);
        found.map(|project| project.name.clone())
    };
    if db.is_unsummed().await? {
        return Err(Failure::Failed(
            "the report sums are not built yet; run `pinroute report rebuild` or start the server"
                .to_owned(),
        ));
    }
    let table = report(db, kind, &query, name)
        .await
        .map_err(|fault| match fault {
            ReportFault::Missing(missing) => Failure::Failed(format!(
                "{missing}; add one with PUT /v1/exchange-rates, or choose another --currency"
            )),
            ReportFault::Storage(error) => error.into(),
        })?;
    let bytes = match asked.format {
        Form::Table => lines(&table).into_bytes(),
        Form::Json => json(&query, kind, &table).into_bytes(),
        Form::Csv => csv::parts(table, !asked.no_totals)
            .collect::<String>()
            .into_bytes(),
        Form::Xlsx => {
            let about = xlsx::About {
                locale: Locale::ENGLISH,
                for_programs: false,
                query: &query,
                project: asked.project.as_deref(),
                made_at: now,
                totals: !asked.no_totals,
            };
            xlsx::write(&table, &about).map_err(|error| Failure::Failed(error.to_string()))?
        }
    };
    let failed =
        |name: String| move |error: std::io::Error| Failure::Failed(format!("{name}: {error}"));
    match asked.output {
        Some(path) => {
            std::fs::write(&path, bytes).map_err(failed(path.display().to_string()))?;
            complain(&format!("wrote {}", path.display()));
            Ok(())
        }
        None => match std::io::stdout().write_all(&bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(failed("standard output".to_owned())),
        },
    }
}

/// The report as JSON, with the same body as the API's response.
fn json(query: &Query, kind: ReportKind, table: &Table) -> String {
    let mut body = serde_json::json!({
        "from": query.from, "to": query.to, "tz": query.zone.name(),
        "rows": table.rows().collect::<Vec<_>>(), "total": table.total(),
    });
    if kind == ReportKind::Costs {
        body["currency"] = query.currency.as_str().into();
    }
    format!("{body}\n")
}

/// The report as aligned text, with figures right-aligned.
fn lines(table: &Table) -> String {
    use std::fmt::Write;
    let heads = table.columns.iter().map(|name| (*name).replace('_', " "));
    let text = |row: &Vec<Cell>| -> Vec<String> {
        row.iter().map(|cell| cell.text(table.currency)).collect()
    };
    let mut rows: Vec<Vec<String>> = vec![heads.collect()];
    rows.extend(table.rows.iter().map(text));
    rows.push(text(&table.last_row()));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut out = String::new();
    let last = rows.len() - 1;
    for (place, row) in rows.iter().enumerate() {
        if place == 1 || place == last {
            let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            out.push_str(&rule.join("  "));
            out.push('\n');
        }
        let cells = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (text, width))| {
                if column < table.keys {
                    format!("{text:<width$}")
                } else {
                    format!("{text:>width$}")
                }
            });
        let line: Vec<String> = cells.collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    if table.columns.contains(&"net") {
        let _ = writeln!(out, "Money in {}.", table.currency);
    }
    out
}
