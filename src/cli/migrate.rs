//! `pinroute migrate`

use std::path::Path;

use super::{Failure, runtime, say, settings};
use crate::app;
use crate::storage::Db;

pub fn run(file: Option<&Path>) -> Result<(), Failure> {
    let settings = settings::load(file)?;
    // A database file and its key are made together: later, a file without its key is one that lost it.
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
