//! `pinroute backup FILE`: a copy of the database, while the server runs. It holds the key's fingerprint, never the key.

use std::path::{Path, PathBuf};

use super::archive::{self, Manifest, Partial};
use super::{Failure, runtime, say, settings};
use crate::app;
use crate::clock::Clock;
use crate::storage::{self, Inspection, Location};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// File to write, which must not exist. Only its owner may read it.
    file: PathBuf,
}

pub fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let file = &arguments.file;
    let settings = settings::load(config)?;
    let shown = &settings.database_url_shown;
    let failed = |problem: String| Failure::Failed(format!("{shown}: {problem}"));
    if file.exists() {
        let there = format!("{} exists already; choose another name", file.display());
        return Err(Failure::Failed(there));
    }
    let location = app::location(&settings)?;
    let runtime = runtime()?;
    let inspection = runtime.block_on(Inspection::of(&location));
    let inspection = inspection.map_err(|error| failed(error.to_string()))?;
    let Some(inspection) = inspection.filter(|inspection| inspection.canary.is_some()) else {
        return Err(failed("there is no database of pinroute yet".to_owned()));
    };
    if inspection.is_half_restored {
        return Err(failed(
            "a restore into it did not end; restore it again first".to_owned(),
        ));
    }
    let vault = app::vault(&settings)?;
    let canary = inspection.canary.as_deref().unwrap_or_default();
    let Some(key) = vault.key_of_canary(canary) else {
        let other = "secret_key: the database was made with another secret_key; configure that one";
        return Err(Failure::Wrong(vec![other.to_owned()]));
    };
    let copy = Partial::beside(file, "copy").map_err(Failure::Failed)?;
    let schema = inspection.server.map(|server| server.schema);
    match &location {
        Location::Sqlite(path) => runtime
            .block_on(storage::copy_sqlite(path, copy.path()))
            .map_err(|error| failed(error.to_string()))?,
        Location::Postgres(_) => {
            let schema = schema.as_deref().unwrap_or_default();
            archive::dump(&settings, schema, copy.path()).map_err(Failure::Failed)?;
        }
    }
    let manifest = Manifest {
        made_at: Clock::system().now(),
        pinroute: env!("CARGO_PKG_VERSION").to_owned(),
        engine: match location {
            Location::Sqlite(_) => "sqlite".to_owned(),
            Location::Postgres(_) => "postgres".to_owned(),
        },
        database: inspection.version,
        schema,
        migration: inspection.newest,
        key: key.to_owned(),
        bytes: 0,
        sha256: String::new(),
    };
    let manifest = archive::write(file, manifest, &copy).map_err(Failure::Failed)?;
    say(&format!(
        "wrote {}: {} bytes of {}. It needs the secret key with the fingerprint {}, which is not in it.",
        file.display(),
        manifest.bytes,
        manifest.database,
        manifest.key
    ));
    Ok(())
}
