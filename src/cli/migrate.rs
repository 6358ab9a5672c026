//! `pinroute migrate`: applies pending database migrations, or says what they would do.

use std::path::Path;

use super::{Failure, runtime, say, settings};
use crate::app;
use crate::config::Settings;
use crate::storage::{self, Db, Location, Postgres, Step};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only print what would run, what it locks, and how large its tables are. Changes nothing.
    #[arg(long)]
    plan: bool,
}

pub fn run(file: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let settings = settings::load(file)?;
    if arguments.plan {
        return show_plan(&settings);
    }
    // Create the key file with the database: a database found without its key later counts as having lost it.
    app::vault(&settings)?;
    let location = app::location(&settings)?;
    let applied = runtime()?
        .block_on(Db::migrate_only(&location))
        .map_err(|error| Failure::Failed(format!("{}: {error}", settings.database_url_shown)))?;
    if applied.is_empty() {
        say("No migrations are pending.");
    }
    for name in applied {
        say(&format!("applied {name}"));
    }
    if let Location::Postgres(postgres) = location {
        show_role_settings(&postgres)?;
    }
    Ok(())
}

/// With a pooler in transaction mode: what sets those settings of the role that are not there yet.
fn show_role_settings(postgres: &Postgres) -> Result<(), Failure> {
    let settings = match runtime()?.block_on(postgres.role_settings()) {
        Ok(Some(settings)) => settings,
        Ok(None) => return Ok(()),
        Err(error) => {
            let unseen = format!("database_url: {error}; the settings of its role are not checked");
            return Err(Failure::Failed(unseen));
        }
    };
    if settings.lacking().next().is_none() {
        say("The role of database_url has its settings.");
        return Ok(());
    }
    say(
        "-- With a pooler in transaction mode, the role of database_url needs these settings. Run, as a superuser or the role itself:",
    );
    for statement in &settings.statements {
        say(statement);
    }
    say(
        "-- They hold for new connections: then RECONNECT the database at the pooler, or restart it.",
    );
    Ok(())
}

fn show_plan(settings: &Settings) -> Result<(), Failure> {
    let location = app::location(settings)?;
    let planned = runtime()?.block_on(storage::plan_migrations(&location));
    let planned = planned
        .map_err(|error| Failure::Failed(format!("{}: {error}", settings.database_url_shown)))?;
    if planned.is_empty() {
        say("No migrations are pending.");
        return Ok(());
    }
    say(match location {
        Location::Postgres(_) => {
            "Each migration is one transaction: what a statement locks stays locked until its migration ends."
        }
        Location::Sqlite(_) => {
            "Writes wait while a migration runs, and no server may use the file."
        }
    });
    for migration in planned {
        say(&migration.name);
        for step in migration.steps {
            say(&shown(&step));
        }
    }
    Ok(())
}

fn shown(step: &Step) -> String {
    let about = match (&step.table, step.rows) {
        (Some(table), Some(rows)) => format!("{table}, {rows} rows: "),
        (Some(table), None) => format!("{table}: "),
        (None, _) => String::new(),
    };
    format!("  {}\n      {about}{}", step.statement, step.effect)
}
