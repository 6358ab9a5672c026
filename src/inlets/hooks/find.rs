//! The integration that an address names.

use std::sync::Arc;

use uuid::Uuid;

use crate::gateway::{Error, Gateway, Integration};
use crate::inlets::fault::Fault;
use crate::web as kit;

/// The integration of this kind and id.
pub async fn find(
    gateway: &Gateway,
    (kind, id): &(String, String),
) -> Result<Arc<Integration>, Fault> {
    let no_such = || {
        let detail = "There is no such integration.";
        Fault::from(kit::Fault::new(kit::Kind::NotFound, detail))
    };
    let id = Uuid::parse_str(id).map_err(|_| no_such())?;
    let found = gateway.directory().integration(id).await;
    let found = found.map_err(|_| kit::Fault::unavailable())?;
    let found = found.filter(|found| found.kind.is_hook() && found.kind.as_str() == kind);
    found.ok_or_else(no_such)
}

/// The integration, if it has changed since it was read.
pub async fn find_newer(gateway: &Gateway, read: &Integration) -> Option<Arc<Integration>> {
    let found = gateway.directory().integration_anew(read.id).await;
    found.ok().flatten().filter(|found| **found != *read)
}

/// A gateway's error where there is no host to answer.
pub fn unavailable(error: &Error) -> kit::Fault {
    match error {
        Error::Internal => kit::Fault::internal(),
        _ => kit::Fault::unavailable(),
    }
}
