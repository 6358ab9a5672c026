//! `pinroute restore FILE`: fills an empty database from a backup, and ends what was going on in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{self, Archive, Manifest, Partial};
use super::{Failure, complain, runtime, say, settings};
use crate::app;
use crate::clock::Clock;
use crate::config::Settings;
use crate::secret::Vault;
use crate::storage::{self, Db, Ended, Inspection, Location, Options};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A file that `pinroute backup` wrote.
    file: PathBuf,
}

pub fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let settings = settings::load(config)?;
    let mut archive = Archive::open(&arguments.file).map_err(Failure::Failed)?;
    let location = app::location(&settings)?;
    check_fits(&archive.manifest, &location)?;
    let vault = Arc::new(key(&settings, &archive.manifest)?);
    let ended = match &location {
        Location::Sqlite(path) => sqlite(&settings, path, &mut archive, vault)?,
        Location::Postgres(_) => postgres(&settings, &location, &mut archive, vault)?,
    };
    let (open, messages) = (ended.verifications, ended.messages);
    say(&format!(
        "restored the state of {} into {}",
        archive.manifest.made_at.format("%Y-%m-%d %H:%M:%S UTC"),
        settings.database_url_shown
    ));
    say(&format!(
        "ended {open} verifications that were open; nothing of them is sent any more"
    ));
    say(&format!(
        "gave up {messages} messages to webhooks that were due; each can be redelivered by hand"
    ));
    say(
        "signed all users of the dashboard out. Keys that were revoked since then are valid again: revoke them.",
    );
    if ended.unreadable > 0 {
        complain(&format!(
            "warning: {} verifications cannot be read",
            ended.unreadable
        ));
    }
    Ok(())
}

fn check_fits(manifest: &Manifest, location: &Location) -> Result<(), Failure> {
    let engine = match location {
        Location::Sqlite(_) => "sqlite",
        Location::Postgres(_) => "postgres",
    };
    if manifest.engine != engine {
        return Err(Failure::Failed(format!(
            "the backup is of {}, and database_url is {engine}; restore it to the same kind",
            manifest.engine
        )));
    }
    let known = Inspection::known(location);
    if manifest.migration > known {
        return Err(Failure::Failed(format!(
            "pinroute {} made this backup, with migration {:04}; this version knows {known:04}: restore it with a newer one",
            manifest.pinroute, manifest.migration
        )));
    }
    Ok(())
}

/// The keys, if the backup's is among them. It makes none.
fn key(settings: &Settings, manifest: &Manifest) -> Result<Vault, Failure> {
    let wanted = &manifest.key;
    if let Some(file) = app::key_file(settings)
        && !file.exists()
    {
        return Err(Failure::Wrong(vec![format!(
            "secret_key: {} is not there; put the key with the fingerprint {wanted} there first",
            file.display()
        )]));
    }
    let vault = app::vault(settings)?;
    if !vault.public_keys().iter().any(|(id, _)| id == wanted) {
        return Err(Failure::Wrong(vec![format!(
            "secret_key: its fingerprint is {}, and the backup needs {wanted}; configure that key, or list it in \
             previous_secret_keys",
            vault.signing_key_id()
        )]));
    }
    Ok(vault)
}

/// Everything is done to a file next to the database, which gets its name at the end.
fn sqlite(
    settings: &Settings,
    path: &Path,
    archive: &mut Archive,
    vault: Arc<Vault>,
) -> Result<Ended, Failure> {
    let failed = |problem: String| Failure::Failed(format!("{}: {problem}", path.display()));
    let _no_server = storage::keep_servers_off(path).map_err(|error| failed(error.to_string()))?;
    for side in ["", "-wal", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(side);
        let name = PathBuf::from(name);
        if name.metadata().is_ok_and(|file| file.len() > 0) {
            let there = format!(
                "{} is not empty; move it away, or name another file in database_url",
                name.display()
            );
            return Err(Failure::Failed(there));
        }
    }
    let whole = Partial::beside(path, "restore").map_err(Failure::Failed)?;
    let copied = archive.copy().and_then(|copy| {
        let mut to = File::options().write(true).open(whole.path())?;
        std::io::copy(copy, &mut to)?;
        to.sync_all()
    });
    copied.map_err(|error| failed(error.to_string()))?;
    let ended = end(settings, &Location::Sqlite(whole.path().to_owned()), vault)?;
    if path.exists() {
        // It is empty.
        std::fs::remove_file(path).map_err(|error| failed(error.to_string()))?;
    }
    archive::publish(&whole, path).map_err(Failure::Failed)?;
    Ok(ended)
}

/// A mark in the database keeps servers off until the end.
fn postgres(
    settings: &Settings,
    location: &Location,
    archive: &mut Archive,
    vault: Arc<Vault>,
) -> Result<Ended, Failure> {
    let failed = |problem: String| {
        Failure::Failed(format!(
            "database_url: {}: {problem}",
            settings.database_url_shown
        ))
    };
    let runtime = runtime()?;
    let inspection = runtime.block_on(Inspection::of(location));
    let inspection = inspection.map_err(|error| failed(error.to_string()))?;
    let Some((tables, server)) = inspection.and_then(|it| Some((it.tables, it.server?))) else {
        return Err(failed("cannot be examined".to_owned()));
    };
    if tables > 0 {
        return Err(failed(format!(
            "has {tables} tables; restore into an empty database, then point the servers at it"
        )));
    }
    let schema = archive.manifest.schema.clone().unwrap_or_default();
    if server.schema != schema {
        return Err(failed(format!(
            "uses the schema `{}`, and the backup is of `{schema}`; set the search_path of the role or the database",
            server.schema
        )));
    }
    let begun = runtime.block_on(storage::begin_restore(location));
    begun.map_err(|error| failed(error.to_string()))?;
    let copy = archive.copy().map_err(|error| failed(error.to_string()))?;
    if let Err(error) = archive::load(settings, &schema, copy) {
        // Its transaction was rolled back: the database is empty again.
        let _ = runtime.block_on(storage::end_restore(location));
        return Err(Failure::Failed(error));
    }
    let ended = end(settings, location, vault)?;
    let done = runtime.block_on(storage::end_restore(location));
    done.map_err(|error| failed(error.to_string()))?;
    Ok(ended)
}

/// Applies new migrations, and ends what was going on.
fn end(settings: &Settings, location: &Location, vault: Arc<Vault>) -> Result<Ended, Failure> {
    runtime()?.block_on(async {
        let now = Clock::system().now();
        let options = Options {
            migrate: true,
            serve: false,
            restoring: true,
        };
        let db = Db::open(location, vault, options, now).await;
        let db = db.map_err(|error| Failure::Failed(error.to_string()))?;
        let ended = db.end_the_past(settings.unknown_after, now).await;
        db.close().await;
        Ok(ended?)
    })
}
