//! Reads the configuration for a command from the file, the environment and secret files.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Failure, complain, exposed, runtime};
use crate::app;
use crate::audit::By;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::gateway::DIRECTORY_AGE;
use crate::storage::{Act, Db};

/// Loads the settings; prints warnings to standard error.
pub fn load(file: Option<&Path>) -> Result<Settings, Failure> {
    let (settings, warnings) = read(file)?;
    for warning in warnings {
        complain(&format!("warning: {warning}"));
    }
    Ok(settings)
}

/// Loads the settings, and what to warn of.
pub fn read(file: Option<&Path>) -> Result<(Settings, Vec<String>), Failure> {
    let loaded = read_apart(file)?;
    let warnings = loaded.warnings.into_iter().chain(loaded.exposed);
    Ok((loaded.settings, warnings.collect()))
}

/// Settings, and two kinds of warnings.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// About what is written.
    pub warnings: Vec<String>,
    /// Files with a secret that others may read.
    pub exposed: Vec<String>,
}

/// Like [`read`].
pub fn read_apart(file: Option<&Path>) -> Result<Loaded, Failure> {
    let wrong = |message: String| Failure::Wrong(vec![message]);
    let text = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
            Some((path.display().to_string(), text))
        }
        None => None,
    };
    let file = text
        .as_ref()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let secrets = RefCell::new(Vec::new());
    let loaded = config::load(file, environment, &|path| {
        secrets.borrow_mut().push(path.to_owned());
        std::fs::read_to_string(path)
    });
    let config::Loaded { settings, warnings } = loaded
        .map_err(|faults| Failure::Wrong(faults.iter().map(ToString::to_string).collect()))?;
    let secrets = secrets.into_inner();
    let secrets = secrets.into_iter().chain(app::key_file(&settings));
    let exposed = secrets.filter_map(|path| exposed::warning(&path));
    Ok(Loaded {
        exposed: exposed.collect(),
        settings,
        warnings,
    })
}

/// Waits until every running server acts on a change of projects or keys.
pub async fn in_force() {
    tokio::time::sleep(DIRECTORY_AGE).await;
}

/// Who runs this command, as far as the shell tells.
pub fn operator() -> By {
    // The one who has become root comes first.
    let mut names = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
    let name = names.find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    By::command_line(name)
}

/// A change that this command makes now.
pub fn act(now: DateTime<Utc>) -> Act {
    Act::of(&operator(), now)
}

/// Runs an administration command on the configured database, whether or not a server is running.
pub fn with_db<T>(
    file: Option<&Path>,
    command: impl AsyncFnOnce(&Db, &Clock, &Settings) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let settings = load(file)?;
    runtime()?.block_on(async {
        let clock = Clock::system();
        let vault = Arc::new(app::vault(&settings)?);
        let db = app::open_db(&settings, vault, &clock, false).await?;
        command(&db, &clock, &settings).await
    })
}
