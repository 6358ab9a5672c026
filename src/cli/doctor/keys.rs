//! The secret key. Unlike a start, it creates none.

use super::finding::Finding;
use crate::app::{self, StartupError};
use crate::config::{Database, Settings};
use crate::secret::Vault;

const CHECK: &str = "secret_key";

/// The keys, if there are any yet.
pub(super) fn vault(settings: &Settings, findings: &mut Vec<Finding>) -> Option<Vault> {
    if let (Some(file), Database::Sqlite { path }) = (app::key_file(settings), &settings.database)
        && !file.exists()
        && !path.exists()
    {
        let none = format!(
            "{} is created at the first start, with the database",
            file.display()
        );
        findings.push(Finding::skipped(CHECK, none));
        return None;
    }
    match app::vault(settings) {
        Ok(vault) => {
            // The id of the key that signs proofs, which is public.
            findings.push(Finding::ok(
                CHECK,
                format!("fingerprint {}", vault.signing_key_id()),
            ));
            Some(vault)
        }
        Err(StartupError::Configuration(said) | StartupError::Failed(said)) => {
            let mend =
                "restore the key that belongs to the database; without it its numbers are lost";
            findings.push(Finding::fault(CHECK, said, mend));
            None
        }
    }
}
