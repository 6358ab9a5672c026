//! Where the database and Redis are, and the certificate authorities that they are trusted by.

use std::path::Path;

use super::StartupError;
use crate::config::{self, Database, Settings};
use crate::shared_state::Place;
use crate::storage::{Location, Pooler, Postgres};

/// The database. Reads the file of certificate authorities.
pub fn location(settings: &Settings) -> Result<Location, StartupError> {
    let url = match &settings.database {
        Database::Sqlite { path } => return Ok(Location::Sqlite(path.clone())),
        Database::Postgres { url } => url.expose().to_owned(),
    };
    let links = &settings.links;
    let migrate_url = links.migrate_database_url.as_ref();
    Ok(Location::Postgres(Postgres {
        url,
        migrate_url: migrate_url.map(|url| url.expose().to_owned()),
        max_connections: links.database_max_connections,
        statement_timeout: links.statement_timeout,
        authorities: authorities("database_ca_file", links.database_ca_file.as_deref())?,
        pooler: match links.database_pooler {
            config::Pooler::None => Pooler::None,
            config::Pooler::Session => Pooler::Session,
            config::Pooler::Transaction => Pooler::Transaction,
        },
    }))
}

/// Redis, if it is configured. Reads the file of certificate authorities.
pub fn redis(settings: &Settings) -> Result<Option<Place>, StartupError> {
    let Some(url) = &settings.redis_url else {
        return Ok(None);
    };
    let place = Place::read(url.expose(), redis_authorities(settings)?);
    place
        .map(Some)
        .map_err(|fault| StartupError::Configuration(format!("redis_url: {fault}")))
}

/// The certificate authorities that every Redis is trusted by; `None`: the usual ones.
pub fn redis_authorities(settings: &Settings) -> Result<Option<Vec<u8>>, StartupError> {
    authorities("redis_ca_file", settings.links.redis_ca_file.as_deref())
}

fn authorities(key: &str, file: Option<&Path>) -> Result<Option<Vec<u8>>, StartupError> {
    let Some(file) = file else { return Ok(None) };
    let fault = |problem: String| {
        StartupError::Configuration(format!("{key}: {}: {problem}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|error| fault(error.to_string()))?;
    let is_pem = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
    if !is_pem {
        return Err(fault(
            "holds no certificate in PEM form; it begins with -----BEGIN CERTIFICATE-----"
                .to_owned(),
        ));
    }
    Ok(Some(pem))
}
