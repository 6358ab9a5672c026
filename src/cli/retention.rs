//! `pinroute retention …`: applies ages now, as running servers do in the background, or counts what would go.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Failure, say, settings};
use crate::app;
use crate::clock::Clock;
use crate::config::Settings;
use crate::gateway::{Due, Removed, Retention, erase_due, remove};
use crate::storage::{Db, ERASED, Project};
use crate::verification::span;

/// A server that was alive this long ago may still run.
const SEEN: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Erase and remove what has passed its age under [retention], in chunks, whether or not a server is running.
    Run {
        /// Only count what would go.
        #[arg(long)]
        dry_run: bool,
        #[arg(long)]
        json: bool,
    },
}

/// What went, or would go.
struct Gone {
    age: &'static str,
    /// Of one project.
    project: Option<String>,
    what: &'static str,
    count: u64,
    /// On Postgres.
    partitions: Vec<String>,
}

pub fn run(file: Option<&Path>, command: &Command) -> Result<(), Failure> {
    let Command::Run { dry_run, json } = *command;
    settings::with_db(file, async |db, clock, settings| {
        let now = clock.now();
        if !dry_run {
            must_be_known(db, clock).await?;
        }
        let projects = db.list_projects().await?;
        let retention = ages(settings, &projects)?;
        let name = |id| {
            let found = projects.iter().find(|project| Some(project.id) == id);
            found.map(|project| project.name.clone())
        };
        let mut gone = Vec::new();
        for due in retention.due(now) {
            let (age, count) = (due.aged.part.as_str(), erase(db, &due, dry_run).await?);
            gone.push(Gone {
                age,
                project: name(due.aged.project),
                what: "verifications",
                count,
                partitions: Vec::new(),
            });
        }
        for removed in retention.removed(now) {
            let (count, partitions) = if dry_run {
                (removed.count(db).await?, Vec::new())
            } else {
                remove_all(db, &removed).await?
            };
            gone.push(Gone {
                age: removed.what.as_str(),
                project: name(removed.project),
                what: "rows",
                count,
                partitions,
            });
        }
        if !dry_run {
            db.settle_file().await?;
        }
        show(&gone, dry_run, json);
        Ok(())
    })
}

/// A server of an older version would take what is missing for a number.
async fn must_be_known(db: &Db, clock: &Clock) -> Result<(), Failure> {
    let since = span::before(clock.now(), SEEN);
    if db.is_alone() || db.known_to_all(since).await? >= ERASED {
        return Ok(());
    }
    Err(Failure::Failed(
        "a server of an older version runs, which cannot read what is left of a verification; update it first"
            .to_owned(),
    ))
}

/// Those of the configuration, and shorter ones of projects.
fn ages(settings: &Settings, projects: &[Project]) -> Result<Retention, Failure> {
    let book = app::policies(settings);
    let mut own = Vec::new();
    for project in projects {
        let policy = book.read(&project.overrides).map_err(|_| {
            let name = &project.name;
            Failure::Failed(format!(
                "the policy of project {name} is not valid; `pinroute projects show {name}` says why"
            ))
        })?;
        own.push((project.id, policy.retention));
    }
    Ok(Retention::new(app::kept(settings), own))
}

async fn erase(db: &Db, due: &Due, is_dry: bool) -> Result<u64, Failure> {
    let is_shown = std::io::stderr().is_terminal();
    let mut count = 0;
    erase_due(db, due, is_dry, |reached| {
        count += reached.count;
        if is_shown {
            let (age, day) = (due.aged.part.as_str(), reached.at.date_naive());
            let _ = write!(std::io::stderr(), "\r{age}: {count} up to {day} ");
        }
        true
    })
    .await?;
    if is_shown {
        let _ = writeln!(std::io::stderr());
    }
    Ok(count)
}

async fn remove_all(db: &Db, removed: &Removed) -> Result<(u64, Vec<String>), Failure> {
    let (mut count, mut partitions) = (0, Vec::new());
    loop {
        let (gone, dropped, more) = remove(db, removed).await?;
        count += gone;
        partitions.extend(dropped);
        if !more {
            return Ok((count, partitions));
        }
    }
}

fn show(gone: &[Gone], is_dry: bool, json: bool) {
    if json {
        let item = |one: &Gone| -> Value {
            json!({
                "age": one.age, "project": one.project, "what": one.what, "count": one.count, "partitions": one.partitions,
            })
        };
        let items: Vec<Value> = gone.iter().map(item).collect();
        say(&json!({ "dry_run": is_dry, "items": items }).to_string());
        return;
    }
    for one in gone {
        let verb = match (one.what, is_dry) {
            ("verifications", true) => "would be erased of",
            ("verifications", false) => "erased of",
            (_, true) => "would be removed",
            (_, false) => "removed",
        };
        let project = match &one.project {
            Some(name) => format!(" of project {name}"),
            None => String::new(),
        };
        let what = if one.what == "verifications" {
            format!("{verb} {} verifications{project}", one.count)
        } else {
            format!("{} rows{project} {verb}", one.count)
        };
        let partitions = match &one.partitions[..] {
            [] => String::new(),
            names => format!(", and partitions {}", names.join(", ")),
        };
        say(&format!("{:<20} {what}{partitions}", one.age));
    }
}
