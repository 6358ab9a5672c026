//! The secret key, from which all other keys are derived: configured, or in a file next to the SQLite database.

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::StartupError;
use crate::config::{Database, Settings};
use crate::secret::{SecretKey, Vault, random};

/// All keys. With SQLite and no configured key, reads the key file next to the database, and creates it at first start.
pub fn vault(settings: &Settings) -> Result<Vault, StartupError> {
    let key = match (&settings.secret_key, &settings.database) {
        (Some(key), _) => key.clone(),
        (None, Database::Sqlite { path }) => key_beside(path)?,
        (None, Database::Postgres { .. }) => {
            return Err(StartupError::Configuration(
                "secret_key: required with Postgres; create one with `openssl rand -base64 32`"
                    .to_owned(),
            ));
        }
    };
    Ok(Vault::new(&key, &settings.previous_secret_keys))
}

/// The file that holds the key, if it is the one next to the database.
#[must_use]
pub fn key_file(settings: &Settings) -> Option<PathBuf> {
    match (&settings.secret_key, &settings.database) {
        (None, Database::Sqlite { path }) => Some(beside(path)),
        _ => None,
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

fn key_beside(database: &Path) -> Result<SecretKey, StartupError> {
    let path = beside(database);
    let fault = |error: &dyn std::fmt::Display| {
        StartupError::Failed(format!("{}: {error}", path.display()))
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let bytes = STANDARD
                .decode(text.trim())
                .ok()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            return bytes.map(SecretKey).ok_or_else(|| {
                fault(&"does not contain 32 bytes in base64; restore it from a backup")
            });
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(&error)),
        Err(_) => {}
    }
    if std::fs::metadata(database).is_ok_and(|file| file.len() > 0) {
        let lost = format!(
            "{} is missing, but {} was created with it; restore it from a backup",
            path.display(),
            database.display()
        );
        return Err(StartupError::Configuration(format!("secret_key: {lost}")));
    }
    // Write to a temporary file and then link it, so that no process reads a partial key, and the first of two wins.
    let mut fresh = path.clone().into_os_string();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = format!("{}\n", STANDARD.encode(random::<32>()));
    let written = options.open(&fresh).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    let linked = written.and_then(|()| match std::fs::hard_link(&fresh, &path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let _ = std::fs::remove_file(&fresh);
    linked.map_err(|error| fault(&error))?;
    key_beside(database)
}
