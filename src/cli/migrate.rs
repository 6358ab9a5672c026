//! `pinroute migrate`: applies pending database migrations.

use std::path::Path;

use super::{Failure, runtime, say, settings};
use crate::app;
use crate::storage::Db;

pub fn run(file: Option<&Path>) -> Result<(), Failure> {
    let settings = settings::load(file)?;
    // Create the key file with the database: a database found without its key later counts as having lost it.
    app::vault(&settings)?;
    let applied = runtime()?
        .block_on(Db::migrate_only(&app::location(&settings)))
        .map_err(|error| Failure::Failed(format!("{}: {error}", settings.database_url_shown)))?;
    if applied.is_empty() {
        say("No migrations are pending.");
    }
    for name in applied {
        say(&format!("applied {name}"));
    }
    Ok(())
}
